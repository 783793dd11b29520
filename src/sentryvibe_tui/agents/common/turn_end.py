"""Whether the turn of a session is over, and how: one rule for each agent, by its own records as they come.

A session file has no end of the session. What its records say of the turn is all there is to know of it, so whoever
reads the file, once or as it grows, is told the same.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...model.facts import BuildEnded, TurnEnded
from ...model.state import Millis, Outcome
from .values import time


class TurnEnd(Struct, frozen=True):
    """How a turn ended, `error` in the agent's words. `at`: by the record that says so.

    `certain`: a record says that the turn is over; else it looks so, and silence must bear it out. `waits`: for what
    the agent waits now, to go on by itself, and `until` when if it says so.
    """

    outcome: Outcome
    error: str = ""
    summary: str = ""
    certain: bool = True
    at: Millis | None = None
    waits: str = ""
    until: Millis | None = None


class TurnTracker:
    """How the turn stands after the records so far. An agent's own rule is `read`, which calls `over` and `goes_on`."""

    def __init__(self) -> None:
        self.end: TurnEnd | None = None
        """None while the turn goes on, and before the first."""
        self.number = 0
        """Of the latest end, counted from 1."""

    def over(self, record: dict[str, Any], end: TurnEnd) -> None:
        if self.end is None:
            self.number += 1
        self.end = replace(end, at=time(record))

    def goes_on(self) -> None:
        self.end = None


def as_event(end: TurnEnd | None) -> TurnEnded | BuildEnded:
    """What the end of a file tells: its turn's end, or that the turn never came to one."""
    if end is None:
        return BuildEnded("interrupted")
    return TurnEnded(end.outcome, end.summary, end.error, "file")
