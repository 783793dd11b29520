"""The default store: one SQLite file, one writer with group commit, readers beside it (docs/performance.md#commits)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from ...errors import StoreBroken, StoreUnavailable
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
from ..limits import DEFAULT_STORE_LIMITS, StoreLimits
from ..listener import tell_listener
from ..live import BuildSnapshot
from ..readonly import DATABASE
from ..sweeping import Sweeper
from . import deletion, queries
from .high_water import HighWaterMark
from .ledger import Ledger, checkpoint, packed_or_reason, roll_back, unavailable
from .lock import DirectoryLock
from .presence import Presence
from .schema import migrate, refuse_moving, renew
from .worker import Worker
from .writer import Writer

log = logging.getLogger("sentryvibe_tui.store")

T = TypeVar("T")


_WITNESS = "witness"
PATIENCE = 1.5
"""Seconds that closing waits for the disk."""
_CHECKED = 32 * 1024 * 1024


class _Handles(NamedTuple):
    """What a store holds open, of the database at `path`."""

    path: Path
    lock: DirectoryLock
    high_water: HighWaterMark
    db: sqlite3.Connection
    beside: sqlite3.Connection
    reader: sqlite3.Connection

    def sizes(self) -> tuple[int, int]:
        """Bytes of the write-ahead log and of the database."""
        return _size(self.path.with_name(f"{self.path.name}-wal")), _size(self.path)

    def close_readers(self) -> None:
        """Before `db`: the connection that ends last takes the write-ahead log away, if it may write."""
        self.reader.close()
        self.beside.close()

    def release(self) -> None:
        self.high_water.close()
        self.lock.release()


def _size(file: Path) -> int:
    """0 of one that is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


