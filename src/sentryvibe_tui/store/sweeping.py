"""Deleted builds go away in pieces that hold nobody up, in every store alike.

A build is first buried, which takes it out of every list at once; its rows are swept away after that, a piece at a
time, whatever is written meanwhile. What a server that ended left buried is swept by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..errors import StoreUnavailable

PIECE = 1000
"""Rows of a piece: some 10 ms."""
VALUES = 8
"""Calls whose whole values, which may be large, go in one piece."""
_PAUSE = 0.02
"""Seconds between two pieces."""


class Sweeper:
    """`sweep`: deletes a piece of what is buried; False: nothing is left. It may raise StoreUnavailable."""

    def __init__(self, sweep: Callable[[], Awaitable[bool]]) -> None:
        self._sweep = sweep
        self._is_due = False
        self.task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was buried, or may have been left."""
        self._is_due = True
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._run(), name="store sweep")

    async def _run(self) -> None:
        with suppress(StoreUnavailable):
            while self._is_due:
                self._is_due = False
                if await self._sweep():
                    self._is_due = True
                    await asyncio.sleep(_PAUSE)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
