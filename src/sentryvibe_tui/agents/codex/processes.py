"""Which process has a session of Codex: it keeps the session's rollout open. Only Linux says so.

This tells of screens without a daemon, of `codex exec`, and of a daemon that was killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from ...model.activity import PROCESS_GONE
from ...model.facts import BuildEnded
from ...model.state import Millis
from ...processes import is_alive, open_links, started_at
from ..common.folders import head_at
from ..common.live import Sighting
from .files import root

LOOK_EVERY = 0.5
"""Seconds between two looks whether the processes live."""
SCAN_EVERY = 2.0
"""Seconds between two searches through all processes."""
ID_LENGTH = 36
"""Characters of a session's id, the last of its rollout's name."""


class RolloutHolder(Struct, frozen=True):
    """`start` as `processes.started_at` has it."""

    pid: int
    start: str


HolderScan = Callable[[], Mapping[Path, RolloutHolder]]


class Holders:
    """Remembers who has which rollout open. `scan` finds them."""

    def __init__(
        self,
        scan: HolderScan,
        alive: Callable[[int, str], bool] = is_alive,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], Millis] = lambda: int(time.time() * 1000),
    ) -> None:
        self._scan, self._alive, self._clock, self._now = scan, alive, clock, now
        self._holders: dict[Path, RolloutHolder] = {}
        self._scanned = float("-inf")

    def look(self) -> list[Sighting]:
        """The sessions whose processes are gone since the last look. A rollout that is closed is forgotten."""
        dead = {holder for holder in {*self._holders.values()} if not self._alive(holder.pid, holder.start)}
        dead_holders = [(path, process) for path, process in self._holders.items() if process in dead]
        if dead or self._clock() - self._scanned >= SCAN_EVERY:
            self._scanned, self._holders = self._clock(), dict(self._scan())
        return [
            sighting for path, one in dead_holders if path not in self._holders for sighting in self._ends(path, one)
        ]

    def _ends(self, path: Path, process: RolloutHolder) -> Iterator[Sighting]:
        head = head_at(path)
        if head.codex_id and not head.parent:
            end = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
            yield Sighting(head.codex_id, end, self._now(), head.cwd, f"gone-{process.pid}-{process.start}")


def processes_of(environ: Mapping[str, str]) -> Mapping[str, int]:
    """By sessions, the pids that have their rollouts open."""
    return {path.stem[-ID_LENGTH:]: process.pid for path, process in holders(root(environ)).items()}


def holders(sessions: Path) -> dict[Path, RolloutHolder]:
    """By the rollouts below `sessions`, those that have them open."""
    below = os.path.realpath(sessions) + os.sep
    by_path: dict[Path, RolloutHolder] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self/fd") else ():
        if name.isdigit() and _is_codex(name):
            start = started_at(int(name))
            by_path |= {Path(path): RolloutHolder(int(name), start) for path in _rollouts(name, below) if start}
    return by_path


def _is_codex(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read(64).startswith(b"codex")
    except OSError:  # gone meanwhile
        return False


def _rollouts(pid: str, below: str) -> Iterator[str]:
    try:
        links = open_links(pid)
    except OSError:  # gone meanwhile, or another user's
        return
    yield from (link for link in links if link.startswith(below) and os.path.basename(link).startswith("rollout-"))
