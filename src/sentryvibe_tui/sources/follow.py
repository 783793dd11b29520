"""Agents that run already, watched over their session files: found, followed and published."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct

from ..agents.common.session_files import Session
from ..agents.redact import Redactor
from ..client.address import Address
from ..client.publisher import Publisher
from ..model.events import About
from ..wire.events import Posted
from ..wire.projects import ProjectName, project_of
from .following import SETTLED, Following
from .sessions import Roots, Sessions

log = logging.getLogger("sentryvibe_tui.follow")

LIVE = 10 * 60.0
"""Seconds within which a session was written to, for it to be live."""
LOOK_EVERY = 0.3
"""Seconds between two looks at the files that are followed."""
SEARCH_EVERY = 1.5
"""Seconds between two searches for sessions; more where there are so many that a search takes long."""
SEARCHING = 0.005
"""Share of the processor's time that searches may take."""
CLOCK_TICK = 0.05
"""Seconds that the clock of files may be behind."""
BREATH = 0.02
"""Seconds given to a busy publisher before it is looked at again; the files keep what is in them."""
LAST_WORDS = 5.0


class Pace(Struct, frozen=True):
    """Seconds; see the constants."""

    live: float = LIVE
    settled: float = SETTLED
    look: float = LOOK_EVERY
    search: float = SEARCH_EVERY


class Follow:
    """Follows the sessions of `directory` (None: of all) and publishes each as a build of its directory's project.

    `tell` hears of every session that begins; `newest` is the one that was written last.
    """

    def __init__(
        self,
        server: Address,
        outbox: Path,
        roots: Roots,
        directory: Path | None,
        tell: Callable[[str], None],
        pace: Pace = Pace(),  # noqa: B008  frozen
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor
        self._server, self._outbox, self._tell, self._pace = server, outbox, tell, pace
        self._sessions = Sessions(roots, directory)
        self._following: dict[Path, Following] = {}
        self._given_up: set[Path] = set()
        self._publishers: dict[str, Publisher] = {}
        self._searched, self._begun = asyncio.Event(), asyncio.Event()
        self._searched_at = time.time()

    @property
    def newest(self) -> Following | None:
        return max(self._following.values(), key=lambda following: following.changed, default=None)

    @property
    def is_cut_off(self) -> bool:
        """The server is out of reach."""
        return any(publisher.last_error and publisher.depth for publisher in self._publishers.values())

    def turn_to(self, server: Address) -> None:
        """Publishes to another server from now on, also what is still waiting."""
        self._server = server
        for publisher in self._publishers.values():
            publisher.server = server

    async def searched(self) -> None:
        """Waits until the first search is over."""
        await self._searched.wait()

    async def begun(self) -> None:
        """Waits until there is a session."""
        await self._begun.wait()

    async def run(self) -> None:
        """Until cancelled. Raises OSError, sqlite3.Error when an outbox cannot be opened."""
        async with AsyncExitStack() as stack:
            try:
                next_search = 0.0
                while True:
                    if time.monotonic() >= next_search:
                        took = await self._search()
                        self._searched.set()
                        next_search = time.monotonic() + max(self._pace.search, took / SEARCHING)
                    if not await self._pull(stack):
                        await asyncio.sleep(self._pace.look)
            finally:
                await asyncio.gather(*(publisher.drain(LAST_WORDS) for publisher in self._publishers.values()))

    async def _search(self) -> float:
        """Takes up sessions that are live, and lets go of those that are long over; the processor's seconds it took."""
        now = time.time()
        live, took = await asyncio.to_thread(self._live, min(now - self._pace.live, self._searched_at))
        self._searched_at = now - CLOCK_TICK
        # The latest one is published last: it is the newest build of its project.
        for session in reversed(live):
            following = self._following.get(session.path)
            if following is None and session.path not in self._given_up:
                self._take_up(session)
        over = [path for path, one in self._following.items() if one.is_quiet(now, self._pace.live)]
        for path in over:
            del self._following[path]
        return took

    def _live(self, since: float) -> tuple[list[Session], float]:
        began = time.thread_time()
        return self._sessions.changed_since(since), time.thread_time() - began

    def _take_up(self, session: Session) -> None:
        project = project_of(session.directory, session.agent)
        redactor = None if self._redactor is None else self._redactor.anew()
        self._following[session.path] = Following(session, project, self._pace.settled, redactor)
        self._begun.set()
        where = f" in {session.directory}" if session.directory else ""
        self._tell(f"following {session.agent} session {session.id[:8]}{where}, project {project.name}")

    async def _pull(self, stack: AsyncExitStack) -> bool:
        """One look at every session; whether there is more to read at once."""
        more = False
        for following in list(self._following.values()):
            publisher = await self._publisher(stack, following.project, following.about)
            if publisher.is_busy:
                await asyncio.sleep(BREATH)
                more = more or not publisher.last_error
                continue
            try:
                posted, goes_on = following.pull(time.time())
            except Exception as error:  # one session's file must not end the others
                log.exception("cannot follow %s", following.session.path)
                self._tell(f"{following.session.path} is followed no longer: {type(error).__name__}: {error}")
                self._given_up.add(following.session.path)
                del self._following[following.session.path]
                continue
            for one in posted:
                _publish(publisher, one)
            more = more or goes_on
            await asyncio.sleep(0)
        return more

    async def _publisher(self, stack: AsyncExitStack, project: ProjectName, about: About) -> Publisher:
        """One for each project."""
        known = self._publishers.get(project.id)
        if known is None:
            opened = Publisher(self._server, about, self._outbox, report=self._tell)
            known = self._publishers[project.id] = await stack.enter_async_context(opened)
        return known


def _publish(publisher: Publisher, posted: Posted) -> None:
    publisher.about = posted.about
    publisher.publish(posted.event, posted.at, posted.event_id)
