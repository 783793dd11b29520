"""Tables of the SQLite store, and how an older file becomes a current one."""

from __future__ import annotations

import secrets
import sqlite3

from ...errors import StoreBroken
from ...model.reducer import RULES

MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE projects (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL
    ) WITHOUT ROWID;

    -- One row a build; `log` numbers them in order of their first event. Version 0: nothing to show yet.
    CREATE TABLE builds (
        log INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id),
        session_id TEXT NOT NULL,
        build_id TEXT NOT NULL,
        version INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT 'active',
        updated_at INTEGER NOT NULL,
        row BLOB,
        UNIQUE (project_id, session_id, build_id)
    );
    CREATE INDEX builds_of_project ON builds (project_id, log);
    CREATE INDEX builds_of_session ON builds (session_id, log);

    -- What each event led to: its updates as they travel, without the brackets of the list.
    -- `place` is (log << 32) + version: one B-tree, whose leaves hold entries of up to 4 kB without overflow pages.
    CREATE TABLE entries (place INTEGER PRIMARY KEY, updates BLOB NOT NULL);

    CREATE TABLE event_ids (
        log INTEGER NOT NULL, event_id TEXT NOT NULL, PRIMARY KEY (log, event_id)
    ) WITHOUT ROWID;

    -- A state is the snapshot with the entries after it.
    CREATE TABLE snapshots (log INTEGER PRIMARY KEY, version INTEGER NOT NULL, state BLOB NOT NULL);

    -- Whole inputs and outputs of calls that travel clipped.
    CREATE TABLE blobs (
        log INTEGER NOT NULL, tool_id TEXT NOT NULL, side TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (log, tool_id, side)
    ) WITHOUT ROWID;
    """,
    """
    -- What the event with that id said, as a check sum; NULL: nobody knows.
    ALTER TABLE event_ids ADD COLUMN digest INTEGER;
    """,
    """
    -- When the build's agent was last active, or ended: which build of a project is meant.
    ALTER TABLE builds ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    UPDATE builds SET at = coalesce(CASE WHEN json_valid(CAST(row AS TEXT)) THEN json_extract(CAST(row AS TEXT),
        CASE status WHEN 'active' THEN '$.lastEventAt' ELSE '$.endedAt' END) END, updated_at);
    CREATE INDEX builds_meant ON builds (project_id, status = 'active', at, log);
    """,
    """
    -- The list of all projects' builds, the latest first.
    CREATE INDEX builds_at ON builds (at, log);
    """,
    """
    -- Those that go on, among many that have ended.
    CREATE INDEX builds_active ON builds (log) WHERE status = 'active';
    """,
)
"""The script at place n takes a file from schema n to n + 1. A published one is never edited."""

_MOVING, _MOVED = "moving", "moved"
_LOST = "if that database is lost, `sentryvibe-tui db reopen` serves them from here again"


def migrate(db: sqlite3.Connection) -> str:
    """Bring the file to the current schema and return its epoch.

    Raises StoreBroken for a file of a newer program, and for one whose builds are elsewhere by now.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreBroken(
            f"the database has schema {version}, and this version of sentryvibe-tui knows {len(MIGRATIONS)}; "
            "upgrade sentryvibe-tui, or choose another --data directory"
        )
    for number in range(version, len(MIGRATIONS)):
        db.executescript(f"BEGIN IMMEDIATE;{MIGRATIONS[number]};PRAGMA user_version={number + 1};COMMIT;")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if _MOVED in meta:
        raise StoreBroken(
            f"the builds of this folder were moved to {meta[_MOVED]}: serve them with --store, "
            f"or choose another --data directory; {_LOST}"
        )
    return meta["epoch"] if meta.get("rules") == str(RULES) else _reread(db)


def _reread(db: sqlite3.Connection) -> str:
    """States are folded anew: the snapshots were made by other rules."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM snapshots")
    db.execute("INSERT OR REPLACE INTO meta VALUES ('rules', ?)", (str(RULES),))
    epoch = renew(db)
    db.execute("COMMIT")
    return epoch


def begin_move(db: sqlite3.Connection, epoch: str, place: str) -> None:
    """Nobody serves this file until it is known whether `place` has its builds."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MOVING, f"{epoch} {place}"))


def begun_move(db: sqlite3.Connection) -> tuple[str, str] | None:
    """The epoch that was moving, and where to, when nobody knows whether it arrived."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (_MOVING,)).fetchone()
    if found is None:
        return None
    epoch, _, place = found[0].partition(" ")
    return epoch, place


def refuse_moving(db: sqlite3.Connection) -> None:
    """Raises StoreBroken for a file whose builds may be elsewhere by now."""
    if (move := begun_move(db)) is not None:
        raise StoreBroken(
            f"moving the builds of this folder to {move[1]} was interrupted, and they may be there already: "
            f"run `db copy` once more; {_LOST}"
        )


def mark_moved(db: sqlite3.Connection, place: str) -> None:
    """Nobody serves this file from now on. Two logs never share an epoch."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        renew(db)
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MOVED, place))
        db.execute("DELETE FROM meta WHERE key = ?", (_MOVING,))


def undo_move(db: sqlite3.Connection) -> str:
    """Anybody may serve this file again, in an epoch of its own; where its builds were moved to, "" if nowhere."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        move = begun_move(db)
        moved = db.execute("SELECT value FROM meta WHERE key = ?", (_MOVED,)).fetchone()
        if move is None and moved is None:
            return ""
        db.execute("DELETE FROM meta WHERE key IN (?, ?)", (_MOVING, _MOVED))
        renew(db)
    return moved[0] if moved else move[1] if move else ""


def renew(db: sqlite3.Connection) -> str:
    """A new epoch: no watcher resumes from what it has."""
    epoch = secrets.token_hex(8)
    db.execute("INSERT OR REPLACE INTO meta VALUES ('epoch', ?)", (epoch,))
    return epoch
