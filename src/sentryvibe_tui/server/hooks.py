"""Hooks of agents (docs/agents.md#hooks): `POST /api/hooks/{agent}`, and what command hooks left in the spool."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import stat
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from ..agents.common.hook_dialect import HookDialect, Payloads
from ..agents.common.hook_reader import HookReader
from ..agents.redact import Redactor
from ..agents.registry import agent_kind, agent_kinds
from ..errors import BadJson, StoreUnavailable, UnknownAgent
from ..hooks import spool
from ..model.events import About
from ..model.state import Agent, Millis
from ..store.contract import BuildDamaged, BuildKey, Store
from ..wire.envelope import EventEnvelope, encode_posted
from ..wire.ids import RULE, is_id, with_usable_ids
from ..wire.projects import directory_of, project_of
from ..wire.times import millis
from .asgi import HTTPError, Receive, Scope
from .ingest import bad_request, read_body
from .owed import Backlog
from .payload import Payload, is_light, read_record
from .settings import DEFAULT_LIMITS, ServerLimits

log = logging.getLogger("sentryvibe_tui.server")

LARGEST = 16 * 1024 * 1024
"""Bytes of a payload at most: it holds whatever a tool answered."""
AT_ONCE = 256
TOGETHER = 64
TOGETHER_BYTES = 1024 * 1024
"""Payloads of the spool, and bytes of them, up to which they are kept in one transaction."""


class _Reading(Struct, frozen=True):
    """What a payload of the spool tells, what its session was owed before, and the payload's bytes."""

    path: Path
    session: str
    owed: list[EventEnvelope]
    posted: list[EventEnvelope]
    size: int


class Hooks:
    """Turns payloads into events of builds, one for each session of an agent."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], Millis],
        redactor: Redactor | None = None,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        self._store, self._now = store, now
        self._look_every = limits.spool_every
        self._redactor = redactor
        self._readers: dict[str, Payloads] = {}
        self._taking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._unkept: dict[str, list[EventEnvelope]] = {}
        self._backlog = Backlog()
        self._passed_over: set[str] = set()

    async def post(self, scope: Scope, receive: Receive, agent: str) -> None:
        """Raises HTTPError for what is not taken, StoreUnavailable when nothing can be kept."""
        if agent not in hooked_agents():
            raise HTTPError(404, f"hooks are taken of {', '.join(hooked_agents())}")
        payload = await read_body(scope, receive, LARGEST)
        try:
            await self.take(agent, payload)
        except BadJson as error:
            raise bad_request(error) from None

    async def take(self, agent: str, payload: bytes) -> None:
        """Keeps what one payload tells. Raises BadJson, StoreUnavailable."""
        record = await read_record(payload)
        session = _session_of(record)
        async with self._taking.setdefault(session, asyncio.Lock()):  # one after another, but only within a session
            posted = await self._read(agent, record, _about(record, session), "", None, light=is_light(payload))
            events = [*self._backlog.take(session), *posted]
            try:
                if events:
                    await self._store.append(events, self._now())
            except StoreUnavailable:
                self._backlog.put(session, events, self._now())
                raise

    async def _read(
        self, agent: str, record: Payload, about: About, source: str, at: Millis | None, *, light: bool
    ) -> list[EventEnvelope]:
        reader = self._reader(agent)
        if not reader.knows(about.session_id):
            begun = await self._store.state(BuildKey(about.project_id, about.session_id, about.build_id))
            if begun is not None:
                reader.resume(about.session_id, begun)
        unknown = reader.counts.unknown.total()
        received = self._now() if at is None else at
        reports = reader.read(record, received) if light else await asyncio.to_thread(reader.read, record, received)
        posted = [
            _identified(EventEnvelope(about, with_usable_ids(report.event), "", report.at or at), source)
            for report in reports
        ]
        if reader.counts.unknown.total() > unknown:
            log.info("hooks of %s tell of %r, which is left out", agent, record.get("hook_event_name"))
        return posted

    def _reader(self, agent: str) -> Payloads:
        if agent not in self._readers:
            dialect = hook_dialect(agent)
            own = dialect.reader
            self._readers[agent] = HookReader(dialect, self._redactor) if own is None else own(self._redactor)
        return self._readers[agent]

    @contextlib.asynccontextmanager
    async def picking_up(self, folder: Path | None = None) -> AsyncGenerator[None]:
        """Takes payloads out of the spool, as long as the block lasts. One server of a user does so."""
        task = asyncio.create_task(self._pick_up(Path(spool.folder()) if folder is None else folder))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _pick_up(self, folder: Path) -> None:
        while True:
            paths = deque(await asyncio.to_thread(_spooled, folder, frozenset(self._passed_over)))
            try:
                while paths:
                    await self._take_files(paths)
            except StoreUnavailable as error:
                log.warning("hooks wait in %s: %s", folder, error)
            await asyncio.sleep(self._look_every)

    async def _take_files(self, paths: deque[Path]) -> None:
        """Keeps what the first payloads tell in one transaction, then removes them. What cannot be read or removed
        stays, and is passed over from then on. Raises StoreUnavailable."""
        readings, entered, size = list[_Reading](), set[str](), 0
        async with contextlib.AsyncExitStack() as locks:
            while paths and len(readings) < TOGETHER and size < TOGETHER_BYTES:
                reading = await self._read_file(paths.popleft(), locks, entered)
                if reading is not None:
                    readings.append(reading)
                    size += reading.size
            await self._keep(readings)

    async def _read_file(self, path: Path, locks: contextlib.AsyncExitStack, entered: set[str]) -> _Reading | None:
        """What a payload tells; None: nothing, and it is gone or passed over. Its session is `entered` from then on."""
        try:
            written, payload = await asyncio.to_thread(_read, path)
            record = await read_record(payload)
            session = _session_of(record)
            if session not in entered:
                await locks.enter_async_context(self._taking.setdefault(session, asyncio.Lock()))
                entered.add(session)
            # a reader has a memory: what could not be kept is tried again, not read again
            posted = self._unkept.pop(path.stem, None)
            if posted is None:
                agent, about = path.suffix.removeprefix("."), _about(record, session)
                posted = await self._read(agent, record, about, path.stem, written, light=is_light(payload))
            return _Reading(path, session, self._backlog.take(session), posted, len(payload))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._pass_over(path, error.strerror or str(error))
        except BuildDamaged as damage:
            self._pass_over(path, str(damage))
        except StoreUnavailable:
            raise
        except Exception as error:
            await self._leave_out(path, error)
        return None

    async def _keep(self, readings: Sequence[_Reading]) -> None:
        """In one transaction; one that is at fault itself fails alone. Raises StoreUnavailable."""
        try:
            if events := [posted for reading in readings for posted in (*reading.owed, *reading.posted)]:
                await self._store.append(events, self._now())
        except Exception as error:
            if isinstance(error, StoreUnavailable) and not isinstance(error, BuildDamaged):
                self._put_back(readings)
                raise
            if len(readings) > 1:
                await self._keep_each(readings)
            else:
                await self._refuse(readings[0], error)
            return
        for reading in readings:
            await self._remove(reading.path)

    async def _keep_each(self, readings: Sequence[_Reading]) -> None:
        for number, reading in enumerate(readings):
            try:
                await self._keep((reading,))
            except StoreUnavailable:
                self._put_back(readings[number + 1 :])
                raise

    async def _refuse(self, reading: _Reading, error: Exception) -> None:
        """Others' hooks go on; that of a damaged build waits for a start after the build was deleted."""
        if isinstance(error, BuildDamaged):
            self._put_back((reading,))
            self._pass_over(reading.path, str(error))
        else:
            await self._leave_out(reading.path, error)

    def _put_back(self, readings: Sequence[_Reading]) -> None:
        """They are tried again."""
        for reading in readings:
            self._unkept[reading.path.stem] = reading.posted
            self._backlog.put(reading.session, reading.owed, self._now())

    async def _leave_out(self, path: Path, error: Exception) -> None:
        """An agent's hooks must not stumble over one payload for ever."""
        trace = not isinstance(error, BadJson)
        log.warning("a payload of %s's hooks is left out: %s", path.suffix.removeprefix("."), error, exc_info=trace)
        await self._remove(path)

    async def _remove(self, path: Path) -> None:
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            self._pass_over(path, error.strerror or str(error))

    def _pass_over(self, path: Path, reason: str) -> None:
        self._passed_over.add(path.name)
        log.warning("%s is passed over: %s", path, reason)


