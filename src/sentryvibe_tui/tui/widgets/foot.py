"""The last row: keys; and the row of tabs that a narrow screen has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Literal

from textual import events
from textual.message import Message
from textual.timer import Timer

from ..actions import Action, in_footer, key_name
from ..context import RenderContext
from ..lines import Line, cells, fill, length, parted
from .painted import Bar

Severity = Literal["information", "warning", "error"]

TONES: Mapping[Severity, str] = {"information": "strong", "warning": "warn", "error": "bad"}


class Keys(Bar):
    """The keys that matter most, as many as fit; a click presses one. A message takes their place for a while.

    `first`: the idents of actions that matter most where one is; `opens`: what enter does there; `idle`: actions that
    would do nothing now.
    """

    first: tuple[str, ...] = ()
    opens: str = ""
    idle: frozenset[str] = frozenset()

    class Pressed(Message):
        """The reader clicked on an action."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, context: RenderContext, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.context = context
        self.message = ""
        self._tone = ""
        self._end: Timer | None = None

    def say(self, message: str, severity: Severity = "information", timeout: float = 4) -> None:
        """A message of one line for `timeout` seconds: here it covers no row that is new."""
        if self._end is not None:
            self._end.stop()
        self.message, self._tone = message, TONES[severity]
        self._end = self.set_timer(timeout, self.hush)
        self.repaint()

    def hush(self) -> None:
        """The message goes."""
        self.message = ""
        self.repaint()

    def line(self, width: int) -> Line:
        if self.message:
            return [(" ", ""), *fill([(shortened(self.message, width - 2), self._tone)], [], width - 2), (" ", "")]
        parts = [(rank, self._part(action, title)) for rank, (action, title) in enumerate(self._shown())]
        return [(" ", ""), *parted(parts, [], width - 2), (" ", "")]

    def _shown(self) -> Iterator[tuple[Action, str]]:
        return in_footer(self.context.actions, self.first, self.opens, self.idle)

    def _part(self, action: Action, title: str) -> Line:
        return [(key_name(action.keys.split(",")[0]), "key"), (" " + title, "dim")]

    def on_click(self, event: events.Click) -> None:
        if self.message:
            self.hush()
            return
        end = 1
        for action, title in self._shown():
            end += length(self._part(action, title))
            if event.x < end:
                self.post_message(self.Pressed(action))
                return
            end += 2


def shortened(text: str, room: int) -> str:
    """`text` in `room` cells; of a longer one the middle goes, as names of files tell most at their end."""
    if cells(text) <= room:
        return text
    half = max(0, room - 1) // 2
    return text[: max(0, room - 1 - half)] + "…" + text[len(text) - half :]


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
        tabs, news = self._fitting(width)
        line: Line = []
        for _, pane, text in tabs:
            line += [(text[:3], "key" if pane == self.current else "dim")]
            line += [(text[3:], "strong" if pane == self.current else "dim")]
        return fill(line, [*news, (" ", "")], width)

    def _fitting(self, width: int) -> tuple[list[tuple[int, str, str]], Line]:
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
        for end, pane, _ in self._fitting(self.content_size.width)[0]:
            if event.x < end:
                self.post_message(self.Chosen(pane))
                return
