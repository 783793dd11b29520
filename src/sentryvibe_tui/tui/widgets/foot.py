"""The last row: keys; and the row of tabs that a narrow screen has."""

from __future__ import annotations

from textual import events
from textual.message import Message

from ..actions import in_footer
from ..lines import Line, cells, fill, parted
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
        left: Line = []
        for number, pane, label in self.names:
            here = pane == self.current
            left += [(f" {number} ", "key" if here else "dim"), (label, "strong" if here else "dim"), ("  ", "")]
        return fill(left, [*self.news, (" ", "")], width)

    def on_click(self, event: events.Click) -> None:
        end = 0
        for number, pane, label in self.names:
            end += cells(f" {number} {label}  ")
            if event.x < end:
                self.post_message(self.Chosen(pane))
                return
