"""How long tests wait for another process, socket or task: a busy machine is slow, not wrong.

Only a test that fails waits so long. What a test measures, or lets run out, has limits of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

PATIENCE = 90.0 * float(os.environ.get("SENTRYVIBE_TEST_PATIENCE", "1"))
"""Seconds."""


def until(is_so: Callable[[], object], what: object = "", every: float = 0.02) -> None:
    """Returns as soon as it is so. Fails, naming what was waited for, after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"in vain: {what() if callable(what) else what}"
        time.sleep(every)
