"""Values of tools, at any depth: what a name says of a value counts as much as how the value looks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from .names import NameKind, name_kind
from .rule import mask
from .worth import is_literal_secret, is_reference

KIND = "assigned-secret"

_NAMES = ("name", "Name", "key", "Key", "header", "variable", "field")
_VALUES = frozenset({"value", "Value", "val", "values", "default", "plaintext", "current"})
_SCHEME = re.compile(r"(?:[A-Za-z][\w-]{1,24} +)?(?=\S)")
_ASSIGNMENT = re.compile(r"(-{0,2}([A-Za-z_][\w.-]{0,80})=)(.+)", re.DOTALL)
_OPTIONS: dict[str, frozenset[str]] = {
    "curl": frozenset({"-u", "--user", "-U", "--proxy-user", "-b", "--cookie"}),
    "sshpass": frozenset({"-p"}),
    "redis-cli": frozenset({"-a"}),
    "docker": frozenset({"-p"}),
    "podman": frozenset({"-p"}),
    "mongosh": frozenset({"-p"}),
    "mongo": frozenset({"-p"}),
    "ldapsearch": frozenset({"-w"}),
    "sqlcmd": frozenset({"-P"}),
    "zip": frozenset({"-P"}),
    "unzip": frozenset({"-P"}),
}
"""What the argument after an option is a secret of, where the option's name does not say so."""
_SHORT = frozenset({"-password", "-token", "-apikey", "-secret", "-passphrase", "-storepass", "-keypass"})
_ATTACHED = re.compile(r"(-p)(?!ort)\S+")
_ATTACHING = re.compile(r"(?:mysql\w*|mariadb\w*|sshpass|7za?|mongo\w*)$")


class Structured:
    """Masks strings by `text`, and what names say of them; counts the latter in `counts`."""

    def __init__(self, text: Callable[[str], str], counts: Counter[str]) -> None:
        self._text, self._counts = text, counts

    def redact(self, value: Any, kind: NameKind = "") -> Any:
        """`value` of JSON, whose name promises `kind`."""
        if isinstance(value, str):
            return self._string(value, kind)
        if isinstance(value, list):
            return self._items(cast("list[Any]", value), kind)
        if isinstance(value, dict):
            return self._fields(cast("dict[str, Any]", value), kind)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self._hidden() if is_number and kind == "password" else value

    def _hidden(self) -> str:
        self._counts[KIND] += 1
        return mask(KIND)

    def _string(self, value: str, kind: NameKind) -> str:
        if kind == "header":
            return self._header(value)
        shown = self._text(value)
        if not kind or not is_literal_secret(kind, shown):
            return shown
        return self._hidden()

    def _header(self, value: str) -> str:
        scheme = _SCHEME.match(value)
        kept = scheme[0] if scheme else ""
        return value if is_reference(value[len(kept) :].strip()) else kept + self._hidden()

    def _fields(self, fields: dict[str, Any], kind: NameKind) -> dict[str, Any]:
        named = self._named(fields)
        result: dict[str, Any] = {}
        for key, value in fields.items():
            inner = (named or kind) if key in _VALUES else name_kind(key)
            if key in ("data", "stringData") and fields.get("kind") == "Secret" and isinstance(value, dict):
                result[key] = {name: self.redact(one, "secret") for name, one in cast("dict[str, Any]", value).items()}
            else:
                result[_distinct(self._text(key), result)] = self.redact(value, inner)
        return result

    def _named(self, fields: dict[str, Any]) -> NameKind:
        """`{"name": "DB_PASSWORD", "value": …}`."""
        names = (fields[name] for name in _NAMES if isinstance(fields.get(name), str))
        for name in names:
            return name_kind(name)
        return ""

    def _items(self, items: list[Any], kind: NameKind) -> list[Any]:
        if kind or not all(isinstance(item, str) for item in items):
            return [self.redact(item, kind if isinstance(item, str | int) else "") for item in items]
        words = cast("list[str]", items)
        if len(words) == 2 and not words[0].startswith("-") and not name_kind(words[1]):
            return [self._text(words[0]), self._string(words[1], name_kind(words[0]))]
        return self._arguments(words)

    def _arguments(self, words: Sequence[str]) -> list[str]:
        """Those of a command, among them what an option before says is secret."""
        result: list[str] = []
        options, attaching = _command(words)
        for before, word in zip(("", *words), words, strict=False):
            kind: NameKind = "secret" if before in options else _promise(before)
            if kind and not is_reference(word) and (before in options or not word.startswith("-")):
                result.append(self._hidden())
            elif attaching and (attached := _ATTACHED.fullmatch(word)):
                result.append(attached[1] + self._hidden())
            else:
                result.append(self._argument(word))
        return result

    def _argument(self, word: str) -> str:
        """`NAME=value`: here a value ends where the argument does."""
        assigned = _ASSIGNMENT.fullmatch(word)
        kind = name_kind(assigned[2]) if assigned else ""
        if assigned and kind and is_literal_secret(kind, assigned[3]):
            return assigned[1] + self._string(assigned[3], kind)
        return self._text(word)


def _command(words: Sequence[str]) -> tuple[frozenset[str], bool]:
    """The options of the command that are followed by a secret, and whether `-p` has one attached."""
    names = [word.rpartition("/")[2] for word in words[:8]]
    options = frozenset[str]().union(*(_OPTIONS.get(name, ()) for name in names))
    return options, any(_ATTACHING.match(name) for name in names)


def _promise(option: str) -> NameKind:
    """What an option says of the argument after it. One with a single dash may have its argument attached."""
    is_named = option.startswith("--") or option.lower() in _SHORT
    return name_kind(option.lstrip("-")) if is_named and "=" not in option else ""


def _distinct(key: str, names: dict[str, Any]) -> str:
    """Two keys that look alike once they are masked stay two."""
    number, first = 2, key
    while key in names:
        key, number = f"{first} {number}", number + 1
    return key
