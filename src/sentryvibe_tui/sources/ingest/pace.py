"""The pace of a replay: how long to wait before each event. Pure: the clock is passed in."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...model.state import Millis


class ReplayPace:
    """`speed` times as fast as it happened. What has no time, or an earlier one, happens with what came before."""

    def __init__(self, speed: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._speed, self._clock = speed, clock
        self._first: Millis | None = None
        self._began = 0.0

    def wait(self, at: Millis | None) -> float:
        """Seconds until an event of the time `at` is due. Being late once delays nothing that follows."""
        if at is None:
            return 0.0
        if self._first is None:
            self._first, self._began = at, self._clock()
        due = self._began + (at - self._first) / 1000 / self._speed
        return max(0.0, due - self._clock())
