"""The store for several servers: one PostgreSQL schema, which each of them has open (docs/architecture.md#stores)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg
from asyncpg import Connection, Pool
from msgspec import Struct

from ...errors import StoreUnavailable
from ...model.reducer import RULES
from ...model.state import BuildState, Millis
from ...model.summary import BuildSummary
from ...wire.envelope import EventEnvelope
from ..contract import (
    Accepted,
    BuildDamaged,
    BuildFilter,
    BuildHead,
    BuildKey,
    Commit,
    Expired,
    Expiry,
    FoundTool,
    Logged,
    Page,
    ProjectRecord,
    StoreFigures,
)
from ..folding import Folded, pack_state
from ..limits import DEFAULT_STORE_LIMITS, StoreLimits
from ..live import BuildSnapshot
from ..rows import readable
from ..sweeping import Sweeper
from . import queries
from .address import PostgresAddress
from .connection import COMMAND, CONNECT, FAILURES, LOST, check_session, open_connection, session, unavailable
from .note import WriterNote
from .schema import confirmed_epoch, listen_anew, lock, look_around, migrate, renew, sign_in
from .writer import PostgresWriter, SetBack

log = logging.getLogger("sentryvibe_tui.store")

T = TypeVar("T")

READERS = 4
"""Connections for reading, at most."""
CLOSING = 1.5
"""Seconds that closing waits for the database."""
_RETRIES = (0.05, 0.2, 0.5, 1.0)
"""Seconds before a question is asked again after a lost connection."""


class _DeletionsRead(Struct, frozen=True):
    """Which deletions of other servers are read, and when; what is read next begins before that."""

    at: datetime | None = None
    ids: frozenset[int] = frozenset()


class PostgresStore:
    """`store.contract.SharedStore`. Use `open_postgres`."""

    def __init__(
        self, address: PostgresAddress, epoch: str, note: WriterNote, readers: Pool, last: int, limits: StoreLimits
    ) -> None:
        self.address = address
        self.epoch = epoch
        self.id: UUID = note.id
        self._note = note
        self._readers = readers
        connecting = partial(open_connection, address)
        self._writer = PostgresWriter(connecting, note.id, last, self._confirm, self._renewed, note.put, limits)
        self._listener: Callable[[Sequence[Commit]], None] = lambda _: None
        self._writer.listener = self._committed
        self._upkeep: asyncio.Task[None] | None = None
        self._on_epoch: Callable[[], None] = lambda: None
        self._superseded = ""
        self._deletions = _DeletionsRead()
        self._sweeper = Sweeper(lambda: self._read(queries.sweep_buried))
        self.schema = address.schema

    # ------------------------------------------------------------------ appending

    def append(self, events: Sequence[EventEnvelope], now: Millis) -> asyncio.Future[Accepted]:
        if self._superseded:
            raise StoreUnavailable(self._superseded)
        return self._writer.append(events, now)

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        self._listener = listener

    def on_sync(self, listener: Callable[[float], None]) -> None:
        self._writer.on_sync = listener

    async def figures(self) -> StoreFigures:
        writer = self._writer
        size = await self._read(queries.read_size)
        return StoreFigures(
            writer.live.snapshots,
            writer.connects,
            writer.conflicts,
            writer.foreign,
            dict(writer.commits),
            dict(writer.settled),
            live_bytes=writer.live.size,
            database_bytes=size,
        )

    def _committed(self, commits: Sequence[Commit]) -> None:
        self._listener(commits)
        if self._upkeep is None and self._writer.live.wants_snapshot:
            self._upkeep = asyncio.create_task(self._snapshots(), name="store upkeep")

    async def _snapshots(self) -> None:
        live = self._writer.live
        try:
            while live.wants_snapshot:
                await self._snapshot(live.begin_snapshot())
        finally:
            self._upkeep = None

    async def _snapshot(self, snapshot: BuildSnapshot) -> None:
        live, made_of = self._writer.live, snapshot.log
        try:
            packed = await asyncio.to_thread(pack_state, made_of.state)
            if live.awaits(snapshot):
                row = made_of.number, made_of.state.version, packed
                await self._read(lambda db: queries.put_snapshot(db, *row))
            live.snapshot_kept(snapshot)
        except Exception as error:  # the log is whole without it
            log.warning("no snapshot of %s: %s", snapshot.key.build_id, error)
            live.snapshot_failed(snapshot)

    async def _renewed(self, db: Connection) -> int:
        """A new epoch, unless another server has made one since, and this server known to the database: it was set
        back."""
        async with db.transaction():
            await lock(db, self.address.schema)
            epoch = await confirmed_epoch(db)
            self.epoch = epoch if epoch not in (None, self.epoch) else await renew(db)
            last = await sign_in(db, self.id, 0)
        self._note.begin(self.epoch, last)
        self._on_epoch()
        return last

    async def _confirm(self, db: Connection) -> None:
        """Of a new connection: whether it leads to the same log. Raises SetBack."""
        epoch = await confirmed_epoch(db)
        if epoch is None:
            raise SetBack("the database is a copy, or a standby that was promoted, and may lack what was committed")
        self._take_epoch(epoch)

    # ------------------------------------------------------------------ beside other servers

    def on_epoch(self, listener: Callable[[], None]) -> None:
        self._on_epoch = listener

    async def sign_of_life(self) -> None:
        epoch, rules = await self._read(lambda db: look_around(db, self.id))
        if rules != RULES and not self._superseded:
            self._superseded = "servers of another version have taken the database over: restart this one with theirs"
            log.error("%s", self._superseded)
        self._take_epoch(epoch)

    def _take_epoch(self, epoch: str) -> None:
        if epoch != self.epoch:
            log.error("another server found the database set back: a new epoch begins")
            self.epoch = epoch
            self._writer.forget()
            self._note.begin(epoch, self._note.last)
            self._on_epoch()

    async def heads(self, numbers: Sequence[int]) -> tuple[BuildHead, ...]:
        return await self._read(lambda db: queries.read_heads(db, numbers))

    async def active_heads(self) -> tuple[BuildHead, ...]:
        return await self._read(queries.read_active_heads)

    async def tails(self, since: Mapping[BuildKey, int], limit: int) -> tuple[Commit, ...]:
        return await self._read(lambda db: queries.read_tails(db, since, limit))

    async def changes(self, keys: Sequence[BuildKey]) -> tuple[Commit, ...]:
        return await self._read(lambda db: queries.read_changes(db, keys))

    async def deletions(self) -> tuple[BuildKey, ...]:
        before = self._deletions
        now, deletions = await self._read(lambda db: queries.read_deletions(db, self.id, before.at))
        keys = tuple(dict.fromkeys(key for number, key in deletions.items() if number not in before.ids))
        for key in keys:
            self._writer.deleted(key)
        self._deletions = _DeletionsRead(now, frozenset(deletions))
        return keys

    async def heard(self, keys: Sequence[BuildKey]) -> None:
        await self._read(lambda db: queries.put_heard(db, keys))

    async def silent(self, bound: float) -> tuple[tuple[BuildKey, int], ...]:
        return await self._read(lambda db: queries.claim_silent(db, bound))

    # ------------------------------------------------------------------ reading

    async def read(self, key: BuildKey, since: int, limit: int) -> tuple[Logged, ...]:
        async def entries(db: Connection) -> tuple[Logged, ...]:
            found = await queries.find_log(db, key)
            return () if found is None else await queries.read_many(db, found[0], since, limit)

        return readable(key, await self._read(entries))

    async def state(self, key: BuildKey) -> BuildState | None:
        try:
            return await self._read(lambda db: self._state(db, key))
        except BuildDamaged as damage:
            await self._writer.mark(damage)
            raise

    async def _state(self, db: Connection, key: BuildKey) -> BuildState | None:
        """What is in memory here may be behind what other servers wrote."""
        log = await queries.find_log(db, key)
        if log is None:
            return None
        live = self._writer.live.get(key)
        known = Folded(live.state, live.snapshot, 0) if live is not None and live.number == log[0] else None
        state = (await queries.fold(db, key, *log, known)).state
        return state if state.version else None

    async def discard(self, key: BuildKey) -> bool:
        is_gone = await self._read(lambda db: queries.bury_damaged(db, key, self.id))
        self._writer.deleted(key)
        self._sweeper.wake()
        return is_gone

    async def delete(self, key: BuildKey, before: Millis | None = None) -> bool:
        is_gone = await self._read(lambda db: queries.bury_ended(db, key, self.id, before))
        self._writer.deleted(key)
        self._sweeper.wake()
        return is_gone

    async def expired(self, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
        self._sweeper.wake()  # a round of retention: another server may have ended before it was done
        return await self._read(lambda db: queries.read_expired(db, expiry, limit))

    async def projects(self) -> tuple[ProjectRecord, ...]:
        return await self._read(queries.read_projects)

    async def project(self, project_id: str) -> ProjectRecord | None:
        found = await self._read(lambda db: queries.read_projects(db, project_id))
        return found[0] if found else None

    async def builds(self, project_id: str, limit: int) -> tuple[BuildSummary, ...]:
        return await self._read(lambda db: queries.read_builds(db, project_id, limit))

    async def all_builds(self, build_filter: BuildFilter, limit: int) -> Page:
        return await self._read(lambda db: queries.read_page(db, build_filter, limit))

    async def active_builds(self) -> tuple[BuildKey, ...]:
        return await self._read(queries.read_active)

    async def find_build(self, project_id: str, session_id: str = "", build_id: str = "") -> BuildHead | None:
        return await self._read(lambda db: queries.find_build(db, project_id, session_id, build_id))

    async def find_tool(
        self, session_id: str, tool_id: str, build_id: str = "", project_id: str = ""
    ) -> FoundTool | None:
        for number, key in await self._read(lambda db: queries.session_logs(db, session_id, build_id)):
            if project_id not in ("", key.project_id):
                continue
            state = await self.state(key)
            tool = None if state is None else state.tool(tool_id)
            if tool is not None:
                return await self._read(lambda db, number=number, tool=tool: queries.read_tool(db, number, tool))
        return None

    async def close(self, patience: float = CLOSING) -> None:
        """What was acknowledged is committed before; what the database does not take in time is refused."""
        try:
            async with asyncio.timeout(patience):
                await self._sweeper.stop()
                await self._writer.finish()
                if self._upkeep is not None:
                    await self._upkeep
                await self._readers.close()
        except TimeoutError:
            log.warning("the database is slow: what was not committed yet was not acknowledged, and is refused")
        finally:
            self._writer.end()
            self._readers.terminate()
            self._note.close()

    async def _read(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Asked again after a lost connection, for a while."""
        for pause in (*_RETRIES, None):
            try:
                async with self._readers.acquire(timeout=CONNECT) as db:
                    return await question(db)
            except LOST as error:
                if pause is None or isinstance(error, ValueError):
                    raise unavailable(error) from None
                await asyncio.sleep(pause)
            except FAILURES as error:
                raise unavailable(error) from None
        raise AssertionError


