"""How long to wait before the next try (docs/protocol.md#reconnecting). Pure: chance is passed in."""

from __future__ import annotations

from ..model.state import Millis

ATTEMPTS = 10
FIRST, LONGEST, JITTER = 1_000, 30_000, 1_000
HEALTHY_AFTER: Millis = 5_000
"""A link that stayed healthy this long starts the count again."""
PROBE_EVERY: Millis = 60_000
"""After giving up: one quiet try this often, where the setting allows it."""
LONGEST_ASKED: Millis = 300_000
"""The longest wait that a server may ask for (Retry-After, 1013)."""


def delay(attempt: int, chance: float) -> Millis:
    """Milliseconds before attempt 0, 1, 2 …; `chance` in [0, 1) spreads them over one second."""
    return min(FIRST << min(attempt, 16), LONGEST) + int(chance * JITTER)


def next_delay(failures: int, chance: float, retry_after: Millis = 0) -> Millis | None:
    """The wait after `failures` earlier failures, at least what the server `asked` for; None: give up."""
    if failures >= ATTEMPTS:
        return None
    return max(delay(failures, chance), min(retry_after, LONGEST_ASKED))
