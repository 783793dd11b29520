"""Reading the tables of `schema`: functions of a connection, used by the writer and by readers alike."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Connection, Record

from ...model.state import Millis, ToolCall
from ...model.summary import BuildSummary
from ...wire.summary import encode_summary
from ..appending import slug
from ..contract import (
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
)
from ..folding import Folded, unpack_state
from ..live import ENTRY_BYTES, BuildLog
from ..rows import damaged_summary, page_of, summary_of_row, whole_tool
from ..sweeping import PIECE, VALUES

_NEWEST_FIRST = "(status = 'active') DESC, at DESC, log DESC"
"""As `BuildHead.rank` orders builds, the one that is meant first."""
_KEY = "project_id, session_id, build_id"
_HEAD = "log, version, status, at"
_QUICK_ENTRIES = 64
_QUICK_BYTES = 32 * 1024
"""What an event loop folds while others wait: entries, and bytes of a packed snapshot."""
SILENT = 100
"""Silent builds that one server ends at once."""
DELETIONS_FOR = 24 * 3600
"""Seconds for which deletions are remembered: a server cut off for longer lists what is gone until it restarts."""
LATE = 60
"""Seconds that a deletion may take from its beginning to its commit."""
TAILS = 1000
"""Entries of one build that are read at once, at most: an estimate that is too large makes PostgreSQL plan badly."""


def key_digest(key: BuildKey) -> bytes:
    """Three ids of up to 512 characters in 16 bytes."""
    text = "\0".join((key.project_id, key.session_id, key.build_id))
    return hashlib.sha256(text.encode()).digest()[:16]


async def find_log(db: Connection, key: BuildKey) -> tuple[int, int] | None:
    """Number and version of a build's log."""
    row = await db.fetchrow("SELECT log, version FROM builds WHERE key = $1", key_digest(key))
    return None if row is None else (row[0], row[1])


async def ensure_logs(db: Connection, keys: Sequence[BuildKey], now: int) -> dict[BuildKey, tuple[int, int]]:
    """Numbers and versions of the builds' logs, made if there are none."""
    digests = {key_digest(key): key for key in keys}
    ordered = sorted(digests)
    query = "SELECT key, log, version FROM builds WHERE key = ANY ($1)"
    numbers = {digests[row[0]]: (row[1], row[2]) for row in await db.fetch(query, ordered)}
    missing = [digest for digest in ordered if digests[digest] not in numbers]
    if missing:
        await db.execute(
            "INSERT INTO builds (key, project_id, session_id, build_id, updated_at)"
            " SELECT k.*, $5 FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[]) AS k"
            " ON CONFLICT (key) DO NOTHING",
            missing,
            *([getattr(digests[digest], name) for digest in missing] for name in _KEY.split(", ")),
            now,
        )
        numbers |= {digests[row[0]]: (row[1], row[2]) for row in await db.fetch(query, missing)}
    return numbers


async def read_entries(db: Connection, log: int, since: int, limit: int = TAILS) -> tuple[Logged, ...]:
    """A thousand at most."""
    rows = await db.fetch(
        "SELECT version, updates FROM entries WHERE log = $1 AND version > $2 ORDER BY version LIMIT $3",
        log,
        max(0, since),
        min(limit, TAILS),
    )
    return tuple(Logged(row[0], row[1]) for row in rows)


async def read_many(db: Connection, log: int, since: int, limit: int) -> tuple[Logged, ...]:
    """As `read_entries`, as many as there are."""
    entries: list[Logged] = []
    while page := await read_entries(db, log, entries[-1].version if entries else since, limit - len(entries)):
        entries += page
        if len(entries) >= limit or len(page) < TAILS:
            break
    return tuple(entries)


async def read_log(db: Connection, key: BuildKey, number: int, version: int) -> BuildLog:
    """A log that has come to `version`, or further by now. Raises BuildDamaged."""
    state, snapshot, size = await fold(db, key, number, version, None)
    return BuildLog(number, state, snapshot, size + state.version * ENTRY_BYTES)


async def fold(db: Connection, key: BuildKey, number: int, version: int, base: Folded | None) -> Folded:
    """The state of a log at `version` or later, from its snapshot or what is `known`. Raises BuildDamaged."""
    folded = base or await _unpacked(await db.fetchval("SELECT state FROM snapshots WHERE log = $1", number))
    try:
        while folded.state.version < version:
            tail = await read_entries(db, number, folded.state.version)
            if not tail:
                break
            folded = await extended(folded, tail)
        return folded.reaching(version)
    except ValueError as error:
        raise BuildDamaged(key, str(error)) from error


async def _unpacked(snapshot: bytes | None) -> Folded:
    if snapshot is None or len(snapshot) <= _QUICK_BYTES:
        return unpack_state(snapshot)
    return await asyncio.to_thread(unpack_state, snapshot)


