"""Agents that run already, watched over their session files: found, followed and published."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from msgspec import Struct

from ...agents.common.folders import Owner
from ...agents.common.live import Sighting, Witness
from ...agents.common.session_files import Session
from ...agents.redact import Redactor
from ...client.publisher import Publisher
from ...errors import OutboxUnusable
from ...model.activity import OVER, PROCESS_GONE
from ...model.events import About, ActivityReported, BuildEvent, BuildStarted
from ...model.facts import BuildEnded
from ...model.state import Agent
from ...wire.address import Address
from ...wire.projects import ProjectName, project_of
from ..price_table import load_beside
from ..sessions import Roots, Sessions
from .inspections import QUIET, Inspections
from .session_reader import SETTLED, SessionReader
from .witnesses import Witnesses

log = logging.getLogger("sentryvibe_tui.follow")

LIVE_SECONDS = 10 * 60.0
"""Seconds within which a session was written to, for it to be live."""
LOOK_EVERY = 0.3
"""Seconds between two looks at the files that are followed."""
SEARCH_EVERY = 1.5
"""Seconds between two searches for sessions; more where there are so many that a search takes long."""
SEARCHING = 0.005
"""Share of the processor's time that searches may take."""
SEEKING = 0.05
"""The same while a session is sought that runs already."""
CLOCK_TICK = 0.05
"""Seconds that the clock of files may be behind."""
BREATH = 0.02
"""Seconds given to a busy publisher before it is looked at again; the files keep what is in them."""
LAST_WORDS = 5.0
BUILDS = 4_096
"""Builds that are remembered after their files were let go of: what a witness tells later joins them."""
SOUGHT = 3.0
"""Seconds for which the file of a session that a witness sees is searched for at every look."""
SOON = 0.1
"""Seconds between two looks meanwhile."""

OrphanSearch = Callable[[Sequence[Session]], set[Path]]
"""The files of those of some sessions that certainly no process has any more; it may look at the disk."""


class Pace(Struct, frozen=True):
    """Seconds; see the constants."""

    live: float = LIVE_SECONDS
    settled: float = SETTLED
    look: float = LOOK_EVERY
    search: float = SEARCH_EVERY


class Build(Struct, frozen=True):
    """A build that is published here. `changed`: when it began, epoch seconds, if it has no file; else 0."""

    project: ProjectName
    about: About
    changed: float = 0.0


