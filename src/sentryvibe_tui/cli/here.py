"""A watch on a directory: its agents' sessions are followed meanwhile, and the newest is shown."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..client.address import Address
from ..client.hydrate import ProjectRef
from ..client.watching import LinkChanged, LinkStatus, WatchEvent
from ..settings import Settings, data_dir
from ..wire.projects import project_of
from .options import redactor
from .seeking import Deferred

if TYPE_CHECKING:
    from ..client.watch import Watch


class Here(Deferred):
    """`client.watching.Watching` for a directory. Nothing is loaded or started before `events` is asked for.

    `server` None: one that runs here, or one of our own.
    """

    def __init__(
        self, directory: Path, server: Address | None, settings: Settings, tell: Callable[[str], None], probe: bool
    ) -> None:
        super().__init__()
        self._directory, self._server, self._settings, self._tell = directory, server, settings, tell
        self._probe = probe
        self._work: asyncio.Task[None] | None = None

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("connecting"))
        found: asyncio.Future[Watch] = asyncio.get_running_loop().create_future()
        self._work = asyncio.create_task(self._follow(found))
        await asyncio.wait([self._work, found], return_when=asyncio.FIRST_COMPLETED)
        if self._work.done():
            self.problem = click.ClickException(str(self._work.exception() or "it just ended"))
            yield LinkChanged(LinkStatus("refused", reason=self.problem.message))
            return
        self._watch = found.result()
        async for event in self._watch.events():
            yield event

    async def _follow(self, found: asyncio.Future[Watch]) -> None:
        """Serves and follows until cancelled. Raises CannotServe, OSError, sqlite3.Error."""
        from ..client.watch import Watch
        from ..sources.follow import Follow
        from ..sources.server_here import server_here
        from ..sources.sessions import roots

        outbox, masks = data_dir(self._settings) / "outbox", redactor(self._settings)
        async with server_here(self._server, self._settings, self._tell) as address:
            follow = Follow(address, outbox, roots(), self._directory, self._tell, redactor=masks)
            following = asyncio.create_task(follow.run())
            try:
                searched = asyncio.create_task(follow.searched())
                await asyncio.wait([following, searched], return_when=asyncio.FIRST_COMPLETED)
                searched.cancel()
                newest = follow.newest
                project = project_of(str(self._directory)) if newest is None else newest.project
                found.set_result(Watch(address, ProjectRef(project.id, project.name), wait=True, probe=self._probe))
                await following
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def aclose(self) -> None:
        if self._watch is not None:
            await self._watch.aclose()
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError, OSError, sqlite3.Error):
                await self._work
