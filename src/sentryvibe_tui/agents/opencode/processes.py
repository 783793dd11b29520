"""Which processes work at opencode's database, and where: a session is live only while one runs in its directory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from ...model.state import Millis
from ...processes import is_alive, open_links, started_at

SERVERS = frozenset({"serve", "web", "acp", "attach"})
"""Subcommands of processes that have sessions of any directory."""
SCAN_EVERY = 2.0
"""Seconds between two searches through all processes, for sessions that have none."""
UNSURE: Millis = 2_000
"""So much the time of a process' start may be wrong."""


class OpencodeProcess(Struct, frozen=True):
    """`start` as `processes.started_at` has it, `began` in epoch milliseconds. `directory` "" is any directory."""

    pid: int
    start: str
    began: Millis
    directory: str

    def has(self, directory: str, last: Millis) -> bool:
        """Whether a session of that directory, last heard of at `last`, can be its."""
        return self.directory in ("", directory) and self.began <= last + UNSURE


ProcessScan = Callable[[], Sequence[OpencodeProcess]]


def at_work(database: Path) -> list[OpencodeProcess]:
    """The processes that have the database open. Only Linux says so: elsewhere there are none."""
    return list(_at_work(os.path.realpath(database)))


def says_so() -> bool:
    """Whether the system tells which processes there are."""
    return os.path.isdir("/proc/self/fd")


def _at_work(database: str) -> Iterator[OpencodeProcess]:
    for name in os.listdir("/proc") if says_so() else ():
        if name.isdigit() and (found := _process(int(name), database)) is not None:
            yield found


def _process(pid: int, database: str) -> OpencodeProcess | None:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(64 * 1024).split(b"\0")
        if b"opencode" not in b" ".join(words[:3]).lower() or not _has_open(pid, database):
            return None
        place = os.readlink(f"/proc/{pid}/cwd".encode())
        directory, start = place.decode("utf-8", "surrogateescape"), started_at(pid)  # as the database has it
    except OSError:  # gone meanwhile, or another user's
        return None
    is_server = directory == "/" or any(word.decode(errors="replace") in SERVERS for word in words[1:4])
    return OpencodeProcess(pid, start, _epoch(start), "" if is_server else directory) if start else None


def _has_open(pid: int, path: str) -> bool:
    return path in open_links(pid)


def listening(pid: int) -> list[int]:
    """The TCP ports of this machine at which a process listens; none where the system does not say."""
    try:
        sockets = {link[8:-1] for link in open_links(pid) if link.startswith("socket:[")}
        rows: list[list[str]] = []
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{table}") as file:
                rows += [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []
    return sorted({int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN and row[9] in sockets})


_LISTEN = "0A"
"""State of a listening socket in `/proc/net/tcp` (Linux, include/net/tcp_states.h)."""


def _epoch(ticks: str) -> Millis:
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return int((booted + int(ticks) / os.sysconf("SC_CLK_TCK")) * 1000)


class Owners:
    """Remembers whose processes sessions are. `scan` finds all of them, which costs more than to ask for one."""

    def __init__(
        self,
        scan: ProcessScan,
        alive: Callable[[int, str], bool] = is_alive,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scan, self._alive, self._clock = scan, alive, clock
        self._processes: Sequence[OpencodeProcess] = ()
        self._scanned = float("-inf")

    @property
    def processes(self) -> Sequence[OpencodeProcess]:
        """Those of the last search."""
        return self._processes

    def of_any(self, directory: str, last: Millis) -> Sequence[OpencodeProcess]:
        """All living processes that can have the session of that directory, new ones too."""
        if self._clock() - self._scanned >= SCAN_EVERY:
            self._scanned, self._processes = self._clock(), self._scan()
        able = (one for one in self._processes if one.has(directory, last))
        return [one for one in able if self._alive(one.pid, one.start)]

    def of(self, directory: str, last: Millis) -> bool:
        """Whether a living process can have the session of that directory."""
        if any(self._alive(process.pid, process.start) for process in self._processes if process.has(directory, last)):
            return True
        if self._clock() - self._scanned < SCAN_EVERY:
            return False
        self._scanned, self._processes = self._clock(), self._scan()
        return any(one.has(directory, last) for one in self._processes)
