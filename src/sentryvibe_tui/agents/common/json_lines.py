"""Bytes to lines to JSON objects, whatever the agent mixes in (docs/agents.md#rules-for-every-format)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from ...errors import BadJson
from ...wire.json import decode, is_heavy, repaired
from .reader import Counts
from .values import time

Record = dict[str, Any]

MAX_LINE = 16 * 1024 * 1024
"""Bytes of the longest line that is read; a longer one is dropped and counted."""

_GLUED = json.JSONDecoder(strict=False)


class Lines:
    """Splits at newline only (U+2028, form feeds, lone returns occur inside strings), in bounded memory."""

    def __init__(self, counts: Counts, limit: int = MAX_LINE) -> None:
        self._counts = counts
        self._limit = limit
        self._pending: list[bytes] = []
        self._size = 0
        self._dropping = False
        self.number = 0
        """Of the latest line, the first is 1; blank ones count."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Lines that are complete now, without their newline."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = self._complete(data[start:end])
            start = end + 1
            if line is not None:
                yield line
        self._hold(data[start:])

    def finish(self) -> Iterator[bytes]:
        """The last line, when no newline ended it."""
        line = self._complete(b"")
        if line:
            yield line

    def _complete(self, tail: bytes) -> bytes | None:
        self._hold(tail)
        self.number += 1
        line = b"".join(self._pending) if len(self._pending) != 1 else self._pending[0]
        dropped = self._dropping
        self._pending, self._size, self._dropping = [], 0, False
        if dropped:
            self._counts.oversize += 1
            return None
        return line

    def _hold(self, piece: bytes) -> None:
        if not piece or self._dropping:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self._dropping, self._pending = True, []
        else:
            self._pending.append(piece)


class JsonLines:
    """Lines to JSON objects. A line may be an array of them, or a server-sent event: the object behind `data:`."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._lines = Lines(counts)

    @property
    def number(self) -> int:
        """Of the line that holds the latest record."""
        return self._lines.number

    def feed(self, data: bytes) -> Iterator[Record]:
        for line in self._lines.feed(data):
            yield from self.records(line)

    def finish(self) -> Iterator[Record]:
        for line in self._lines.finish():
            yield from self.records(line)

    def records(self, line: bytes) -> Iterator[Record]:
        """The objects of one line; a line that holds none is counted as noise, and times that are no dates are, too."""
        for record in self._records(line):
            self._counts.undated += any(record.get(key) and time(record, key) is None for key in _TIMES)
            yield record

    def _records(self, line: bytes) -> Iterator[Record]:
        line = trimmed(line)
        if line.startswith(b"data:"):
            line = line[5:].lstrip()
        if not line or line == b"[DONE]" or line.startswith(_SSE_FIELDS):
            return
        self._counts.lines += 1
        if not line.startswith((b"{", b"[{")):
            self._counts.noise += 1
            return
        if is_heavy(line):
            self._counts.oversize += 1
            return
        try:
            yield from decode(line, list[dict[str, Any]]) if line.startswith(b"[") else [decode(line, dict[str, Any])]
        except BadJson:
            yield from self._glued(line)

    def _glued(self, line: bytes) -> Iterator[Record]:
        """Objects written one behind the other without a newline. What follows the last whole one is noise."""
        text, at = repaired(line).decode(), 0
        while at < len(text):
            try:
                value, at = _GLUED.raw_decode(text, at)
            except (ValueError, RecursionError):
                self._counts.noise += 1
                return
            for one in cast("list[object]", value) if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield cast("Record", one)
            while at < len(text) and text[at].isspace():
                at += 1


_TIMES = ("timestamp", "_ts")
_SSE_FIELDS = (b":", b"event:", b"id:", b"retry:")
_BOM = b"\xef\xbb\xbf"
_EDGES = b" \t\r\n\v\f\0"


def trimmed(line: bytes) -> bytes:
    """`line` without what editors, shells and crashed disks put around it: blanks, a byte order mark, zero bytes."""
    line = line.strip(_EDGES)
    return line.removeprefix(_BOM).lstrip(_EDGES) if line.startswith(_BOM) else line
