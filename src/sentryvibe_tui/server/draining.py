"""Leaving: whoever watches comes back at a time of its own, not all at once (docs/protocol.md#close-codes)."""

from __future__ import annotations

from collections.abc import Callable

from ..model.state import Millis

RESTART = 1012
STOPPING = "the server is stopping"
FIRST: Millis = 1000
"""Nobody comes back sooner: another server, or this one again, needs a moment."""
EACH: Millis = 10
"""Between two who come back, on average, up to `LONGEST` for all."""
LONGEST: Millis = 5000


def spread(watchers: int, chance: Callable[[], float]) -> Callable[[], Millis]:
    """How long each of so many waits before it comes back."""
    span = min(max(FIRST, watchers * EACH), LONGEST)
    return lambda: FIRST + int(chance() * span)