async def open_postgres(
    address: PostgresAddress, data: Path, limits: StoreLimits = DEFAULT_STORE_LIMITS
) -> PostgresStore:
    """`data`: a folder of this server, for its note. Raises StoreBroken and StoreUnavailable, whose messages are for
    the user."""
    note = WriterNote(data)
    try:
        db = await open_connection(address)
        try:
            epoch, last = await _signed_in(db, address, note)
        finally:
            with suppress(*FAILURES):
                await db.close(timeout=CONNECT)
        readers = await asyncpg.create_pool(
            address.dsn,
            min_size=0,  # else the driver logs a traceback for each try while the database is away
            max_size=READERS,
            timeout=CONNECT,
            command_timeout=COMMAND,
            server_settings=session(address),
            target_session_attrs="read-write",
        )
    except FAILURES as error:
        note.close()
        raise unavailable(error) from None
    except BaseException:
        note.close()
        raise
    return PostgresStore(address, epoch, note, readers, last, limits)


async def _signed_in(db: Connection, address: PostgresAddress, note: WriterNote) -> tuple[str, int]:
    """The epoch, and the number of the last group of this server. The epoch stays only while nothing is missing."""
    await check_session(db, address)
    epoch = await migrate(db, address.schema)
    async with db.transaction():
        await lock(db, address.schema)
        last = await sign_in(db, note.id, 0)
        if note.epoch == epoch and last < note.last:
            epoch = await renew(db)
            log.warning("a new epoch begins: the database was set back")
        await listen_anew(db, note.id)
    note.begin(epoch, last)
    return epoch, last
