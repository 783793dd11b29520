"""When Python looks for garbage: walking a long history would hold up the screen, so none is walked twice."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

QUIET: float = 2
"""Seconds without much that is new after which it is time to look."""

LONGEST: float = 60
"""Seconds after which it is time, however busy the screen is: what circles keep is freed at last."""

BUSY = 3
"""Looks of Python through the young in a second, from which the screen is busy."""

FRESH = 10
"""Looks of Python through the middle generation since the last one of ours, below which there is little to find."""

MANY = 50_000
"""Objects that are new: where so many came at once, a state was read, of which nothing is garbage."""


class Collector:
    """Takes the oldest generation from Python and looks through it itself, as it ticks: when the screen is quiet.

    What was there at one look is frozen: later ones walk only what came since.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._looked = self._busy = now()
        self._passes = 0
        self._is_stale = False
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, 1_000_000)

    def tick(self) -> None:
        """A second went by."""
        now, passes = self._now(), _passes()
        if passes - self._passes > BUSY:
            self._busy = now
        self._passes = passes
        if gc.get_count()[2] >= FRESH and (now - self._busy >= QUIET or now - self._looked >= LONGEST):
            self._look(now)

    def thaw(self) -> None:
        """A screen was left: at the next look, what is frozen may be garbage."""
        self._is_stale = True

    def _look(self, now: float) -> None:
        if self._is_stale:
            gc.unfreeze()
        if self._is_stale or len(gc.get_objects(2)) < MANY:
            gc.collect()
        self._is_stale = False
        gc.freeze()
        self._looked, self._passes = now, _passes()


def _passes() -> int:
    return sum(generation["collections"] for generation in gc.get_stats()[:2])
