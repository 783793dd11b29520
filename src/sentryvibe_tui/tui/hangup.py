"""A terminal can vanish without a signal (SIGHUP reaches its session only); a screen without one must end, not spin."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

GRACE = 2.0
"""Seconds an orderly end may take; writes to a vanished terminal can block for ever."""
STATUS = 128 + 1


def watch_terminal(fileno: int, leave: Callable[[], object]) -> None:
    """Calls `leave` from a thread when the terminal of `fileno` is gone, and ends the process if that does not."""
    if not hasattr(select, "poll") or not os.isatty(fileno):
        return
    threading.Thread(target=_wait, args=(fileno, leave), name="terminal watch", daemon=True).start()


def _wait(fileno: int, leave: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(fileno, 0)
    poll.poll()
    leave()
    threading.Event().wait(GRACE)
    os._exit(STATUS)