class _SlowWork:
    """`writer.SlowWork`: two threads, one of which may be kept waiting by the disk."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._checkpoints, self._packing = Worker("store checkpoint"), Worker("store snapshot")

    def checkpoint(self) -> asyncio.Future[bool]:
        return self._checkpoints.ask(lambda: checkpoint(self._db, "PASSIVE"))

    def pack(self, snapshot: BuildSnapshot) -> asyncio.Future[bytes | Exception]:
        return self._packing.ask(lambda: packed_or_reason(snapshot))

    def end(self) -> None:
        self._checkpoints.end()
        self._packing.end()


class SqliteStore:
    """`store.contract.Store` over the files of one directory, which one process at a time may have open."""

    def __init__(self, handles: _Handles, epoch: str, presence: Presence, limits: StoreLimits) -> None:
        self.epoch = epoch
        self._handles = handles
        self._ledger = Ledger(handles.db, limits, presence.loss, handles.high_water.add)
        self._beside = _SlowWork(handles.beside)
        self._reading = Worker("store reader")
        self._writer = Writer(self._ledger, self._beside, limits)
        self._sweeper = Sweeper(lambda: self._writer.ask(self._ledger.sweep))
        if deletion.is_buried(handles.reader):
            self._sweeper.wake()

    @classmethod
    async def open(cls, directory: Path, limits: StoreLimits = DEFAULT_STORE_LIMITS) -> SqliteStore:
        """Raises StoreBroken and StoreUnavailable; their messages are for the user."""
        with contextlib.ExitStack() as failing:
            lock = DirectoryLock(directory)
            failing.callback(lock.release)
            path = directory / DATABASE
            db, epoch, witness = open_for_writing(path, limits)
            failing.callback(witness.close)
            failing.callback(db.close)
            refuse_moving(db)
            beside = _connect(path, "rw", limits.lock_wait)
            failing.callback(beside.close)
            handles = _Handles(path, lock, witness, db, beside, _connect(path, "ro", limits.lock_wait))
            presence = Presence(path, path.with_name(f"{DATABASE}-wal"))
            failing.pop_all()
        return cls(handles, epoch, presence, limits)

    def append(self, events: Sequence[EventEnvelope], now: Millis) -> asyncio.Future[Accepted]:
        return self._writer.append(events, now)

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        self._writer.listener = listener

    def on_sync(self, listener: Callable[[float], None]) -> None:
        self._ledger.on_sync = listener

    async def figures(self) -> StoreFigures:
        live = self._ledger.live
        wal, database = await self._reading.ask(self._handles.sizes)
        commits = dict(self._writer.commits)
        return StoreFigures(
            live.snapshots, commits=commits, live_bytes=live.size, wal_bytes=wal, database_bytes=database
        )

    async def read(self, key: BuildKey, since: int, limit: int) -> tuple[Logged, ...]:
        def entries(db: sqlite3.Connection) -> tuple[Logged, ...]:
            found = queries.find_log(db, key)
            return () if found is None else queries.read_whole_entries(db, key, found[0], since, limit)

        return await self._read(entries)

    async def state(self, key: BuildKey) -> BuildState | None:
        live = self._ledger.live.get(key)
        if live is not None:
            return live.state if live.state.version else None
        try:
            return await self._read(lambda db: _state(db, key))
        except BuildDamaged as damage:
            marked = await self._writer.ask(partial(self._ledger.mark, damage))
            if marked:
                tell_listener(self._writer.listener, marked)
            raise

    async def discard(self, key: BuildKey) -> bool:
        return await self._bury(partial(self._ledger.discard, key))

    async def delete(self, key: BuildKey, before: Millis | None = None) -> bool:
        return await self._bury(partial(self._ledger.delete, key, before))

    async def _bury(self, bury: Callable[[], bool]) -> bool:
        is_gone = await self._writer.ask(bury)
        if is_gone:
            self._sweeper.wake()
        return is_gone

    async def expired(self, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
        return await self._read(lambda db: deletion.expired(db, expiry, limit))

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
        for log, key in await self._read(lambda db: queries.session_logs(db, session_id, build_id)):
            if project_id not in ("", key.project_id):
                continue
            state = await self.state(key)
            tool = None if state is None else state.tool(tool_id)
            if tool is not None:
                return await self._read(lambda db, log=log, tool=tool: queries.read_tool(db, log, tool))
        return None

    async def close(self, patience: float = PATIENCE) -> None:
        """What was acknowledged is on disk before; what the disk does not take in `patience` seconds is refused."""
        try:
            async with asyncio.timeout(patience):
                await self._sweeper.stop()
                await self._writer.finish()
                await self._reading.ask(self._handles.close_readers)
                await self._writer.close(time.monotonic() + patience / 2)
                self._handles.release()
        except TimeoutError:
            log.warning("the disk is slow: what was not written yet was not acknowledged, and is refused")
        finally:
            self._writer.end()
            self._beside.end()
            self._reading.end()

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._reading.ask(lambda: question(self._handles.reader))
        except sqlite3.Error as error:
            raise unavailable(error) from None


def _state(db: sqlite3.Connection, key: BuildKey) -> BuildState | None:
    found = queries.find_log(db, key)
    state = None if found is None else queries.read_state(db, key, *found).state
    return state if state is not None and state.version else None


def open_for_writing(path: Path, limits: StoreLimits) -> tuple[sqlite3.Connection, str, HighWaterMark]:
    """The writing connection, the epoch, and the note of how far the log had come. The folder's lock has to be held.

    Raises StoreBroken and StoreUnavailable; their messages are for the user.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        high_water = HighWaterMark(path.with_name(_WITNESS), limits.epochs)
        db = _connect(path, "rw", limits.lock_wait)
    except OSError as error:
        raise StoreUnavailable(f"cannot open {path}: {error.strerror}") from None
    try:
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS: a sync that reaches the disk; elsewhere nothing
        db.execute("PRAGMA checkpoint_fullfsync = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if path.stat().st_size <= _CHECKED:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        epoch = _confirmed_epoch(db, migrate(db), high_water)
        _warm(db, limits.warm_bytes)
        return db, epoch, high_water
    except sqlite3.Error as error:
        db.close()
        high_water.close()
        if _is_damage(error):
            raise StoreBroken(
                f"{path} is damaged or no database of ours ({error}); restore it from a backup, "
                "or move it away and start again with an empty one"
            ) from None
        raise StoreUnavailable(f"cannot open {path}: {unavailable(error)}") from None
    except StoreBroken:
        db.close()
        high_water.close()
        raise


def _confirmed_epoch(db: sqlite3.Connection, epoch: str, high_water: HighWaterMark) -> str:
    """The epoch stays only while nothing is missing: versions that watchers have seen are not given twice."""
    (count,) = db.execute(
        "SELECT (SELECT coalesce(sum(version), 0) FROM builds)"
        " + coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'deleted'), 0)"
    ).fetchone()
    if not high_water.confirms(epoch, count):
        epoch = renew(db)
        if count:
            log.warning(
                "a new epoch begins: the database is an older copy, comes from elsewhere, or is read by new rules"
            )
    high_water.begin(epoch, count)
    return epoch


def _warm(db: sqlite3.Connection, size: int) -> None:
    """Grow the write-ahead log by a large change that is not kept: what follows overwrites it from the start."""
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA cache_size = -256")
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE scratch (bytes BLOB)")
        db.execute("INSERT INTO scratch VALUES (zeroblob(?))", (size,))
        roll_back(db)
    except sqlite3.Error:  # a full disk: then it stays small, and the room that is left is for others
        roll_back(db)
        with suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.execute("PRAGMA cache_size = -8192")


def _is_damage(error: sqlite3.Error) -> bool:
    return not isinstance(error, sqlite3.OperationalError)


def _connect(path: Path, mode: str, lock_wait: float) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=lock_wait, isolation_level=None, check_same_thread=False)
