"""What the reader looks for in a build: filters by kind, search over everything. Pure."""

from __future__ import annotations

from typing import Literal

from ...model.state import BuildState, Item, Note, ToolCall
from ...wire.json import encode
from .view import Extra

Filter = Literal["all", "errors", "tools", "text"]
FILTERS: tuple[Filter, ...] = ("all", "errors", "tools", "text")


def passes(entry: int | Extra, state: BuildState, kind: Filter) -> bool:
    """Whether an entry of the stream is shown under a filter; our own lines always are."""
    if kind == "all" or isinstance(entry, Extra):
        return True
    item = state.timeline[entry]
    if kind == "tools":
        return isinstance(item, ToolCall)
    if kind == "text":
        return isinstance(item, Note)
    return is_error(item)


def is_error(item: Item) -> bool:
    if isinstance(item, ToolCall):
        return item.state == "error"
    return item.kind == "notice" and item.level == "error"


class Needle:
    """A text to look for, in any case; inputs and outputs are searched as the JSON they came as."""

    def __init__(self, text: str) -> None:
        self.text = text.lower()
        self._encoded = encode(text.lower())[1:-1]

    def __bool__(self) -> bool:
        return bool(self.text)

    def is_in(self, item: Item) -> bool:
        if isinstance(item, Note):
            return self.text in item.text.lower()
        if self.text in item.name.lower():
            return True
        return any(
            value is not None and self._encoded in self._lowered(bytes(value)) for value in (item.input, item.output)
        )

    def _lowered(self, value: bytes) -> bytes:
        return value.lower() if value.isascii() else value.decode("utf-8", "replace").lower().encode()
