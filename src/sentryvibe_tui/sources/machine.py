"""This machine as a fleet: all its agents followed and served, with nothing installed or configured."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext, suppress

from ..agents.redact import Redactor
from ..agents.registry import agent_kinds
from ..client.fleet import FleetEvent, ServerFleet, ServerLink
from ..client.watching import LinkStatus
from ..folders import below_home
from ..model.text import clean_line
from ..settings import Settings, data_dir
from ..wire.address import Address
from .sessions import roots

log = logging.getLogger("sentryvibe_tui.follow")

HERE = "here"
"""Identity of this machine's server, also before it is there, and wherever it moves."""
RECENT = 3_600.0
"""Seconds within which a session was written to, for it to be shown."""


class Machine(ServerFleet):
    """`client.fleet.Fleet` of the server that is `named`, of one that runs here, or of one in this process for as long
    as it is listened to; `others` are shown beside it. `tell` hears what the sources have to say."""

    def __init__(
        self,
        settings: Settings,
        redactor: Redactor | None,
        tell: Callable[[str], None],
        named: Address | None = None,
        others: Sequence[Address] = (),
    ) -> None:
        super().__init__(others)
        self._settings, self._redactor, self._tell, self._named = settings, redactor, tell, named
        self._follow_is_cut_off: Callable[[], bool] = lambda: False
        self._follow_turn_to: Callable[[Address], None] = lambda _: None
        self._work: asyncio.Task[None] | None = None
        self._problem = ""

    async def events(self) -> AsyncIterator[FleetEvent]:
        yield ServerLink(HERE, "this machine", LinkStatus("connecting"))
        address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._work = asyncio.create_task(self._follow(address))
        try:
            await asyncio.wait([self._work, address], return_when=asyncio.FIRST_COMPLETED)
            if not address.done():
                self._problem = clean_line(str(self._work.exception() or "it just ended"))
                yield ServerLink(HERE, "this machine", LinkStatus("refused", reason=self._problem))
                await asyncio.Event().wait()
            self._work.add_done_callback(self._ended)
            self.begin_with(HERE, address.result())
            async for event in super().events():
                yield event
        finally:
            await self.aclose()

    async def _follow(self, found: asyncio.Future[Address]) -> None:
        """Serves and follows until cancelled. Raises CannotServe, OSError, sqlite3.Error."""
        from ..server.embedded import kept_served, server_here
        from .follow.follower import Follow, Pace
        from .follow.witnesses import witnesses
        from .processes import without_process

        outbox = data_dir(self._settings) / "outbox"
        async with server_here(self._named, self._settings, self._tell) as address:
            found.set_result(address)
            pace = Pace(live=RECENT)
            follow = Follow(
                address, outbox, roots(), None, self._tell, pace, self._redactor, witnesses(), without_process
            )
            self._follow_is_cut_off, self._follow_turn_to = lambda: follow.is_cut_off, follow.turn_to
            keeping = kept_served(self, address, self._settings, self._tell)
            async with nullcontext() if self._named else keeping:
                await follow.run()

    def _ended(self, work: asyncio.Task[None]) -> None:
        """What follows goes on until it is cancelled; else the reader is told why it does not."""
        if not work.cancelled():
            self._problem = clean_line(str(work.exception() or "it just ended"))
            log.error("the agents of this machine are followed no longer", exc_info=work.exception())
            self.announce(ServerLink(HERE, "this machine", LinkStatus("refused", reason=self._problem)))

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach: it may have been part of another command."""
        return self._follow_is_cut_off() or self.is_lost(HERE)

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, and watches there."""
        self._follow_turn_to(server)
        if self.address_of(HERE) != server:
            self.move(HERE, server)

    def outlook(self) -> tuple[str, ...]:
        if self._problem:
            return ("The agents of this machine cannot be shown:", self._problem)
        there = [below_home(str(folder)) for folder in roots().values() if folder.is_dir()]
        names = ", ".join(kind.name for kind in agent_kinds() if kind.sessions or kind.live)
        looked = ", ".join(there) if there else f"the folders of {names}: none is there yet"
        return (
            "No agent is at work on this machine.",
            "",
            f"looked in  {looked}",
            "start one (claude, codex, opencode, gemini, copilot …) and it appears here by itself",
            "sentryvibe-tui demo   shows what that looks like",
        )

    async def aclose(self) -> None:
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError, Exception, sqlite3.Error):
                await self._work
