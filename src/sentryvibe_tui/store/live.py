"""The builds whose states are kept in memory, within bounds, and which of them want a snapshot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from ..model.standing import meant_at
from ..model.state import BuildState
from ..model.summary import BuildKey, BuildSummary
from .contract import BuildHead
from .limits import StoreLimits

ENTRY_BYTES = 512
"""What an entry takes in memory beyond its own bytes, about."""


class BuildLog(Struct, frozen=True):
    """A build's log as its writer has it: its number, its state, and the version of its last snapshot.

    `size`: bytes that the state takes in memory, estimated by what was logged. `summary`: of a state that was committed
    here; None before.
    """

    number: int
    state: BuildState
    snapshot: int
    size: int = 0
    summary: BuildSummary | None = None

    def head(self, key: BuildKey) -> BuildHead:
        return BuildHead(key, self.number, self.state.version, self.state.is_active, meant_at(self.state))

    def wants_snapshot(self, every: int) -> bool:
        """After `every` entries, which doubles with the build, and when it has ended."""
        return self._tail >= max(every, self.snapshot) or (self._tail > 0 and not self.state.is_active)

    def needs_snapshot(self, every: int) -> bool:
        """It should not wait any longer: whoever opens the build has to read all that came after the last one."""
        return self._tail >= 2 * max(every, self.snapshot)

    @property
    def _tail(self) -> int:
        return self.state.version - self.snapshot


class BuildSnapshot(Struct, frozen=True, eq=False):
    """A build as it was when its snapshot was begun."""

    key: BuildKey
    log: BuildLog


class LiveLogs(OrderedDict[BuildKey, BuildLog]):
    """By build, the least recent first. Changed by its methods only, of one caller at a time.

    A snapshot is begun, packed beside whatever goes on, and kept if it is wanted then. A build has one at a time.
    """

    def __init__(self, limits: StoreLimits) -> None:
        super().__init__()
        self._every, self._bytes, self._least = limits.snapshot_every, limits.live_bytes, limits.live_least
        self._size = 0
        self._due: dict[BuildKey, None] = {}
        self._begun: dict[BuildKey, BuildSnapshot] = {}
        self.snapshots = 0
        """How many were made."""
        self.is_late = False
        """Snapshots should wait no longer for a quiet moment."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self._size

    @property
    def wants_snapshot(self) -> bool:
        return bool(self._due)

    @property
    def is_full(self) -> bool:
        """More has to wait for a snapshot than memory was meant for."""
        return bool(self._due) and self._size > 4 * self._bytes

    def keep(self, logs: Mapping[BuildKey, BuildLog]) -> None:
        """What was committed, in place of what was known of those builds."""
        for key, committed in logs.items():
            before = self.get(key)
            log = _with_snapshot_of(before, committed)
            self._size += log.size - (before.size if before else 0)
            self[key] = log
            self.move_to_end(key)
            if key not in self._begun:
                self._look_at(key, log)
        self._forget()

    def _look_at(self, key: BuildKey, log: BuildLog) -> None:
        if log.wants_snapshot(self._every):
            self._due[key] = None
            self.is_late |= log.needs_snapshot(self._every)

    def begin_snapshot(self) -> BuildSnapshot:
        """Of the build that has wanted one longest. `snapshot_kept` or `snapshot_failed` follows."""
        key = next(iter(self._due))
        del self._due[key]
        self.is_late &= bool(self._due)
        snapshot = self._begun[key] = BuildSnapshot(key, self[key])
        return snapshot

    def begin_again(self) -> None:
        """What was begun is not waited for: it is wanted as before."""
        self._due = dict.fromkeys((*self._begun, *self._due))
        self._begun.clear()

    def awaits(self, snapshot: BuildSnapshot) -> bool:
        """False: the build is gone, or another one has its name or number."""
        return self._begun.get(snapshot.key) is snapshot

    def snapshot_kept(self, snapshot: BuildSnapshot) -> None:
        self.snapshots += 1
        if self.awaits(snapshot):
            del self._begun[snapshot.key]
            log = self[snapshot.key] = replace(self[snapshot.key], snapshot=snapshot.log.state.version)
            self._look_at(snapshot.key, log)  # it may have ended meanwhile
            self._forget()

    def snapshot_failed(self, snapshot: BuildSnapshot) -> None:
        """It is tried again after the build's next entry."""
        if self.awaits(snapshot):
            del self._begun[snapshot.key]

    def drop(self, key: BuildKey) -> None:
        """Others wrote to it, or it is gone: whoever needs it opens it again."""
        if (log := self.pop(key, None)) is not None:
            self._size -= log.size
            self._due.pop(key, None)
            self._begun.pop(key, None)

    def _forget(self) -> None:
        """What is beyond the limits, the least recent first; a build that wants a snapshot waits for it."""
        excess, over = self._size - self._bytes, list[BuildKey]()
        for key in islice(self, max(0, len(self) - self._least)):
            if excess <= 0:
                break
            if key not in self._due and key not in self._begun:
                excess -= self[key].size
                over.append(key)
        for key in over:
            self.drop(key)
        self.is_late |= bool(self._due) and self._size > 2 * self._bytes


def _with_snapshot_of(before: BuildLog | None, log: BuildLog) -> BuildLog:
    """A snapshot may have been kept while the group was on its way."""
    is_newer = before is not None and before.number == log.number and before.snapshot > log.snapshot
    return replace(log, snapshot=before.snapshot) if before is not None and is_newer else log
