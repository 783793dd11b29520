"""A watch told line by line, until its build ends or its link is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from ..client.watching import Changed, EndConfirmed, LinkChanged, Snapshot, WatchEvent, Watching
from ..model.state import BuildState
from . import exit_codes

LINGER = 0.5
"""Seconds in which the end of a session may follow that of its turn."""


class Report(Protocol):
    """How events become lines (`plain.PlainLines`, `jsonl.JsonLines`)."""

    def event(self, event: WatchEvent) -> Iterator[str]: ...

    def end(self, state: BuildState) -> Iterator[str]:
        """The last words, at the state a watch stopped at."""
        ...


class NarrationEnd(Struct, frozen=True):
    """What a narration came to: its exit status, and why it had no link when that is the reason.

    `status`: the HTTP status with which the server refused."""

    code: int
    reason: str = ""
    status: int | None = None


async def narrate(
    watch: Watching, report: Report, write: Callable[[str], None], linger: float = LINGER, *, goes_on: bool = False
) -> NarrationEnd:
    """Write a line for each event. Returns at the end of the build, or when the link is given up for good.

    `goes_on`: not at the end of a build, other builds follow.
    """
    state: BuildState | None = None
    closed = NarrationEnd(exit_codes.NO_LINK, "the link was closed")
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            async for event in watch.events():
                for line in report.event(event):
                    write(line)
                if isinstance(event, LinkChanged) and event.status.phase in ("gave-up", "refused"):
                    closed = NarrationEnd(exit_codes.NO_LINK, event.status.reason, event.status.http_status)
                    break
                if not isinstance(event, Snapshot | Changed | EndConfirmed):
                    continue
                state = event.state
                if goes_on:
                    continue
                is_over = not state.is_active and (isinstance(event, EndConfirmed) or event.settled)
                if is_over and state.activity.kind != "idle":
                    break
                limit.reschedule(asyncio.get_running_loop().time() + linger if is_over else None)
    if state is None:
        return closed
    for line in report.end(state):
        write(line)
    return closed if state.is_active else NarrationEnd(exit_codes.of_build(state.status))
