"""The last row: the keys that matter most, or a message in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from ..actions import Action, in_footer, key_name
from ..context import RenderContext
from ..lines import Line, cut_middle, fill, length, parted, wrap
from .painted import Bar

Severity = Literal["information", "warning", "error"]

TONES: Mapping[Severity, str] = {"information": "strong", "warning": "warn", "error": "bad"}


MOST_LINES, LINES_FOR_ONE = 4, 6
"""Lines of a message, and lines of the screen for each of them."""


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
        """A message for `timeout` seconds, in as many lines as it needs: here it covers no row that is new."""
        if self._end is not None:
            self._end.stop()
        self.message, self._tone = message, TONES[severity]
        self._end = self.set_timer(timeout, self.hush)
        self._fit()

    def hush(self) -> None:
        """The message goes."""
        self.message = ""
        self._fit()

    def _fit(self) -> None:
        height = len(self._message_lines(self.content_size.width)) if self.message else 1
        if self.size.height != height:
            self.styles.height = height
        self.repaint()

    def on_resize(self) -> None:
        self._fit()

    def _message_lines(self, width: int) -> list[Line]:
        """On a low screen one line, out of which the middle is cut."""
        room = max(1, width - 2)
        lines = wrap([(self.message, self._tone)], room)
        if len(lines) > min(MOST_LINES, max(1, self.screen.size.height // LINES_FOR_ONE)):  # pyright: ignore[reportUnknownMemberType]
            lines = [[(cut_middle(self.message, room), self._tone)]]
        return [[(" ", ""), *fill(line, [], room), (" ", "")] for line in lines]

    def render_line(self, y: int) -> Strip:
        lines = self._message_lines(self.content_size.width) if self.message and y else []
        return self.strip(lines[y], self.content_size.width) if y < len(lines) else super().render_line(y)

    def line(self, width: int) -> Line:
        if self.message:
            return self._message_lines(width)[0]
        parts = [(rank, self._part(action, title)) for rank, (action, title) in enumerate(self._entries())]
        return [(" ", ""), *parted(parts, [], width - 2), (" ", "")]

    def _entries(self) -> Iterator[tuple[Action, str]]:
        return in_footer(self.context.actions, self.first, self.opens, self.idle)

    def _part(self, action: Action, title: str) -> Line:
        return [(key_name(action.keys.split(",")[0]), "key"), (" " + title, "dim")]

    def on_click(self, event: events.Click) -> None:
        if self.message:
            self.hush()
            return
        end = 1
        for action, title in self._entries():
            end += length(self._part(action, title))
            if event.x < end:
                self.post_message(self.Pressed(action))
                return
            end += 2