async def extended(folded: Folded, tail: Sequence[Logged]) -> Folded:
    """As `Folded.and_then`; what takes long is done beside the loop."""
    if len(tail) <= _QUICK_ENTRIES:
        return folded.and_then(tail)
    return await asyncio.to_thread(folded.and_then, tail)


async def read_tails(db: Connection, since: Mapping[BuildKey, int], limit: int) -> tuple[Commit, ...]:
    """What came to builds after a version, in one query, `limit` entries of each at most."""
    digests = {key_digest(key): key for key in since}
    rows = await db.fetch(
        "SELECT b.key, b.log, b.status, b.at, b.row, t.version, t.updates"
        " FROM unnest($1::bytea[], $2::int[]) AS k (key, since) JOIN builds AS b USING (key)"
        " CROSS JOIN LATERAL (SELECT version, updates FROM entries AS e WHERE e.log = b.log AND e.version > k.since"
        f" ORDER BY version LIMIT {min(limit, TAILS):d}) AS t ORDER BY b.log, t.version",
        list(digests),
        list(since.values()),
    )
    tails: dict[BuildKey, list[Record]] = {}
    for row in rows:
        tails.setdefault(digests[row["key"]], []).append(row)
    return tuple(_tail(key, tail) for key, tail in tails.items())


def _tail(key: BuildKey, rows: Sequence[Record]) -> Commit:
    last = rows[-1]
    head = _head(key, last)
    entries = tuple(Logged(row["version"], row["updates"]) for row in rows)
    return Commit(head, entries, summary_of_row(last["row"], key), last["row"])


async def put_snapshot(db: Connection, number: int, version: int, packed: bytes) -> None:
    """Two servers may both make one: the newer one stays. A build that is gone or was set back gets none."""
    await db.execute(
        "INSERT INTO snapshots SELECT log, $2, $3 FROM builds WHERE log = $1 AND version >= $2"
        " ON CONFLICT (log) DO UPDATE"
        " SET version = excluded.version, state = excluded.state WHERE snapshots.version < excluded.version",
        number,
        version,
        packed,
    )


async def read_changes(db: Connection, keys: Sequence[BuildKey]) -> tuple[Commit, ...]:
    """Heads and summaries, without entries."""
    digests = {key_digest(key): key for key in keys}
    rows = await db.fetch(
        "SELECT key, log, version, status, at, row FROM builds WHERE key = ANY ($1) AND version > 0", list(digests)
    )
    return tuple(
        Commit(_head(digests[row["key"]], row), (), summary_of_row(row["row"], digests[row["key"]]), row["row"])
        for row in rows
    )


async def read_heads(db: Connection, numbers: Sequence[int]) -> tuple[BuildHead, ...]:
    rows = await db.fetch(f"SELECT {_HEAD}, {_KEY} FROM builds WHERE log = ANY ($1) AND version > 0", list(numbers))
    return tuple(_head(_key(row), row) for row in rows)


async def read_active_heads(db: Connection) -> tuple[BuildHead, ...]:
    rows = await db.fetch(f"SELECT {_HEAD}, {_KEY} FROM builds WHERE status = 'active' AND version > 0")
    return tuple(_head(_key(row), row) for row in rows)


def _head(key: BuildKey, row: Record) -> BuildHead:
    return BuildHead(key, row["log"], row["version"], row["status"] == "active", row["at"])


def _key(row: Record) -> BuildKey:
    return BuildKey(row["project_id"], row["session_id"], row["build_id"])


async def put_heard(db: Connection, keys: Sequence[BuildKey]) -> None:
    """In the order of their numbers, as `append` locks them."""
    await db.execute(
        "UPDATE builds SET heard_at = now(), silences = 0 WHERE log IN"
        " (SELECT log FROM builds WHERE key = ANY ($1) ORDER BY log FOR UPDATE)",
        [key_digest(key) for key in keys],
    )


async def claim_silent(db: Connection, bound: float) -> tuple[tuple[BuildKey, int], ...]:
    """Builds of whose agents nothing was heard, each for one server: the next one waits as long again."""
    rows = await db.fetch(
        "UPDATE builds SET heard_at = now(), silences = silences + 1 WHERE log IN"
        " (SELECT log FROM builds WHERE status = 'active' AND version > 0"
        f" AND heard_at < now() - make_interval(secs => $1) ORDER BY log LIMIT {SILENT} FOR UPDATE SKIP LOCKED)"
        f" RETURNING {_KEY}, silences - 1 AS silences",
        bound,
    )
    return tuple((_key(row), row["silences"]) for row in rows)


