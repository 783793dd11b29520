"""Looking into JSON that promises nothing: a field of another type than expected counts as absent."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from msgspec import Raw

from ...model.facts import TodoItem
from ...model.state import Millis, TodoStatus
from ...wire.json import encode
from ...wire.times import millis

Record = dict[str, Any]

EMPTY: Record = {}

MAX_DEPTH = 64
"""A deeper value is kept as its JSON text: the server refuses deep nesting."""

_EXACT = 2**53
_DATA_LIMIT = 200
_DATA_KEYS = frozenset({"data", "base64", "url", "image_url", "blob"})
_MEDIA_KEYS = ("media_type", "mimeType", "mime_type", "mime", "mediaType")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,100};base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]{200}")


def text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def number(record: Mapping[str, Any], key: str) -> int | float | None:
    """A number that JSON can carry on exactly: no infinity, nothing beyond 2^53."""
    value = record.get(key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and -_EXACT <= value <= _EXACT
    return cast("int | float", value) if usable else None


def count(record: Mapping[str, Any], key: str) -> int:
    return int(number(record, key) or 0)


def obj(record: Mapping[str, Any], key: str) -> Record:
    return as_object(record.get(key))


def as_object(value: object) -> Record:
    return cast("Record", value) if isinstance(value, dict) else EMPTY


def as_list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def objects(record: Mapping[str, Any], key: str) -> list[Record]:
    """The objects of a list; whatever else stands in it is left out."""
    return [cast("Record", item) for item in as_list(record.get(key)) if isinstance(item, dict)]


def time(record: Mapping[str, Any], key: str = "timestamp") -> Millis | None:
    value = record.get(key)
    return millis(value if isinstance(value, str) else number(record, key))


def identifier(value: object) -> str:
    """An id that may be text or a number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def fingerprint(*parts: str) -> str:
    """Short stable id of text that has none of its own."""
    return f"{zlib.crc32(chr(0).join(parts).encode('utf-8', 'replace')):08x}"


_TITLE = 120


def title_of(prompt: str) -> str:
    """The first line of a prompt, cut to 120 characters."""
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "")
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


# --------------------------------------------------------------------------- todos

_STATUS: dict[str, TodoStatus] = {
    "pending": "pending",
    "in_progress": "in_progress",
    "completed": "completed",
    "open": "pending",
    "blocked": "pending",
    "closed": "completed",
    "done": "completed",
}


def todo_status(word: object) -> TodoStatus:
    """Our three states; a cancelled todo is none that was done, so it stays pending."""
    return _STATUS.get(word if isinstance(word, str) else "", "pending")


def todo_items(todos: Iterable[Record], key: str = "content") -> tuple[TodoItem, ...]:
    """A list as the agent wrote it; `key` names the field that holds the words."""
    return tuple(
        TodoItem(text(todo, key), todo_status(todo.get("status")), text(todo, "activeForm"), identifier(todo.get("id")))
        for todo in todos
    )


# --------------------------------------------------------------------------- values of tools


class _TooDeep(Exception):
    pass


def value(data: object) -> Raw:
    """A tool's input or output as encoded JSON, with pictures and other data as labels."""
    try:
        return Raw(encode(labelled(data)))
    except _TooDeep:
        return Raw(encode(_as_text(data)))


def _as_text(data: object) -> str:
    try:
        return encode(data).decode("utf-8", "replace")
    except RecursionError:
        return "<nested too deep>"


def labelled(said: Any, level: int = 0) -> Any:
    """`said` with base64 data above 200 characters as `<image/png 48 kB>`; the same object when there is none."""
    if level > MAX_DEPTH:
        raise _TooDeep
    if isinstance(said, list):
        items = cast("list[Any]", said)
        parts = [labelled(item, level + 1) for item in items]
        return parts if any(new is not old for new, old in zip(parts, items, strict=True)) else items
    if not isinstance(said, dict):
        return said
    record = cast("Record", said)
    media = next((text(record, key) for key in _MEDIA_KEYS if text(record, key)), "")
    changed: Record = {}
    for key, item in record.items():
        data = key in _DATA_KEYS and isinstance(item, str)
        new = _data_label(cast("str", item), media) if data else labelled(item, level + 1)
        if new is not item:
            changed[key] = new
    return record | changed if changed else record


def _data_label(data: str, media: str) -> str:
    if len(data) <= _DATA_LIMIT:
        return data
    url = _DATA_URL.match(data)
    if url is None and _BASE64.match(data) is None:
        return data
    start = url.end() if url else 0
    return label((url[1] if url else "") or media, (len(data) - start) * 3 // 4)


def label(media: str, size: int) -> str:
    """`<image/png 48 kB>`."""
    shown = f"{size} B" if size < 1000 else f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"
    return f"<{media or 'data'} {shown}>"


def flat(content: object) -> object:
    """Content blocks of a tool's result as one text where they are texts and pictures; else as they are."""
    if not isinstance(content, list):
        return content
    parts: list[str] = []
    for block in cast("list[Any]", content):
        piece = _block_text(cast("Record", block)) if isinstance(block, dict) else None
        if piece is None:
            return cast("object", content)
        parts.append(piece)
    return "\n".join(parts)


def _block_text(block: Record) -> str | None:
    kind = text(block, "type")
    if kind in ("text", "input_text", "output_text"):
        return text(block, "text")
    if kind == "tool_reference":
        return f"tool {text(block, 'tool_name')}"
    if kind in ("image", "input_image", "document", "audio"):
        source = obj(block, "source") or block
        data = text(source, "data")
        url = _DATA_URL.match(text(source, "image_url")[:200])
        media = text(source, "media_type") or text(source, "mimeType") or (url[1] if url else "") or "image"
        return label(media, len(data or text(source, "image_url")) * 3 // 4)
    return None
