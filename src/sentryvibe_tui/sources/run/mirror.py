"""What of an agent's events is printed where its own output would have been: its text, safe for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from ...model.events import BuildEvent, TextAdded
from ...model.text import clean


class Mirror:
    """Text as it grows. A note that came in pieces is not said again when it comes whole."""

    def __init__(self) -> None:
        self._note = ""
        self._text = ""

    def words(self, events: Iterable[BuildEvent]) -> str:
        """What to print for events, in order."""
        return "".join(self._words(event) for event in events if isinstance(event, TextAdded) and event.kind == "text")

    def last(self) -> str:
        """What ends the last line."""
        text, self._note, self._text = self._text, "", ""
        return "\n" if text and not text.endswith("\n") else ""

    def _words(self, event: TextAdded) -> str:
        start = self.last() if event.id != self._note else ""
        self._note = event.id
        if event.whole:
            known = self._text
            new = event.text.removeprefix(known) if event.text.startswith(known) else f"\n{event.text}"
            self._text = event.text
        else:
            new = event.text
            self._text += event.text
        return start + clean(new)


class Stray:
    """Lines of an output of JSON lines that are no JSON: warnings, and errors from before the agent began."""

    def __init__(self) -> None:
        self._start = b""
        self._is_stray: bool | None = None

    def of(self, data: bytes) -> bytes:
        """What of `data` belongs to such lines."""
        lines: list[bytes] = []
        for piece in _lines(data):
            if self._is_stray is None:
                self._start += piece
                start = self._start.lstrip()
                if b"data:".startswith(start) and not piece.endswith(b"\n"):
                    continue
                self._is_stray = bool(start) and not start.startswith((b"{", b"data:"))
                piece, self._start = self._start, b""  # noqa: PLW2901
            if self._is_stray:
                lines.append(piece)
            if piece.endswith(b"\n"):
                self._is_stray = None
        return b"".join(lines)


def _lines(data: bytes) -> list[bytes]:
    """Split at newline only."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
