"""Which names say that a value is secret: those of variables, fields, headers and options alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

NameKind = Literal["", "password", "token", "key", "secret", "header", "basic"]
"""What a name promises. "basic": user and password as base64, if the value is that."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST = 80
_NOT_NAME = re.compile(r"[^\w.:/@$\[\]-]")

_ENDS: tuple[tuple[str, NameKind], ...] = (
    ("password", "password"), ("passwd", "password"), ("passphrase", "password"), ("passcode", "password"),
    ("token", "token"), ("secret", "secret"), ("credential", "secret"), ("apikey", "key"), ("accesskey", "key"),
    ("secretkey", "key"), ("privatekey", "key"), ("accountkey", "key"), ("authkey", "key"), ("signingkey", "key"),
    ("encryptionkey", "key"), ("masterkey", "key"),
)  # fmt: skip
KEYS = frozenset({
    "api", "access", "secret", "private", "auth", "encryption", "signing", "session", "master", "account", "shared",
    "storage", "subscription", "license", "jwt", "hmac", "aes", "client", "admin", "ssh", "webhook", "consumer",
    "service", "deploy", "openai", "anthropic", "stripe", "gemini", "google", "github", "mistral", "groq", "cohere",
    "sendgrid", "mailgun", "twilio", "azure", "aws", "supabase", "resend", "datadog", "algolia", "cloudflare",
})  # fmt: skip
"""Of which the key is a secret."""
_PASSES = frozenset({
    "db", "database", "mail", "email", "smtp", "user", "admin", "root", "mysql", "pg", "postgres", "redis", "mongo",
    "rabbitmq", "ftp", "ssh", "http", "proxy", "auth", "login", "sudo", "store", "key",
})  # fmt: skip
"""Of which the `pass` is a password."""
_TOKENS_LIKE_WORDS = frozenset({
    "next", "previous", "prev", "page", "continuation", "max", "min", "num", "total", "input", "output", "cached",
    "reasoning", "eos", "bos", "pad", "sep", "cls", "unk", "mask", "special", "stop", "end", "cancel", "cancellation",
    "sync", "design", "current", "last", "first", "peek", "public", "per", "completion", "prompt",
})  # fmt: skip
_AFTER = frozenset({
    "base", "value", "string", "text", "plain", "plaintext", "raw", "prod", "production", "dev", "development", "test",
    "testing", "staging", "live", "old", "new", "confirm", "confirmation", "again", "b64", "base64", "primary",
    "secondary", "hex", "v",
})  # fmt: skip
_ABOUT = frozenset({
    "file", "path", "url", "uri", "name", "names", "id", "ids", "type", "count", "counts", "length", "len", "limit",
    "ttl", "expiry", "expires", "expiration", "timeout", "field", "min", "max", "size", "policy", "header", "headers",
    "param", "env", "regex", "pattern", "endpoint", "provider", "required", "enabled", "prefix", "suffix", "arn",
    "version", "dir", "hash", "algorithm", "alg", "lifetime", "age", "rotation", "user", "scope", "scopes", "budget",
    "window", "usage", "label", "placeholder", "error", "message", "hint", "re", "types", "kind", "stdin", "rule",
})  # fmt: skip
"""What is about a secret, and none: `TOKEN_URL`."""
_HEADERS = frozenset({"authorization", "proxyauthorization", "cookie", "setcookie"})


@lru_cache(4096)
def name_kind(name: str) -> NameKind:
    """What `name` promises of its value: `dbPassword`, `X-Api-Key`, `--token`, `SECRET_KEY_BASE`."""
    if len(name) > _LONGEST or _NOT_NAME.search(name):
        return ""
    words = [word.lower() for word in _WORDS.findall(name)]
    if "".join(words) in _HEADERS:
        return "header"
    if words == ["auth"]:
        return "basic"
    is_variable = name.upper() == name
    for end in range(len(words), 0, -1):
        kind = _kind_at_end(words[:end])
        if kind:
            return "" if kind == "token" and not _TOKENS_LIKE_WORDS.isdisjoint(words) else kind
        after = words[end - 1]
        if after in _ABOUT or not (is_variable or after in _AFTER or after.isdigit()):
            return ""
    return ""


def _kind_at_end(words: list[str]) -> NameKind:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "key":
        return "key" if before in KEYS else ""
    if last in ("pass", "pw"):
        return "password" if before in _PASSES else ""
    if last in ("pwd", "storepass", "keypass", "pgpass"):
        return "password"
    for end, kind in _ENDS:
        if last.endswith(end):
            return kind
    return ""


def _forms(name: str) -> tuple[str, ...]:
    """As it is written in the middle of a name, at the beginning of a word, and in capitals."""
    return name, name.capitalize(), name.upper()


_SINGLE = (
    *(form for name in ("password", "passwd", "passphrase", "passcode", "secret", "token") for form in _forms(name)),
    "credential", "Credential", "CREDENTIAL", "passWord", "passPhrase", "pwd", "Pwd", "PWD", "_pass", "_PASS", "bPass",
    "rPass", "_pw", "_PW", "storepass", "keypass", "_auth", "apikey", "Apikey", "APIKEY", "APIKey", "accesskey",
    "secretkey", "privatekey", "authkey", "ACCESSKEY", "SECRETKEY",
)  # fmt: skip
_DOUBLE = (
    ([*KEYS], ("_key", "-key", "Key")),
    ([word.capitalize() for word in KEYS], ("Key", "-Key", "_Key", "_key")),
    ([word.upper() for word in KEYS], ("_KEY", "-KEY")),
)
STEMS = (*_SINGLE, *(first + last for firsts, lasts in _DOUBLE for first in firsts for last in lasts))
"""What every name of a secret has in it; text without any of them names none."""


def stem_pattern() -> str:
    """Any of STEMS. Begins with a letter each, which is what `re` looks for quickly."""
    letters = sorted({stem[0] for stem in STEMS})
    return f"(?:{'|'.join(letter + _after(letter) for letter in letters)})"


def _after(letter: str) -> str:
    """What may follow the first letter of a stem."""
    parts = [branches(stem[1:] for stem in _SINGLE if stem[0] == letter)]
    for firsts, lasts in _DOUBLE:
        begun = branches(first[1:] for first in firsts if first[0] == letter)
        parts += [begun + branches(lasts)] if begun else []
    return f"(?:{'|'.join(part for part in parts if part)})"


def branches(texts: Iterable[str]) -> str:
    """A pattern for any of `texts` that tries what they have in common once, and begins with a letter of each."""
    tails: dict[str, list[str]] = {}
    for text in texts:
        tails.setdefault(text[:1], []).append(text[1:])
    ends = tails.pop("", None) is not None
    inner = "|".join(re.escape(head) + branches(rest) for head, rest in sorted(tails.items()))
    return f"(?:{inner}){'?' if ends else ''}" if inner else ""
