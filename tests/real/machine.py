"""How slow this machine is just now, so that a limit of one second means one second of its own time."""

from __future__ import annotations

import os
import threading

EVERY = 0.2


class Slowness:
    """Runnable threads for each core while it is measured: with four for each, all takes four times as long."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._runnable: list[int] = []
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stop.wait(EVERY):
            self._runnable.append(runnable())

    def measured(self) -> float:
        """At least 1; the mean of the samples since it began."""
        self._stop.set()
        self._thread.join()
        mean = sum(self._runnable) / max(1, len(self._runnable))
        return max(1.0, mean / (os.cpu_count() or 1))


def runnable() -> int:
    """Threads that run or want to, those of everybody."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].partition("/")[0])
