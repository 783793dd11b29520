"""Whether a value that a secret's name stands before is one: no reference, no word of code, no sentence about it."""

from __future__ import annotations

import base64
import binascii
import re

from .names import NameKind, name_kind

_REFERENCE = re.compile(
    r"\$[A-Za-z_]\w*\)?$|.*\$\{|\$\(|.*\{\{|%[A-Za-z_]\w*%$|.*%[sdr](?![\w])|\{[\w.:! ]*\}$|<[^>]*>?$|@[A-Z_]+@$"
    r"|[.…]+$|[*•_-]+$|[xX]{3,}$|.*\*{3}|(?:your|YOUR|Your)[-_ ]|<redacted|\[[\w ]*\]$"
    r"|(?:process\.env|os\.(?:environ|getenv)|import\.meta|ENV\[|env[.(]|secrets\.|vars\.|Deno\.env|var\.|local\.|data\.)"
)
_PLAIN_WORDS = frozenset({
    "true", "false", "null", "none", "nil", "undefined", "string", "str", "number", "integer", "int", "boolean", "bool",
    "bytes", "object", "any", "unknown", "text", "required", "optional", "missing", "invalid", "expired", "redacted",
    "masked", "hidden", "secret", "password", "token", "key", "empty", "yes", "no", "on", "off", "default", "auto",
    "type", "self", "this", "input", "value", "hash", "passwd", "pwd", "username", "user", "name", "email", "example",
    "unset", "todo",
})  # fmt: skip
_SENTENCE = re.compile(
    r"\b(?:please|required|invalid|must|cannot|can't|forgot|missing|incorrect|enter|your|should|expired|failed|wrong)\b",
    re.IGNORECASE,
)
_SMALL = re.compile(r"\b(?:the|is|are|an|for|to|of|with|not|and|or|from|in|on|if|this|that|by)\b", re.IGNORECASE)
_CODE = re.compile(
    r"[A-Za-z_$][\w$.]*(?:[(\[]|::|->|\?\.)|!*[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+[,;)\]}]*$|[&|!=<>({\[]|\.\.?/|/"
)
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+|[a-z][A-Z][a-z]+)")
_FILE = re.compile(r"(?:/|~/|\.\.?/|[A-Za-z]:\\).*|.*\.(?:pem|key|txt|json|ya?ml|p12|pfx|crt)$")
_STRONG = re.compile(r"(?=(?:.*[A-Za-z]){3})(?=(?:.*\d){2}|.*[!@#%^*+~?])[A-Za-z0-9+/_.~!@#$%^*?-]{8,512}={0,2}")
_VARIABLE = re.compile(
    r"[A-Za-z]+\d{1,3}(?:[A-Z][a-z]+)*|(?:[A-Za-z]+\d*[_.-])+[A-Za-z]*\d*|[a-z\d_]+=|[A-Z\d_]+="
    r"|[\w./-]+\.[a-z]{1,4}|@.*"
)
"""Words with a number, as variables and files are called; decorators; and one that another value is given to."""
_MARKS = frozenset("!@#%^*+=~?")


def is_reference(value: str) -> bool:
    """Names where the secret is, or stands for it: `$TOKEN`, `${{ secrets.X }}`, `<your key>`, `***`."""
    return not value or _REFERENCE.match(value) is not None


def is_literal_secret(kind: NameKind, value: str) -> bool:
    """Of a value that stands alone: a string of JSON, an argument of a command."""
    value = value.strip()
    if kind == "basic":
        return is_basic(value)
    if is_reference(value) or value.lower() in _PLAIN_WORDS or _is_prose(value):
        return False
    return kind == "password" and not value.startswith(("/", "~/")) if _FILE.match(value) else not _is_flag(value)


def is_quoted_secret(kind: NameKind, value: str) -> bool:
    """Of a string in a text: in source code it may as well be the name of something."""
    if not is_literal_secret(kind, value):
        return False
    if kind in ("password", "header", "basic"):
        return True
    return len(value) >= 5 and not _is_name_of_something(value)


def is_variable_secret(kind: NameKind, value: str) -> bool:
    """Of `NAME=value` as shells, .env files and YAML write it."""
    value = value.rstrip(",;)]}")
    if not is_literal_secret(kind, value) or re.match(r"[A-Za-z_]\w*[(\[]|[A-Za-z_]+(?:\.[A-Za-z_]+)+\(?", value):
        return False
    return kind == "password" or not (value.isdigit() and len(value) < 8)


def is_bare_secret(kind: NameKind, value: str, is_tight: bool) -> bool:
    """Of a value without quotes after a name of any case: most are expressions. `is_tight`: `name=value`, no space."""
    value = value.rstrip(",;.)]}")
    if not is_literal_secret(kind, value) or _CODE.match(value) or name_kind(value.strip("0123456789")):
        return False
    if kind == "basic":
        return True
    if value.isdigit():
        return kind == "password" and len(value) >= 4
    if any(char.isdigit() for char in value) or not _MARKS.isdisjoint(value):
        return len(value) >= 6 and any(char.isalpha() for char in value)
    least = 8 if kind == "password" else 16
    return is_tight and len(value) >= least and value.isalpha() and not _IDENTIFIER.search(value)


def is_strong_secret(kind: NameKind, value: str, is_alone: bool) -> bool:
    """Of a value without quotes that a line's end parts from its name. `is_alone`: nothing else is on its line.

    No word, name, path or call looks like it: letters with two digits or a mark among them, and where words follow,
    in both cases and longer.
    """
    if not _STRONG.fullmatch(value) or _VARIABLE.fullmatch(value) or not is_bare_secret(kind, value, is_tight=False):
        return False
    if is_alone:
        return True
    return len(value) >= 12 and value.lower() != value != value.upper() and bool(re.search(r"\d", value))


def is_basic(value: str) -> bool:
    """Whether it is `user:password` as base64."""
    if len(value) < 8 or not re.fullmatch(r"[A-Za-z0-9+/_-]{6,}={0,2}", value):
        return False
    try:
        said = base64.b64decode(value.replace("-", "+").replace("_", "/") + "==")
        return ":" in said.decode() and said.decode().isprintable()
    except (binascii.Error, UnicodeDecodeError):
        return False


def _is_prose(value: str) -> bool:
    return " " in value and (bool(_SENTENCE.search(value)) or len(_SMALL.findall(value)) >= 2)


def _is_flag(value: str) -> bool:
    return bool(re.fullmatch(r"--?[a-z][a-z-]*", value))


def _is_name_of_something(value: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z]+(?:[_. :/-][A-Za-z]+)*|[a-z]+(?:[A-Z][a-z]+)+", value)) and (
        len(value) < 16 or bool(_IDENTIFIER.search(value)) or (" " not in value and bool(name_kind(value)))
    )
