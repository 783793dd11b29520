"""A watch on a directory: its agents' sessions are followed meanwhile, and the newest is shown."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ..client.deferred import DeferredWatch
from ..client.rest import ProjectRef
from ..client.watching import LinkChanged, LinkStatus, WatchEvent
from ..errors import SentryVibeError
from ..settings import Settings, data_dir
from ..wire.address import Address
from ..wire.projects import ProjectName, project_of

if TYPE_CHECKING:
    from ..agents.redact import Redactor
    from ..client.watch import Watch
    from .follow.follower import Follow
    from .sessions import Session

log = logging.getLogger("sentryvibe_tui.follow")

LONGEST = 30 * 86_400.0
"""Seconds after which a session is no longer shown as the last of its directory."""


class DirectoryWatch(DeferredWatch):
    """`client.watching.Watching` for a directory. Nothing is loaded or started before `events` is asked for.

    `server` None: one that runs here, or one of our own. `keeps`: the build that it begins with is shown to its end.
    Where no agent is at work the last session is taken up, however long it is over: `idle` hears which, and how many
    seconds ago it was written to, or that there was none within LONGEST, and puts that in words. `tell` hears what else
    there is to say.
    `redactor` makes what masks secrets, or None.
    """

    def __init__(
        self,
        directory: Path,
        server: Address | None,
        settings: Settings,
        redactor: Callable[[], Redactor | None],
        tell: Callable[[str], None],
        idle: Callable[[Session | None, float], str],
        probe: bool,
        keeps: bool = False,
    ) -> None:
        super().__init__()
        self._directory, self._server, self._settings = directory, server, settings
        self._redactor, self._tell, self._idle = redactor, tell, idle
        self._probe, self._keeps = probe, keeps
        self._work: asyncio.Task[None] | None = None
        self._instead: Watch | None = None
        self._published: Follow | None = None
        self._has_last_session = False

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("connecting"))
        watch: asyncio.Future[Watch] = asyncio.get_running_loop().create_future()
        self._work = asyncio.create_task(self._follow(watch))
        await asyncio.wait([self._work, watch], return_when=asyncio.FIRST_COMPLETED)
        if self._work.done():
            self.problem = SentryVibeError(str(self._work.exception() or "it just ended"))
            yield LinkChanged(LinkStatus("refused", reason=str(self.problem)))
            return
        self._work.add_done_callback(self._ended)
        self._watch = watch.result()
        async for event in self._watch.events():
            yield self._explained(event)
        if self._instead is not None:
            self._watch = self._instead
            async for event in self._watch.events():
                yield self._explained(event)

    async def _follow(self, future: asyncio.Future[Watch]) -> None:
        """Serves and follows until cancelled. Raises CannotServe, OSError."""
        from ..server.embedded import kept_served, server_here
        from .follow.follower import Follow, Pace
        from .follow.witnesses import witnesses
        from .processes import without_process
        from .sessions import roots

        outbox, masks = data_dir(self._settings) / "outbox", self._redactor()
        live = await asyncio.to_thread(self._reach, time.time())
        async with server_here(self._server, self._settings, self._tell) as address:
            pace = Pace(live=live)
            follow = Follow(
                address, outbox, roots(), self._directory, self._hear, pace, masks, witnesses(), without_process
            )
            following = asyncio.create_task(follow.run())
            try:
                await _until(follow.searched(), following)
                newest, self._has_last_session = follow.newest, False
                watch = self._on(address, project_of(str(self._directory)) if newest is None else newest.project)
                future.set_result(watch)
                self._published = follow
                async with nullcontext() if self._server else kept_served(self, address, self._settings, self._tell):
                    if newest is None:
                        await _until(follow.first_session(), following)
                        await self._turn_to_first(follow, watch)
                    await following
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    def _reach(self, now: float) -> float:
        """How many seconds back a session may lie to be shown: as far as the last one."""
        from .follow.follower import LIVE_SECONDS
        from .sessions import Sessions, roots

        sessions = Sessions(roots(), self._directory).changed_since(now - LONGEST)
        living = next(filter(_has_process, sessions), None)
        last = living or (sessions[0] if sessions else None)
        ago = 0.0 if last is None else now - last.changed
        if living is None and (last is None or ago > LIVE_SECONDS):
            self._has_last_session = last is not None
            self.prospect = self._idle(last, ago)
        return ago + LIVE_SECONDS if ago > LIVE_SECONDS else LIVE_SECONDS

    def _ended(self, work: asyncio.Task[None]) -> None:
        """What follows goes on until it is cancelled; else the reader is told why it does not."""
        if not work.cancelled():
            log.error("%s is followed no longer", self._directory, exc_info=work.exception())
            self._tell(f"the agents of {self._directory} are followed no longer: {work.exception() or 'it just ended'}")

    def _hear(self, words: str) -> None:
        """What the first search takes up is the session that `idle` has told of already."""
        (log.info if self._has_last_session else self._tell)(words)

    async def _turn_to_first(self, follow: Follow, watch: Watch) -> None:
        """The first session to begin may do so further down, and then is another project's."""
        newest, is_shown = follow.newest, bool(watch.state.id) and watch.state.is_active
        if newest is not None and newest.project.id != watch.project.id and not is_shown:
            self._instead = self._on(watch.server, newest.project)
            await watch.aclose()

    def _on(self, server: Address, project: ProjectName) -> Watch:
        from ..client.watch import Watch

        return Watch(server, ProjectRef(project.id, project.name), wait=True, probe=self._probe, keeps=self._keeps)

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach: it may have been part of another command."""
        return self._published is not None and self._published.is_cut_off

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, and watches there."""
        if self._published is not None:
            self._published.turn_to(server)
        for watch in (self._watch, self._instead):
            if watch is not None:
                watch.turn_to(server)

    async def aclose(self) -> None:
        if self._watch is not None:
            await self._watch.aclose()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)


def _has_process(session: Session) -> bool:
    """Whether the agent's register says so: who waits for a person writes nothing meanwhile."""
    from ..agents.registry import agent_kind

    kind = agent_kind(session.agent)
    return kind.processes is not None and session.id in kind.processes(os.environ)


async def _until(happens: Coroutine[object, object, None], work: asyncio.Task[None]) -> None:
    """Waits for what happens while `work` goes on, or for the end of that."""
    waiting = asyncio.create_task(happens)
    try:
        await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
