"""The row of tabs of a narrow screen, which has room for one pane at a time."""

from __future__ import annotations

from itertools import accumulate

from textual import events
from textual.message import Message

from ..lines import Line, cells, fill, length
from .painted import Bar


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
        tabs, news = self._layout(width)
        line: Line = []
        for _, pane, text in tabs:
            line += [(text[:3], "key" if pane == self.current else "dim")]
            line += [(text[3:], "strong" if pane == self.current else "dim")]
        return fill(line, [*news, (" ", "")], width)

    def _layout(self, width: int) -> tuple[list[tuple[int, str, str]], Line]:
        """Where each tab ends, its pane and what it says, and the news: of all the first form that fits.

        Label and count, or only the label, or only the number; the current one in full. News in faint words may go.
        """
        faint = all(role in ("faint", "dim") for _, role in self.news)
        forms: list[tuple[int, Line]] = [
            (9, self.news),
            (1, self.news),
            *([(1, Line())] if faint else []),
            (0, self.news),
        ]
        texts, news = list[str](), self.news
        for words, news in forms:
            texts = [
                f"[{number} {label}]"
                if pane == self.current
                else f" {number} {' '.join(label.split()[:words])}".rstrip() + " "
                for number, pane, label in self.names
            ]
            if sum(map(cells, texts)) <= width - length(news) - 2:
                break
        ends = accumulate(map(cells, texts))
        return [(end, pane, text) for end, (_, pane, _), text in zip(ends, self.names, texts, strict=True)], news

    def on_click(self, event: events.Click) -> None:
        for end, pane, _ in self._layout(self.content_size.width)[0]:
            if event.x < end:
                self.post_message(self.Chosen(pane))
                return
