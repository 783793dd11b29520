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


class LiveLogs(OrderedDict[BuildKey, BuildLog]):
    """By build, the least recent first. Changed by `keep`, `drop` and `snapshot_kept` only, of one caller at a time."""

    def __init__(self, limits: StoreLimits) -> None:
        super().__init__()
        self._every, self._bytes, self._least = limits.snapshot_every, limits.live_bytes, limits.live_least
        self._size = 0
        self._due: dict[BuildKey, None] = {}
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
    def due(self) -> tuple[BuildKey, ...]:
        """Builds that want a snapshot, the first one longest."""
        return tuple(self._due)

    def keep(self, logs: Mapping[BuildKey, BuildLog]) -> None:
        """What was committed, in place of what was known of those builds."""
        for key, log in logs.items():
            before = self.get(key)
            self._size += log.size - (before.size if before else 0)
            self[key] = log
            self.move_to_end(key)
            if log.wants_snapshot(self._every):
                self._due[key] = None
                self.is_late |= log.needs_snapshot(self._every)
        self.forget()

    def take_due(self, key: BuildKey) -> BuildLog:
        """The build, whose snapshot is made now, or will be after its next entry."""
        del self._due[key]
        self.is_late &= bool(self._due)
        return self[key]

    def snapshot_kept(self, key: BuildKey, version: int) -> None:
        self.snapshots += 1
        if (log := self.get(key)) is not None:
            self[key] = replace(log, snapshot=version)

    def drop(self, key: BuildKey) -> None:
        """Others wrote to it, or it is gone: whoever needs it opens it again."""
        if (log := self.pop(key, None)) is not None:
            self._size -= log.size
            self._due.pop(key, None)

    def forget(self) -> None:
        """What is beyond the limits, the least recent first; a build whose snapshot is due waits for it."""
        excess, over = self._size - self._bytes, list[BuildKey]()
        for key in islice(self, max(0, len(self) - self._least)):
            if excess <= 0:
                break
            if key not in self._due:
                excess -= self[key].size
                over.append(key)
        for key in over:
            self.drop(key)
        self.is_late |= bool(self._due) and self._size > 2 * self._bytes