async def read_names(db: Connection, project_ids: Iterable[str]) -> dict[str, str]:
    """After the projects' builds were made: a project that is about to be deleted is waited for (see `_bury`)."""
    rows = await db.fetch("SELECT id, name FROM projects WHERE id = ANY ($1) FOR KEY SHARE", list(project_ids))
    return {row[0]: row[1] for row in rows}


async def read_slugs(db: Connection, names: Iterable[str]) -> frozenset[str]:
    """The slugs that are taken, of those that these names may get."""
    bases = sorted({slug(name) for name in names})
    if not bases:
        return frozenset()
    pattern = f"^({'|'.join(map(re.escape, bases))})(-[0-9]+)?$"
    return frozenset(row[0] for row in await db.fetch("SELECT slug FROM projects WHERE slug ~ $1", pattern))


async def read_ids(db: Connection, ids: Sequence[tuple[int, str]]) -> dict[tuple[int, str], int | None]:
    """Digests of those event ids that are there."""
    rows = await db.fetch(
        "SELECT e.log, e.event_id, e.digest FROM unnest($1::bigint[], $2::text[]) AS k (log, event_id)"
        " CROSS JOIN LATERAL (SELECT * FROM event_ids AS i WHERE i.log = k.log AND i.event_id = k.event_id) AS e",
        [log for log, _ in ids],
        [event_id for _, event_id in ids],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def read_projects(db: Connection, project_id: str | None = None) -> tuple[ProjectRecord, ...]:
    """All projects, or one; the one with the latest event first."""
    rows = await db.fetch(
        "SELECT id, name, slug, created_at, coalesce((SELECT max(b.updated_at) FROM builds AS b"
        " WHERE b.project_id = projects.id), created_at) AS changed_at"
        " FROM projects WHERE $1::text IS NULL OR id = $1 ORDER BY changed_at DESC, id",
        project_id,
    )
    return tuple(ProjectRecord(*row) for row in rows)


async def read_builds(db: Connection, project_id: str, limit: int) -> tuple[BuildSummary, ...]:
    rows = await db.fetch(
        f"SELECT row, {_KEY} FROM builds WHERE project_id = $1 AND version > 0 ORDER BY {_NEWEST_FIRST} LIMIT $2",
        project_id,
        limit,
    )
    return tuple(summary_of_row(row, BuildKey(*key)) for row, *key in rows)


_STATUS = {None: "", True: " AND b.status = 'active'", False: " AND b.status <> 'active'"}


async def read_page(db: Connection, build_filter: BuildFilter, limit: int) -> Page:
    """Builds of all projects, with their projects' names."""
    at, log = build_filter.after or (None, None)
    rows = await db.fetch(
        "SELECT b.row, p.name, b.at, b.log, b.project_id, b.session_id, b.build_id"
        f" FROM builds AS b JOIN projects AS p ON p.id = b.project_id WHERE b.version > 0{_STATUS[build_filter.active]}"
        " AND ($1 = '' OR b.project_id = $1) AND ($2::bigint IS NULL OR b.at >= $2)"
        " AND ($3::bigint IS NULL OR (b.at, b.log) < ($3, $4::bigint)) ORDER BY b.at DESC, b.log DESC LIMIT $5",
        build_filter.project_id,
        build_filter.since,
        at,
        log,
        limit,
    )
    return page_of([(row, name, at, log, BuildKey(*key)) for row, name, at, log, *key in rows], limit)


async def read_size(db: Connection) -> int:
    """Bytes of the tables with their indexes."""
    return await db.fetchval(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
        " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )


async def read_active(db: Connection) -> tuple[BuildKey, ...]:
    rows = await db.fetch(f"SELECT {_KEY} FROM builds WHERE status = 'active' AND version > 0")
    return tuple(BuildKey(*row) for row in rows)


async def find_build(db: Connection, project_id: str, session_id: str, build_id: str) -> BuildHead | None:
    row = await db.fetchrow(
        "SELECT session_id, build_id, log, version, status, at FROM builds WHERE project_id = $1 AND version > 0"
        " AND ($2 = '' OR session_id = $2) AND ($3 = '' OR build_id = $3)"
        f" AND ($2 <> '' OR $3 <> '' OR status <> 'damaged') ORDER BY {_NEWEST_FIRST} LIMIT 1",
        project_id,
        session_id,
        build_id,
    )
    if row is None:
        return None
    session, build, number, version, status, at = row
    return BuildHead(BuildKey(project_id, session, build), number, version, status == "active", at)


async def session_logs(db: Connection, session_id: str, build_id: str) -> tuple[tuple[int, BuildKey], ...]:
    """A session's builds, newest first."""
    rows = await db.fetch(
        f"SELECT log, {_KEY} FROM builds WHERE session_id = $1 AND ($2 = '' OR build_id = $2)"
        " AND ($2 <> '' OR status <> 'damaged') ORDER BY log DESC",
        session_id,
        build_id,
    )
    return tuple((log, BuildKey(*key)) for log, *key in rows)


async def read_tool(db: Connection, log: int, tool: ToolCall) -> FoundTool:
    """`tool` with its values whole. Raises StoreUnavailable."""
    rows = await db.fetch("SELECT side, value FROM blobs WHERE log = $1 AND tool_id = $2", log, tool.id)
    return whole_tool(tool, [(side, value) for side, value in rows])


async def mark_damaged(db: Connection, damage: BuildDamaged) -> bool:
    """The list says so from now on, and nobody waits for its agent; the log stays as it is. False: it did before."""
    async with db.transaction():
        row = await db.fetchrow("SELECT log, row, status FROM builds WHERE key = $1 FOR UPDATE", key_digest(damage.key))
        if row is None or row[2] == "damaged":
            return False
        encoded = encode_summary(damaged_summary(row[1], damage))
        await db.execute("UPDATE builds SET status = 'damaged', row = $2 WHERE log = $1", row[0], encoded)
    return True


async def bury_damaged(db: Connection, key: BuildKey, me: UUID) -> bool:
    """False: no such build is marked as damaged."""
    async with db.transaction():
        return await _bury(db, key, me, "status = 'damaged'")


async def bury_ended(db: Connection, key: BuildKey, me: UUID, before: Millis | None = None) -> bool:
    """False: there is no such build, it goes on, or something came of it since `before`."""
    condition = "status != 'active' AND version > 0 AND updated_at < coalesce($2, updated_at + 1)"
    async with db.transaction():
        return await _bury(db, key, me, condition, before)


async def sweep_buried(db: Connection) -> bool:
    """Delete a piece of what is buried (`sweeping`); False: nothing is left, or other servers are at it."""
    async with db.transaction():
        number = await db.fetchval("SELECT log FROM buried ORDER BY log LIMIT 1 FOR UPDATE SKIP LOCKED")
        if number is None:
            return False
        for table, limit in (("entries", PIECE), ("event_ids", PIECE), ("blobs", VALUES)):
            rows = f"SELECT ctid FROM {table} WHERE log = $1 LIMIT $2"
            if await db.execute(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({rows}))", number, limit) != "DELETE 0":
                return True
        await db.execute("DELETE FROM snapshots WHERE log = $1", number)
        await db.execute("DELETE FROM buried WHERE log = $1", number)
        return True


async def read_deletions(db: Connection, me: UUID, after: datetime | None) -> tuple[datetime, dict[int, BuildKey]]:
    """What other servers deleted after that time (None: now), and before it as far as it may have been committed later;
    and the time by the database's clock."""
    rows = await db.fetch(
        f"SELECT now(), id, {_KEY} FROM (SELECT) AS one LEFT JOIN deletions ON writer <> $1"
        " AND at > coalesce($2, now()) - make_interval(secs => $3) ORDER BY id",
        me,
        after,
        LATE,
    )
    return rows[0][0], {number: BuildKey(*key) for _, number, *key in rows if number is not None}


async def read_expired(db: Connection, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
    """As `Store.expired`."""
    rows = await db.fetch(
        "SELECT version, project_id, session_id, build_id FROM builds b WHERE updated_at < $1 AND version > 0"
        " AND status NOT IN ('active', 'damaged') AND ($3 = '' OR project_id = $3)"
        " AND log NOT IN (SELECT log FROM builds n"
        f" WHERE n.project_id = b.project_id AND version > 0 ORDER BY {_NEWEST_FIRST} LIMIT $4)"
        " ORDER BY updated_at, log LIMIT $2",
        expiry.before,
        limit,
        expiry.project_id,
        max(1, expiry.keep),
    )
    return tuple(Expired(BuildKey(*key), version) for version, *key in rows)


async def _bury(db: Connection, key: BuildKey, me: UUID, condition: str, *values: object) -> bool:
    """A project without a build goes with its last one. It is locked before that is looked at, so that a server which
    begins a build of it meanwhile makes it anew, or is seen here."""
    deletion = f"DELETE FROM builds WHERE key = $1 AND {condition} RETURNING log"
    number = await db.fetchval(deletion, key_digest(key), *values)
    if number is None:
        return False
    await db.execute("INSERT INTO buried VALUES ($1)", number)
    await db.execute("DELETE FROM deletions WHERE at < now() - make_interval(secs => $1)", DELETIONS_FOR)
    await db.execute(
        f"INSERT INTO deletions (writer, {_KEY}) VALUES ($1, $2, $3, $4)",
        me,
        *(getattr(key, name) for name in _KEY.split(", ")),
    )
    await db.execute("SELECT 1 FROM projects WHERE id = $1 FOR UPDATE", key.project_id)
    await db.execute(
        "DELETE FROM projects WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM builds WHERE project_id = $1)",
        key.project_id,
    )
    return True
