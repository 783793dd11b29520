"""What an agent's own register of what runs tells, as it happens: a file, a socket, a database. The slot `live`.

An agent's `live` makes a `Witness` of the environment. `sources/follow/` runs it beside the session files, whose
builds its sightings join: by the session's id, in the session's project, masked like everything else.

- A sighting is an event as in docs/activity.md, with `source` "registry" or "socket". It is told once for each change,
  with the time of the change by the witness's own clock.
- A session whose file is followed has its build already. One without a file begins with a sighted `BuildStarted`, and
  needs its `directory`; without either, sightings wait for the file, and the latest of them are kept.
- The same sighting has the same `id` whenever it is told, so that a second witness, or one started anew, adds nothing.
- A register that is absent, old or not understood is no error: the witness goes on looking and says nothing, or tells
  once what it does not understand (`Noticed`). What it raises ends the witness, never the sources beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

from msgspec import Struct

from ...model.events import BuildEvent
from ...model.state import Millis

LOOK_EVERY = 0.2
"""Seconds between two looks of a witness that polls."""

MERGED = 1_000
"""Sightings that wait to be taken; a witness that sees more waits with them."""


class Sighting(Struct, frozen=True):
    """`event` happened in `session`. `at`: by the witness's clock, epoch milliseconds; None for now.

    `directory`: where the session works, "" when that is not told. `id`: of this sighting among its session's; "" to
    have it follow from what it says and when.
    """

    session: str
    event: BuildEvent
    at: Millis | None = None
    directory: str = ""
    id: str = ""


class Witness(Protocol):
    """Tells what it sees for as long as it is listened to."""

    def sightings(self) -> AsyncIterator[Sighting]: ...


async def polled(look: Callable[[], Iterable[Sighting]], every: float = LOOK_EVERY) -> AsyncIterator[Sighting]:
    """What `look` sees, which may wait for a disk, every so many seconds."""
    while True:
        for sighting in await asyncio.to_thread(look):
            yield sighting
        await asyncio.sleep(every)


async def merged(*sources: AsyncIterator[Sighting]) -> AsyncIterator[Sighting]:
    """What several witnesses of one agent see, as it comes, until all have ended. What one of them raises ends all."""
    queue: asyncio.Queue[Sighting | Exception | None] = asyncio.Queue(MERGED)

    async def listen(source: AsyncIterator[Sighting]) -> None:
        end = None
        try:
            async for sighting in source:
                await queue.put(sighting)
        except Exception as error:  # raised where it is awaited
            end = error
        await queue.put(end)

    tasks = [asyncio.create_task(listen(source)) for source in sources]
    open_sources = len(tasks)
    try:
        while open_sources:
            match await queue.get():
                case None:
                    open_sources -= 1
                case Exception() as error:
                    raise error
                case sighting:
                    yield sighting
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
