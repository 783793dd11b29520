"""A data folder's builds moved into PostgreSQL: the same log under the same numbers, versions and epoch, so that
watchers resume there. The folder keeps everything, gets an epoch of its own, and is marked as moved."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from asyncpg import Connection
from msgspec import Struct

from ..errors import StoreBroken, StoreUnavailable
from ..wire.state import encode_state
from .contract import BuildKey
from .limits import DEFAULT_STORE_LIMITS
from .postgres import queries as target
from .postgres.address import PostgresAddress
from .postgres.connection import FAILURES, open_connection, unavailable
from .postgres.queries import key_digest
from .postgres.schema import lock, migrate, put_meta, read_meta
from .readonly import DATABASE
from .sqlite import queries as source
from .sqlite.ledger import unavailable as unreadable
from .sqlite.lock import DirectoryLock
from .sqlite.schema import begin_move, begun_move, mark_moved
from .sqlite.store import open_for_writing

Progress = Callable[[str, int, int], None]
"""Gets what is copied, how many rows are through, and of how many."""

SAMPLE = 50
"""Builds of which the state and the last entry are compared, chosen by chance."""
_TELL_EVERY = 50_000
_FIRST = 5
"""Ids that are named."""
_COPIED = "copied"
"""Where the target notes the epoch that it had when it was copied."""
_AS_LONG_AS_IT_TAKES = 7 * 24 * 3600.0


class Copied(Struct, frozen=True):
    builds: int
    entries: int
    target: str


class _Table(Struct, frozen=True):
    """A table of the target, and the rows of the source for it, of builds that are not buried."""

    name: str
    columns: tuple[str, ...]
    rows: str
    count: str


_LOGS = "(SELECT log FROM builds WHERE status != 'buried')"
_PLACED = f"place >> 32 IN {_LOGS}"
_TABLES = (
    _Table(
        "projects",
        ("id", "name", "slug", "created_at"),
        "SELECT id, replace(name, char(0), char(65533)), slug, created_at FROM projects",
        "SELECT count(*) FROM projects",
    ),
    _Table(
        "builds",
        ("log", "key", "project_id", "session_id", "build_id", "version", "status", "at", "updated_at", "row"),
        "SELECT log, NULL, project_id, session_id, build_id, version, status, at, updated_at, row FROM builds"
        " WHERE status != 'buried' ORDER BY log",
        "SELECT count(*) FROM builds WHERE status != 'buried'",
    ),
    _Table(
        "entries",
        ("log", "version", "updates"),
        f"SELECT place >> 32, place & 4294967295, updates FROM entries WHERE {_PLACED} ORDER BY place",
        f"SELECT count(*) FROM entries WHERE {_PLACED}",
    ),
    *(
        _Table(
            name,
            columns,
            f"SELECT {', '.join(columns)} FROM {name} WHERE log IN {_LOGS}",
            f"SELECT count(*) FROM {name} WHERE log IN {_LOGS}",
        )
        for name, columns in (
            ("event_ids", ("log", "event_id", "digest")),
            ("snapshots", ("log", "version", "state")),
            ("blobs", ("log", "tool_id", "side", "value")),
        )
    ),
)

_IDS = (
    ("the project", "SELECT id FROM projects WHERE instr(id, char(0))"),
    ("the session", "SELECT session_id FROM builds WHERE status != 'buried' AND instr(session_id, char(0))"),
    ("the build", "SELECT build_id FROM builds WHERE status != 'buried' AND instr(build_id, char(0))"),
    ("the event", f"SELECT event_id FROM event_ids WHERE instr(event_id, char(0)) AND log IN {_LOGS}"),
    ("the call", f"SELECT tool_id FROM blobs WHERE instr(tool_id, char(0)) AND log IN {_LOGS}"),
)


async def copy_to_postgres(
    directory: Path, address: PostgresAddress, hear: Progress, chance: random.Random | None = None
) -> Copied:
    """Move the builds of `directory`, which no server may have, to a schema without builds.

    All or nothing: what fails leaves both as they were; what is interrupted while the target commits is settled by the
    next call. Raises StoreBroken and StoreUnavailable, whose messages are for
    the user.
    """
    if not (directory / DATABASE).is_file():
        raise StoreBroken(f"nothing is kept in {directory}")
    ownership = DirectoryLock(directory)
    try:
        db, epoch, mark = open_for_writing(directory / DATABASE, DEFAULT_STORE_LIMITS)
        with closing(mark), closing(db):
            _refuse_ids(db)
            pg = await open_connection(address)
            try:
                return await _copy(_Move(db, pg, epoch, address, hear, chance or random.Random()))
            finally:
                with suppress(*FAILURES):
                    await pg.close(timeout=5)
    except FAILURES as error:
        raise unavailable(error) from None
    except sqlite3.Error as error:
        raise StoreUnavailable(str(unreadable(error))) from None
    finally:
        ownership.release()


class _Move(Struct, frozen=True):
    """Both ends of one move, the epoch that moves, who hears of it, and what chooses the sample."""

    db: sqlite3.Connection
    pg: Connection
    epoch: str
    address: PostgresAddress
    hear: Progress
    chance: random.Random


async def _copy(move: _Move) -> Copied:
    if not await _has_arrived(move):
        await _copy_all(move)
    place = move.address.shown
    try:
        mark_moved(move.db, place)
    except sqlite3.Error as error:
        raise StoreUnavailable(
            f"the builds are in {place} now, but their folder could not be marked ({unreadable(error)}): "
            "run this once more, to have that done"
        ) from None
    builds, entries = (_number(move.db, table.count) for table in _TABLES[1:3])
    return Copied(builds, entries, place)


async def _has_arrived(move: _Move) -> bool:
    """Whether a call that was interrupted had come to its end, but for the mark. Raises StoreBroken."""
    epoch, place = begun_move(move.db) or ("", move.address.shown)
    if place != move.address.shown:
        raise StoreBroken(
            f"moving these builds to {place} was interrupted, and they may be there already: name that; if it is lost, "
            "run `sentryvibe-tui db reopen` first"
        )
    await migrate(move.pg, move.address.schema)
    return bool(epoch) and await read_meta(move.pg, _COPIED) == epoch


async def _copy_all(move: _Move) -> None:
    pg, db = move.pg, move.db
    async with pg.transaction():
        await lock(pg, move.address.schema)
        await pg.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        if await pg.fetchval("SELECT count(*) FROM builds"):
            raise StoreBroken(f"{move.address.shown} has builds already; choose another schema with ?schema=NAME")
        for table in _TABLES:
            await _copy_table(move, table)
        await pg.execute("SELECT setval(pg_get_serial_sequence('builds', 'log'), greatest(max(log), 1)) FROM builds")
        await put_meta(pg, "epoch", move.epoch)
        await put_meta(pg, _COPIED, move.epoch)
        await _compare(move)
        begin_move(db, move.epoch, move.address.shown)


async def _copy_table(move: _Move, table: _Table) -> None:
    total = _number(move.db, table.count)

    def rows() -> Generator[Sequence[object]]:
        for number, row in enumerate(move.db.execute(table.rows), 1):
            yield row if table.name != "builds" else (row[0], key_digest(BuildKey(*row[2:5])), *row[2:])
            if number % _TELL_EVERY == 0:
                move.hear(table.name, number, total)

    await move.pg.copy_records_to_table(
        table.name,
        records=rows(),
        columns=table.columns,
        schema_name=move.address.schema,
        timeout=_AS_LONG_AS_IT_TAKES,
    )
    move.hear(table.name, total, total)


async def _compare(move: _Move) -> None:
    """Raises StoreBroken when the target is not what the source is."""
    db, pg = move.db, move.pg
    for table in _TABLES:
        count = await pg.fetchval(f"SELECT count(*) FROM {table.name}", timeout=_AS_LONG_AS_IT_TAKES)
        if count != _number(db, table.count):
            raise _differs(f"{count} of {_number(db, table.count)} rows of {table.name} arrived")
    logs = {log: (version, BuildKey(*key)) for log, version, *key in db.execute(_HEADS)}
    counts = await pg.fetch(_COUNTS, timeout=_AS_LONG_AS_IT_TAKES)
    for log, version, entries, last in counts:
        if (version, entries, last) != (logs[log][0],) * 3:
            raise _differs(f"the build {logs[log][1].build_id!r} has {entries} entries of {logs[log][0]}")
    for log in move.chance.sample(sorted(logs), min(SAMPLE, len(logs))):
        await _compare_build(move, log, *logs[log])


_HEADS = (
    "SELECT log, version, project_id, session_id, build_id FROM builds"
    " WHERE version > 0 AND status NOT IN ('buried', 'damaged')"
)
_COUNTS = (
    "SELECT b.log, b.version, count(e.version), max(e.version) FROM builds b LEFT JOIN entries e USING (log)"
    " WHERE b.version > 0 AND b.status <> 'damaged' GROUP BY b.log, b.version"
)


async def _compare_build(move: _Move, log: int, version: int, key: BuildKey) -> None:
    here = source.read_entries(move.db, log, version - 1, 1)
    there = await target.read_entries(move.pg, log, version - 1, 1)
    if here != there:
        raise _differs(f"the last entry of the build {key.build_id!r} is another one")
    state = source.read_state(move.db, key, log, version).state
    copied = (await target.fold(move.pg, key, log, version, None)).state
    if encode_state(state) != encode_state(copied):
        raise _differs(f"the state of the build {key.build_id!r} is another one")


def _differs(what: str) -> StoreBroken:
    return StoreBroken(f"the copy is not the same, and was not kept: {what}")


def _refuse_ids(db: sqlite3.Connection) -> None:
    """Raises StoreBroken for what PostgreSQL cannot hold."""
    names = [f"{what} {name!r}" for what, query in _IDS for (name,) in db.execute(f"{query} LIMIT {_FIRST}")]
    if names:
        raise StoreBroken(
            f"PostgreSQL takes no id with U+0000: {', '.join(names[:_FIRST])}{' …' if len(names) > _FIRST else ''}; "
            "delete those builds first (`sentryvibe-tui delete PROJECT --build ID`)"
        )


def _number(db: sqlite3.Connection, query: str) -> int:
    (number,) = db.execute(query).fetchone()
    return number