class Follow:
    """Follows the sessions of `directory` (None: of all) and publishes each as a build of its directory's project.

    What `witnesses` tell of a session joins its build, after what its files say. Silent sessions of which no witness
    tells are ended when `orphans` finds no process of theirs. `tell` hears of every session that begins; `newest` is
    the one that was written last.
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
        witnesses: Mapping[str, Witness] = {},
        orphans: OrphanSearch = lambda _: set(),
    ) -> None:
        self._redactor = redactor
        self._owner = Owner("" if directory is None else str(directory.resolve()))
        self._witnesses = Witnesses(witnesses, tell, redactor)
        self._builds: dict[str, Build] = {}
        self._sought: dict[str, tuple[Sighting | None, float]] = {}
        self._looked_up: set[str] = set()
        self._server, self._outbox, self._tell, self._pace = server, outbox, tell, pace
        self._sessions = Sessions(roots, directory)
        self._following: dict[Path, SessionReader] = {}
        self._given_up: set[Path] = set()
        self._publishers: dict[str, Publisher] = {}
        self._searched, self._first_session = asyncio.Event(), asyncio.Event()
        self._searched_at = time.time()
        self._last_search, self._search_took = float("-inf"), 0.0
        self._has_begun = self._has_more = False
        self._complaints: set[str] = set()
        self._orphans, self._inspections = orphans, Inspections()

    @property
    def newest(self) -> SessionReader | Build | None:
        without_file = (build for build in self._builds.values() if build.changed)
        return max((*self._following.values(), *without_file), key=lambda one: one.changed, default=None)

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

    async def first_session(self) -> None:
        """Waits until there is a session."""
        await self._first_session.wait()

    async def run(self) -> None:
        """Until cancelled. Raises what keeps it from beginning, as OutboxUnusable.

        It tells of what goes wrong later, and follows the rest.
        """
        async with AsyncExitStack() as stack:
            listening = asyncio.create_task(self._witnesses.run())
            try:
                await self._look(stack)
                self._has_begun = True
                while True:
                    try:
                        await self._look(stack)
                    except Exception as error:
                        if self._complain(f"{type(error).__name__}: {error}; agents are looked for all the same"):
                            log.exception("a look at the sessions failed")
                        await asyncio.sleep(self._pace.look)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await asyncio.gather(*(publisher.drain(LAST_WORDS) for publisher in self._publishers.values()))

    async def _look(self, stack: AsyncExitStack) -> None:
        """A look at the files, a search if it is time, and a rest if there was nothing more to read."""
        if time.monotonic() >= self._last_search + self._between_searches(self._search_took):
            self._last_search = time.monotonic()
            self._search_took = await self._search()
            self._last_search = time.monotonic()
            self._searched.set()
        if not self._has_more:
            await self._end_orphans(time.time())
        self._has_more = await self._pull(stack)
        await self._join(stack)
        if not self._has_more:
            await self._rest()

    def _complain(self, words: str) -> bool:
        """Tells that once; whether this was the first time."""
        is_new = words not in self._complaints
        if is_new:
            self._complaints.add(words)
            self._tell(words)
        return is_new

    async def _rest(self) -> None:
        """Until the next look at the files, or until a witness says something."""
        pause = min(SOON, self._pace.look) if self._is_seeking() else self._pace.look
        with suppress(TimeoutError):
            await asyncio.wait_for(self._witnesses.came.wait(), pause)
        self._witnesses.came.clear()

    def _between_searches(self, took: float) -> float:
        """Seconds. For a while the file of a session that a witness tells of is looked for at each look."""
        pause, share = (min(SOON, self._pace.look), SEEKING) if self._is_seeking() else (self._pace.search, SEARCHING)
        return max(pause, took / share)

    def _is_seeking(self) -> bool:
        return any(time.monotonic() - since < SOUGHT for _, since in self._sought.values())

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
        await self._look_up()
        over = [path for path, one in self._following.items() if one.is_quiet(now, self._pace.live)]
        for path in over:
            del self._following[path]
            self._inspections.forget(path)
        return took

    async def _look_up(self) -> None:
        """Sessions that a witness tells of and whose files nobody wrote to for long: they live all the same."""
        for session in [session for session in self._sought if session not in self._looked_up]:
            self._looked_up.add(session)
            try:
                session_file = await asyncio.to_thread(self._sessions.of_id, session)
            except OSError:  # gone meanwhile
                continue
            if (
                session_file is not None
                and session_file.path not in self._following
                and session_file.path not in self._given_up
            ):
                self._take_up(session_file)

    async def _end_orphans(self, now: float) -> None:
        """Asks of each session that is silent, and of which nobody tells, whether its process is gone."""
        suspects = [reader for reader in self._following.values() if self._is_suspect(reader, now)]
        if not suspects:
            return
        orphans = await asyncio.to_thread(self._orphans, [reader.session for reader in suspects])
        for reader in suspects:
            is_orphan = reader.session.path in orphans
            self._inspections.take(reader.session.path, reader.changed, now, is_orphan=is_orphan)
            if is_orphan:
                at = int((reader.changed + QUIET) * 1000)
                end = BuildEnded("interrupted", error=PROCESS_GONE, source="registry")
                gone = Sighting(reader.about.session_id, end, at, reader.session.directory, f"gone-{at}")
                self._witnesses.take(gone, at)

    def _is_suspect(self, reader: SessionReader, now: float) -> bool:
        is_vouched = self._witnesses.vouch_for(reader.about.session_id)
        return self._inspections.is_due(reader.session.path, reader.changed, now, is_vouched=is_vouched)

    def _live(self, since: float) -> tuple[list[Session], float]:
        began = time.thread_time()
        return self._sessions.changed_since(since), time.thread_time() - began

    def _take_up(self, session: Session) -> None:
        load_beside()
        project = project_of(session.directory, session.agent)
        redactor = None if self._redactor is None else self._redactor.copy()
        self._following[session.path] = SessionReader(session, project, self._pace.settled, redactor)
        self._first_session.set()
        if session.id in self._builds:  # a witness was quicker
            return
        where = f" in {session.directory}" if session.directory else ""
        self._tell(f"following {session.agent} session {session.id[:8]}{where}, project {project.name}")

    async def _pull(self, stack: AsyncExitStack) -> bool:
        """One look at every session; whether there is more to read at once.

        What a witness told goes out with the last of the file: between a question and its agent's end nobody hears it.
        """
        more = False
        for following in list(self._following.values()):
            publisher = await self._publisher(stack, following.project, following.about)
            if publisher is None:
                continue
            if publisher.is_busy:
                await asyncio.sleep(BREATH)
                more = more or not publisher.last_error
                continue
            following.is_vouched = self._witnesses.vouch_for(following.about.session_id)
            try:
                posted, goes_on = following.pull(time.time())
            except Exception as error:  # one session's file must not end the others
                log.exception("cannot follow %s", following.session.path)
                self._tell(f"{following.session.path} is followed no longer: {type(error).__name__}: {error}")
                self._given_up.add(following.session.path)
                del self._following[following.session.path]
                continue
            more = more or goes_on
            about = following.about
            if following.has_build and not goes_on:
                self._remember(about.session_id, Build(following.project, about))
                posted += self._witnesses.due(about.session_id, about, int(time.time() * 1000))
            for one in posted:
                publisher.send(one)
            await asyncio.sleep(0)
        return more

    async def _join(self, stack: AsyncExitStack) -> None:
        """What witnesses saw joins the builds of their sessions, whose files were read up to now."""
        now = int(time.time() * 1000)
        readers = {one.about.session_id: one for one in self._following.values()}
        for session in self._witnesses.sessions():
            if session in readers and not readers[session].is_read:
                continue
            build = self._builds.get(session) or self._begin(session)
            if build is None:
                continue
            publisher = await self._publisher(stack, build.project, build.about)
            if publisher is None or publisher.is_busy:
                continue
            posted = self._witnesses.due(session, build.about, now)
            for one in posted:
                publisher.send(one)
            is_new = session not in readers and session not in self._looked_up
            if is_new and any(_is_at_work(one.event) for one in posted):
                self._looked_up.add(session)  # its file is written only now: the search finds it
                self._sought[session] = (None, time.monotonic())

    def _begin(self, session: str) -> Build | None:
        """The build of a session that has no file; None for one whose file will be found, or is another's."""
        first = self._witnesses.first(session)
        if first is None or not self._owner.owns(first.directory):
            self._witnesses.forget(session)
            self._sought.pop(session, None)
            return None
        if not isinstance(first.event, BuildStarted):
            if self._sought.get(session, (None, 0.0))[0] is not first:
                self._sought[session] = (first, time.monotonic())
            return None
        project = project_of(first.directory, "unknown")
        about = About(project.id, session, session, Agent(project_name=project.name))
        self._remember(session, Build(project, about, time.time()))
        self._first_session.set()
        self._tell(f"following session {session[:8]} in {first.directory}, project {project.name}")
        return self._builds[session]

    def _remember(self, session: str, build: Build) -> None:
        self._builds[session] = self._builds.pop(session, build)
        self._sought.pop(session, None)
        if len(self._builds) > BUILDS:
            del self._builds[next(iter(self._builds))]

    async def _publisher(self, stack: AsyncExitStack, project: ProjectName, about: About) -> Publisher | None:
        """One for each project; None: its outbox cannot be opened now, and that was told."""
        publisher = self._publishers.get(project.id)
        if publisher is None:
            opened = Publisher(self._server, about, self._outbox, report=self._tell)
            try:
                publisher = self._publishers[project.id] = await stack.enter_async_context(opened)
            except OutboxUnusable as error:
                if not self._has_begun:
                    raise
                self._complain(f"project {project.name} waits: {error}")
        return publisher


def _is_at_work(event: BuildEvent) -> bool:
    """Whether a session's agent does something by its witness: its file will say what."""
    return isinstance(event, ActivityReported) and event.kind not in OVER
