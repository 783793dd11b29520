"""The last row: the keys that matter most, or a message in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from textual import events
from textual.message import Message
from textual.timer import Timer

from ..actions import Action, in_footer, key_name
from ..context import RenderContext
from ..lines import Line, cut_middle, fill, length, parted
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
            return [(" ", ""), *fill([(cut_middle(self.message, width - 2), self._tone)], [], width - 2), (" ", "")]
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
