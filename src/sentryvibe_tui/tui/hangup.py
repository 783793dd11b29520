"""A terminal can vanish without a signal (SIGHUP reaches its session only); a screen without one must end, not spin."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver

GRACE = 2.0
"""Seconds an orderly end may take; writes to a vanished terminal can block for ever."""
STATUS = 128 + 1
_HANGUP_EVENTS = getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)


class _Lasting:
    """A file that drops what a terminal which is gone would have got: Textual's thread that writes dies of an error,
    and whoever gives it more to write then waits for ever."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: type[Driver]) -> type[Driver]:
    """`driver`, not bound to its terminal for life or death."""

    class Lasting(driver):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            if hasattr(self, "_file"):
                self._file = _Lasting(self._file)

    return Lasting


def watch_terminal(fileno: int, leave: Callable[[], object], grace: float = GRACE) -> None:
    """Calls `leave` from a thread when the terminal of `fileno` is gone, and ends the process if that does not within
    `grace` seconds.

    It may be gone already: then nothing says any more that it was one.
    """
    if not hasattr(select, "poll"):
        return
    threading.Thread(target=_wait, args=(fileno, leave, grace), name="terminal watch", daemon=True).start()


def _wait(fileno: int, leave: Callable[[], object], grace: float) -> None:
    poll = select.poll()
    poll.register(fileno, 0)
    if not any(event & _HANGUP_EVENTS for _, event in poll.poll()):
        return  # macOS: a terminal that cannot be polled (POLLNVAL) is not one that is gone
    leave()
    threading.Event().wait(grace)
    os._exit(STATUS)
