"""The last row: keys; and the row of tabs that a narrow screen has."""

from __future__ import annotations

from itertools import accumulate

from textual import events
from textual.message import Message

from ..actions import in_footer
from ..lines import Line, cells, fill, length, parted
from ..look import Look
from .painted import Bar


class Keys(Bar):
    """The keys that matter most, as many as fit."""

    def __init__(self, look: Look, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.look = look

    def line(self, width: int) -> Line:
        parts: list[tuple[int, Line]] = [
            (rank, [(key, "key"), (" " + title, "dim")])
            for rank, (key, title) in enumerate(in_footer(self.look.actions))
        ]
        return [(" ", ""), *parted(parts, [], width - 2), (" ", "")]


class Tabs(Bar):
    """One pane at a time on a narrow screen: which there are, which is shown, what is new."""

    class Chosen(Message):
        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    names: tuple[tuple[int, str, str], ...] = ()
    """Number, pane and label."""
    current: str = ""
    news: Line = []

    def line(self, width: int) -> Line:
        line: Line = []
        for _, pane, text in self._cells(width):
            line += [(text[:3], "key" if pane == self.current else "dim")]
            line += [(text[3:], "strong" if pane == self.current else "dim")]
        return fill(line, [*self.news, (" ", "")], width)

    def _cells(self, width: int) -> list[tuple[int, str, str]]:
        """Where each tab ends and what it says: label and count, only the label, or only the number, as there is room.

        The current one is always said in full.
        """
        room = width - length(self.news) - 2
        texts = list[str]()
        for words in (9, 1, 0):
            texts = [
                f" {number} {label if pane == self.current else ' '.join(label.split()[:words])}".rstrip() + " "
                for number, pane, label in self.names
            ]
            if sum(map(cells, texts)) <= room:
                break
        ends = accumulate(map(cells, texts))
        return [(end, pane, text) for end, (_, pane, _), text in zip(ends, self.names, texts, strict=True)]

    def on_click(self, event: events.Click) -> None:
        for end, pane, _ in self._cells(self.content_size.width):
            if event.x < end:
                self.post_message(self.Chosen(pane))
                return
