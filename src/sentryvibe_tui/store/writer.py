"""Group commit: what one turn of the event loop brings, or what waits for a slow disk, is one transaction."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from ..model.state import Millis
from ..wire.events import Posted
from .contract import Accepted, Commit, StoreUnavailable
from .ledger import Append, Ledger, Settled

QUICK = 0.005
"""Seconds that commits usually wait for the disk, up to which the event loop waits for them."""
_SHARE = 0.1
_GROUP = 512
"""Events up to which what waits is put into one transaction."""
_IDLE = 0.05

_Answer = asyncio.Future[Accepted]
_Group = list[tuple[Append, _Answer]]


class Writer:
    """Appends from the event loop that made it.

    What can be done at once on a disk known to be quick is committed in the event loop, which saves the way to a thread
    and back. All else, and upkeep, is handed to the thread; until it has answered, the ledger is the thread's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._waiting: _Group = []
        self._handed = 0
        self._handing: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._usual = 0.0
        self._turns = 0
        self._upkeep: asyncio.TimerHandle | None = None
        self._closing = False
        self.listener: Callable[[Sequence[Commit]], None] = lambda _: None
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ in the event loop

    def append(self, events: Sequence[Posted], now: Millis) -> _Answer:
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        answer: _Answer = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._commit)
        self._waiting.append((Append(events, now), answer))
        return answer

    async def close(self) -> None:
        """Commits what waits, then ends the thread."""
        self._closing = True
        self._commit()
        if self._upkeep is not None:
            self._upkeep.cancel()
        self._handing.put(None)
        await asyncio.to_thread(self._thread.join)

    def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        if not group:
            return
        self._turns += 1
        settled = None
        if not self._handed and self._usual <= QUICK:
            settled = self._ledger.settle_at_once([append for append, _ in group])
        if settled is None:
            self._hand(group)
        else:
            self._note_wait()
            self._deliver(group, settled)
            self._plan_upkeep()

    def _hand(self, group: _Group) -> None:
        self._handed += 1
        self._handing.put(group)

    def _finish(self, groups: int, group: _Group, settled: Settled) -> None:
        self._deliver(group, settled)
        self._take_back(groups)

    def _take_back(self, groups: int) -> None:
        """The thread is done with so many."""
        self._handed -= groups
        self._plan_upkeep()

    def _deliver(self, group: _Group, settled: Settled) -> None:
        for (_, answer), result in zip(group, settled.results, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
        if settled.commits:
            self.listener(settled.commits)

    def _plan_upkeep(self) -> None:
        if self._upkeep is None and not self._handed and not self._closing and self._ledger.has_upkeep:
            self._upkeep = self._loop.call_later(_IDLE, self._keep_up, self._turns)

    def _keep_up(self, turns: int) -> None:
        """Hand over upkeep after a while of silence."""
        self._upkeep = None
        if self._handed:
            return
        if turns == self._turns or self._ledger.is_overdue:
            self._hand([])
        else:
            self._upkeep = self._loop.call_later(_IDLE, self._keep_up, self._turns)

    def _note_wait(self) -> None:
        self._usual += (self._ledger.waited - self._usual) * _SHARE

    # ------------------------------------------------------------------ in the thread

    def _run(self) -> None:
        open_ = True
        while open_:
            groups, group, open_ = self._next()
            if group:
                settled = self._ledger.settle([append for append, _ in group])
                self._note_wait()
                if not self._ledger.is_overdue:
                    self._loop.call_soon_threadsafe(self._finish, groups, group, settled)
                    continue
                self._loop.call_soon_threadsafe(self._deliver, group, settled)
            if groups:
                self._ledger.upkeep()
                self._loop.call_soon_threadsafe(self._take_back, groups)
        self._ledger.close()

    def _next(self) -> tuple[int, _Group, bool]:
        """What was handed over until now: how many groups, all of them as one, and whether there will be more."""
        first = self._handing.get()
        if first is None:
            return 0, [], False
        groups, group = 1, first
        while sum(len(append.events) for append, _ in group) < _GROUP and not self._handing.empty():
            more = self._handing.get()
            if more is None:
                return groups, group, False
            groups += 1
            group = group + more
        return groups, group, True
