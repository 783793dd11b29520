"""JSON at the border: typed, and forgiving where agents are sloppy (lone surrogates, invalid UTF-8)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw

from ..errors import BadJson

T = TypeVar("T")

MAX_DEPTH = 100
"""Deepest nesting of a JSON text that is taken."""

MAX_CONTAINERS = 250_000
"""Objects and lists in an agent's record: each takes up to a hundred times its bytes in memory."""

_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:"
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKETS_NOR_QUOTES = bytes(set(range(256)) - set(b'[]{}"'))
PIECE = 512 * 1024
"""Bytes that one call goes through: it keeps the interpreter to itself for no more than a millisecond or two."""
_BACKSLASH = ord("\\")
_OPENERS = (b"[", b"{", b",")
_OPENERS_AND_QUOTES = bytes(set(range(256)) - set(b'[{,"'))


def decode(data: bytes | bytearray, kind: type[T]) -> T:
    """`data` as a `kind`. Lone surrogates and bytes that are no UTF-8 become U+FFFD. Raises BadJson."""
    try:
        if not data.isascii():
            data.decode()
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise BadJson("nested too deep") from None
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_repaired(repaired(data), kind)


def _decode_repaired(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadJson(str(error)) from None
    except RecursionError:
        raise BadJson("nested too deep") from None


def repaired(data: bytes | bytearray) -> bytes:
    """`data` as UTF-8 without escapes of lone surrogates; both become U+FFFD."""
    text = bytes(data).decode("utf-8", "replace").encode()
    if rb"\ud" not in text and rb"\uD" not in text:
        return text
    return _SURROGATE.sub(lambda match: match[1] + (match[2] or rb"\ufffd"), text)


def depth(data: bytes) -> int:
    """How deep the brackets of a JSON text nest; 0 when there are too few to matter."""
    if not _may_open(data, MAX_DEPTH):
        return 0
    brackets, levels = _brackets(data), 0
    while len(outer := brackets.replace(b"[]", b"")) < len(brackets) // 2:  # takes the innermost level off everywhere
        brackets, levels = outer, levels + 1
    now = deepest = 0
    for bracket in brackets:
        now += 1 if bracket == 0x5B else -1
        deepest = max(deepest, now)
    return levels + deepest


def is_heavy(data: bytes | bytearray) -> bool:
    """Whether a JSON text has more than MAX_CONTAINERS objects and lists."""
    return _may_open(data, MAX_CONTAINERS) and _brackets(data).count(b"[") > MAX_CONTAINERS


def has_more_values(data: bytes | bytearray, limit: int, piece_bytes: int = PIECE) -> bool:
    """Whether a JSON text has more than about `limit` values, large ones and small.

    Goes through it in pieces of so many bytes.
    """
    pieces = list(_pieces(data, piece_bytes))
    if sum(piece.count(sign) for piece in pieces for sign in _OPENERS) <= limit:
        return False
    found = is_inside = 0
    for piece in pieces:
        parts = _bare(piece, _OPENERS_AND_QUOTES).split(b'"')
        found += sum(map(len, parts[is_inside::2]))
        if found > limit:
            return True
        is_inside ^= (len(parts) - 1) & 1
    return False


def _pieces(data: bytes | bytearray, size: int) -> Iterator[bytes | bytearray]:
    """None ends behind a backslash, which belongs to what follows."""
    start = 0
    while start < len(data):
        end = start + size
        while end < len(data) and data[end - 1] == _BACKSLASH:
            end += 1
        yield data[start:end]
        start = end


def _may_open(data: bytes | bytearray, count: int) -> bool:
    return data.count(b"[") + data.count(b"{") > count


def _brackets(data: bytes | bytearray) -> bytes:
    """Those outside of strings, all as square ones."""
    bare = _bare(data, _NEITHER_BRACKETS_NOR_QUOTES)
    return b"".join(bare.split(b'"')[::2]).translate(_SQUARE)


def _bare(data: bytes | bytearray, left_out: bytes) -> bytes | bytearray:
    """Without escapes, empty strings and the bytes `left_out`, among which are no quotes."""
    without_escapes = data.replace(rb"\\", b"").replace(rb"\"", b"")
    return without_escapes.translate(None, left_out).replace(b'""', b"")


def encode(value: object) -> bytes:
    """Compact JSON text. Lone surrogates become U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def raw(value: object) -> Raw:
    """`value` as encoded JSON."""
    return Raw(encode(value))


ABSENT = Raw(b"")
"""Default of a JSON value in a typed shape: msgspec knows no optional Raw."""


def present(value: Raw) -> Raw | None:
    """The encoded value; None where it was absent or null."""
    return None if bytes(value) in (b"", b"null") else value


def plain(value: Raw | None) -> Any:
    """The Python value of encoded JSON; None when there is none. Its numbers are text if one is out of all bounds."""
    if value is None or not bytes(value):
        return None
    try:
        return decode(bytes(value), Any)  # type: ignore[arg-type]
    except BadJson:
        with suppress(ValueError, RecursionError):
            return json.loads(bytes(value), parse_int=str, parse_float=str, parse_constant=str)
        raise


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {
            _without_surrogates(key): _without_surrogates(item) for key, item in cast("dict[str, Any]", value).items()
        }
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in cast("list[Any]", value)]
    return value