@cache
def hooked_agents() -> tuple[str, ...]:
    """The agents whose hooks are understood."""
    return tuple(kind.name for kind in agent_kinds() if kind.hooks is not None)


def hook_dialect(agent: str) -> HookDialect:
    """How that agent's payloads are to be read. Raises UnknownAgent."""
    hooks = agent_kind(agent).hooks
    if hooks is None:
        raise UnknownAgent(f"no hooks are known of {agent}")
    return hooks()


def _identified(posted: EventEnvelope, source: str) -> EventEnvelope:
    """The same payload tells the same, whatever its reader knew before: known are events by what they say."""
    return replace(posted, event_id=f"{source}-{crc32(encode_posted(posted)):08x}") if source else posted


def _session_of(record: Payload) -> str:
    """Raises BadJson."""
    session = record.get("session_id")
    if not isinstance(session, str) or not is_id(session):
        raise BadJson(f"{RULE} - at `$.session_id`")
    return session


def _about(record: Payload, session: str) -> About:
    """A session stays with the project of the directory it began in, wherever its agent goes."""
    project = project_of(directory_of(str(record.get("cwd") or ""), str(record.get("transcript_path") or "")))
    return About(project.id, session, session, Agent(project_name=project.name))


def _read(path: Path) -> tuple[Millis | None, bytes]:
    """When it was written, and what. Raises OSError, BadJson."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        if status.st_size > LARGEST:
            raise BadJson(f"it is larger than {LARGEST} bytes")
        return millis(status.st_mtime * 1000), file.read(LARGEST)


def _spooled(folder: Path, passed_over: frozenset[str]) -> list[Path]:
    """The oldest payloads."""
    try:
        there = os.listdir(folder)
    except OSError:
        return []
    names = sorted(name for name in there if spool.is_whole(name) and name not in passed_over)
    for name in {*there} - {*names, spool.FULL} - passed_over:
        _drop_stale(folder / name)
    if not names and (folder / spool.FULL).exists():
        (folder / spool.FULL).unlink(missing_ok=True)
        log.warning("the hooks' spool was full: what happened meanwhile is lost")
    return [folder / name for name in names[:AT_ONCE]]


def _drop_stale(unfinished: Path) -> None:
    """A hook that was killed while it wrote never finishes its file."""
    with contextlib.suppress(OSError):
        if time.time() - unfinished.stat().st_mtime > spool.STALE:
            unfinished.unlink()
            log.warning("a hook was stopped while it wrote %s: its payload is lost", unfinished)
