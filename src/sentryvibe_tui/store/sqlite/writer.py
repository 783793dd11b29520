"""Group commit: the event loop prepares a group, a thread commits and syncs it, and what comes meanwhile is the next.

A slow disk so delays the answers and frames of the events in the group that waits for it, and of those behind them;
everybody else goes on. One group is in the thread at a time: a sync of the same file can only begin after the one
before. After a group the next one waits a moment (`StoreLimits.linger`) when it is not the larger one: the publishers
whose answers have just left come back within that time, and would otherwise make a group, and a sync, of their own. A
lone publisher never lingers, since nothing waits when it is answered.

Checkpoints are made beside the commits by a connection and a thread of their own. What was committed meanwhile would
keep the write-ahead log from beginning anew: the writer carries that rest after its next group, which is little.
Snapshots are packed beside the commits, too, from a state that stays as it was, and only put into the file in turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar, cast

from ...errors import StoreUnavailable
from ...model.state import Millis
from ...wire.envelope import EventEnvelope
from ..appending import GroupResult, append_of
from ..groups import Answer, AppendGroup, deliver, next_group, refuse_group
from ..limits import StoreLimits
from ..listener import CommitListener
from ..live import BuildSnapshot
from .ledger import Ledger
from .worker import Worker

T = TypeVar("T")

QUICK = 0.005
"""Seconds that preparing a group usually takes, up to which the event loop does it."""
_SHARE = 0.1


class SlowWork(Protocol):
    """What takes long, and is done while commits go on."""

    def checkpoint(self) -> Awaitable[object]: ...

    def pack(self, snapshot: BuildSnapshot) -> Awaitable[bytes | Exception]:
        """For `Ledger.keep_snapshot`."""
        ...


class Writer:
    """Appends from the event loop that made it."""

    def __init__(
        self,
        ledger: Ledger,
        beside: SlowWork,
        limits: StoreLimits,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ledger = ledger
        self._beside = beside
        self._linger, self._idle = limits.linger, limits.idle
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = Worker("store writer")
        self._waiting: AppendGroup = []
        self._under_way: AppendGroup = []
        self._is_busy = False
        self._next: asyncio.Handle | None = None
        self._usual = 0.0
        self._turns = 0
        self.commits = Counter(at_once=0, thread=0)
        self._upkeep: asyncio.TimerHandle | None = None
        self._checkpoint: asyncio.Future[object] | None = None
        self._has_rest = False
        self._packing: asyncio.Future[bytes | Exception] | None = None
        self._is_held = False
        self._closing = False
        self._done = asyncio.Event()
        self._errands: deque[Callable[[], None]] = deque()
        self.listener: CommitListener = lambda _: None

    def append(self, events: Sequence[EventEnvelope], now: Millis) -> Answer:
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        answer: Answer = self._loop.create_future()
        self._waiting.append((append_of(events, now), answer))
        if not self._is_busy and self._next is None:
            self._next = self._loop.call_soon(self._commit)
        return answer

    def ask(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` makes or raises, in the thread, with the ledger to itself."""
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._enqueue(lambda: self._hand(partial(_outcome, work), partial(self._came_back, answer)))
        return answer

    def _enqueue(self, errand: Callable[[], None]) -> None:
        self._errands.append(errand)
        if not self._is_busy:
            self._errands.popleft()()

    def _came_back(self, answer: asyncio.Future[T], outcome: tuple[T | None, Exception | None]) -> None:
        made, error = outcome
        if answer.done():
            pass
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast("T", made))
        self._go_on(0)

    async def finish(self) -> None:
        """Commits what waits, and takes nothing more."""
        self._closing = True
        for handle in (self._next, self._upkeep):
            if handle is not None:
                handle.cancel()
        self._commit()
        while self._is_busy or self._waiting or self._errands:
            self._done.clear()
            await self._done.wait()
        if self._checkpoint is not None:
            await self._checkpoint

    async def close(self, until: float) -> None:
        """Closes the ledger (see there), after `finish`."""
        if self._packing is not None:
            await asyncio.wait((self._packing,), timeout=until - time.monotonic())
        await self._thread.ask(partial(self._ledger.close, until))

    def end(self) -> None:
        """Refuses what is not committed yet; the thread ends when the disk lets it."""
        self._closing = True
        refuse_group(self._under_way + self._waiting, "the server is stopping, and the disk is slow")
        self._thread.end()

    # ------------------------------------------------------------------ a group

    def _commit(self) -> None:
        self._next = None
        if self._is_busy or not self._waiting:
            return
        self._under_way, self._waiting = next_group(self._waiting)
        self._turns += 1
        appends = [append for append, _ in self._under_way]
        begun = self._clock()
        prepared = self._ledger.begin(appends) if self._usual <= QUICK else None
        self.commits["thread" if prepared is None else "at_once"] += 1
        self._usual += ((0.0 if prepared is None else self._clock() - begun) - self._usual) * _SHARE
        if prepared is None:
            self._hand(partial(self._ledger.commit_group, appends), self._settled)
        else:
            self._hand(partial(self._ledger.finish, prepared), self._settled)

    def _hand(self, work: Callable[[], object], then: Callable[..., None]) -> None:
        """Until the thread has answered, the ledger is the thread's."""
        self._is_busy = True
        self._thread.hand(work, then)

    def _settled(self, settled: GroupResult) -> None:
        group, self._under_way = self._under_way, []
        deliver(group, settled, self.listener)
        if self._has_rest:
            self._has_rest = False
            self._hand(self._ledger.carry_rest, self._kept_up)
            return
        if self._ledger.needs_checkpoint:
            self._begin_checkpoint()
        if self._ledger.is_overdue:
            self._begin_snapshot()
        self._is_held = self._packing is not None and self._ledger.live.is_full
        if not self._is_held:
            self._go_on(len(group))

    def _kept_up(self, _: object) -> None:
        self._go_on(0)

    def _go_on(self, appends: int) -> None:
        """After a group of so many."""
        self._is_busy = False
        self._done.set()
        if self._errands:
            self._errands.popleft()()
        elif not self._waiting:
            self._plan_upkeep()
        elif len(self._waiting) > appends or self._closing:
            self._next = self._loop.call_soon(self._commit)
        else:
            self._next = self._loop.call_later(self._linger, self._commit)

    # ------------------------------------------------------------------ upkeep

    def _plan_upkeep(self) -> None:
        if self._upkeep is None and not self._closing and self._ledger.has_upkeep:
            self._upkeep = self._loop.call_later(self._idle, self._keep_up, self._turns)

    def _keep_up(self, turns: int) -> None:
        """Upkeep after a while of silence."""
        self._upkeep = None
        if self._is_busy:
            return
        if turns != self._turns:
            self._plan_upkeep()
        elif self._ledger.wants_snapshot:
            self._begin_snapshot()
        else:
            self._begin_checkpoint()

    def _begin_snapshot(self) -> None:
        """The ledger must be the loop's."""
        if self._packing is None and self._ledger.wants_snapshot:
            snapshot = self._ledger.live.begin_snapshot()
            self._packing = asyncio.ensure_future(self._beside.pack(snapshot))
            self._packing.add_done_callback(partial(self._packed, snapshot))

    def _packed(self, snapshot: BuildSnapshot, packing: asyncio.Future[bytes | Exception]) -> None:
        self._packing = None
        self._enqueue(
            lambda: self._hand(partial(self._ledger.keep_snapshot, snapshot, packing.result()), self._kept_up)
        )
        if self._is_held:
            self._is_held = False
            self._go_on(0)

    def _begin_checkpoint(self) -> None:
        if self._checkpoint is None:
            self._ledger.checkpoint_begins()
            self._checkpoint = asyncio.ensure_future(self._beside.checkpoint())
            self._checkpoint.add_done_callback(self._checkpointed)

    def _checkpointed(self, _: object) -> None:
        self._checkpoint = None
        self._has_rest = self._is_busy
        if not self._is_busy:
            self._plan_upkeep()


def _outcome(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:
        return None, error
