"""Reading the tables of `schema`: functions of a connection, used by the writer and by readers alike."""

from __future__ import annotations

import logging
import sqlite3

from ...model.state import ToolCall
from ...model.summary import BuildSummary
from ...wire.summary import encode_summary
from ..contract import BuildDamaged, BuildFilter, BuildHead, BuildKey, Commit, FoundTool, Logged, Page, ProjectRecord
from ..folding import Folded, unpack_state
from ..rows import damaged_summary, page_of, summary_of_row, whole_tool

log = logging.getLogger("sentryvibe_tui.store")

_PAGE = 2000
NEWEST_FIRST = "status = 'active' DESC, at DESC, log DESC"
"""As `BuildHead.rank` orders builds, the one that is meant first."""


def find_log(db: sqlite3.Connection, key: BuildKey) -> tuple[int, int] | None:
    """Number and version of a build's log."""
    found = "SELECT log, version FROM builds WHERE project_id = ? AND session_id = ? AND build_id = ?"
    return db.execute(found, (key.project_id, key.session_id, key.build_id)).fetchone()


def read_entries(db: sqlite3.Connection, log: int, since: int, limit: int) -> tuple[Logged, ...]:
    rows = db.execute(
        "SELECT place, updates FROM entries WHERE place > ? AND place < ? ORDER BY place LIMIT ?",
        (place(log, max(0, since)), place(log + 1, 0), limit),
    )
    return tuple(Logged(at & 0xFFFFFFFF, updates) for at, updates in rows)


def place(log: int, version: int) -> int:
    """Where an entry stands in the table: logs one after another, each by version."""
    return (log << 32) + version


def read_state(db: sqlite3.Connection, key: BuildKey, number: int, version: int) -> Folded:
    """The fold of a log that has come to `version`, or further by now. Raises BuildDamaged, sqlite3.Error."""
    try:
        return _folded(db, number).reaching(version)
    except Exception as error:
        raise _damage(key, error) from error


def _damage(key: BuildKey, error: Exception) -> Exception:
    """`error` itself when it says nothing of what is stored."""
    name = getattr(error, "sqlite_errorname", "")
    if isinstance(error, sqlite3.Error) and not name.startswith("SQLITE_CORRUPT"):
        return error
    return BuildDamaged(key, str(error) or type(error).__name__)


def _folded(db: sqlite3.Connection, number: int) -> Folded:
    snapshot = db.execute("SELECT state FROM snapshots WHERE log = ?", (number,)).fetchone()
    folded = unpack_state(snapshot and snapshot[0])
    while tail := read_entries(db, number, folded.state.version, _PAGE):
        folded = folded.and_then(tail)
    return folded


def read_whole_entries(
    db: sqlite3.Connection, key: BuildKey, number: int, since: int, limit: int
) -> tuple[Logged, ...]:
    """As `read_entries`; raises BuildDamaged for what would mean nothing to a watcher."""
    try:
        entries = read_entries(db, number, since, limit)
        for logged in entries:
            logged.entry()
    except Exception as error:
        raise _damage(key, error) from error
    return entries


def read_projects(db: sqlite3.Connection, project_id: str | None = None) -> tuple[ProjectRecord, ...]:
    """All projects, or one; the one with the latest event first."""
    rows = db.execute(
        "SELECT id, name, slug, created_at, coalesce((SELECT max(updated_at) FROM builds WHERE project_id = id),"
        " created_at) AS updated_at FROM projects WHERE :id IS NULL OR id = :id ORDER BY updated_at DESC, id",
        {"id": project_id},
    )
    return tuple(ProjectRecord(*row) for row in rows)


def read_builds(db: sqlite3.Connection, project_id: str, limit: int) -> tuple[BuildSummary, ...]:
    rows = db.execute(
        "SELECT row, project_id, session_id, build_id FROM builds"
        f" WHERE project_id = ? AND version > 0 ORDER BY {NEWEST_FIRST} LIMIT ?",
        (project_id, limit),
    )
    return tuple(summary_of_row(row, BuildKey(*key)) for row, *key in rows)


_PAGES = {
    None: ("", "b.at DESC, b.log DESC"),
    True: (" AND b.status = 'active'", "+b.at DESC, b.log DESC"),  # few: found by their own index, then sorted
    False: (" AND b.status != 'active'", "b.at DESC, b.log DESC"),
}


def read_page(db: sqlite3.Connection, build_filter: BuildFilter, limit: int) -> Page:
    """Builds of all projects, with their projects' names."""
    at, log = build_filter.after or (None, None)
    status, order = _PAGES[build_filter.active]
    rows = db.execute(
        "SELECT b.row, p.name, b.at, b.log, b.project_id, b.session_id, b.build_id"
        f" FROM builds b JOIN projects p ON p.id = b.project_id WHERE b.version > 0{status}"
        " AND (:project = '' OR b.project_id = :project) AND (:since IS NULL OR b.at >= :since)"
        f" AND (:at IS NULL OR (b.at, b.log) < (:at, :log)) ORDER BY {order} LIMIT :limit",
        {
            "project": build_filter.project_id,
            "since": build_filter.since,
            "at": at,
            "log": log,
            "limit": limit,
        },
    ).fetchall()
    return page_of([(row, name, at, log, BuildKey(*key)) for row, name, at, log, *key in rows], limit)


def read_active(db: sqlite3.Connection) -> tuple[BuildKey, ...]:
    rows = db.execute("SELECT project_id, session_id, build_id FROM builds WHERE status = 'active' AND version > 0")
    return tuple(BuildKey(*row) for row in rows)


def find_build(db: sqlite3.Connection, project_id: str, session_id: str, build_id: str) -> BuildHead | None:
    row = db.execute(
        "SELECT session_id, build_id, log, version, status, at FROM builds WHERE project_id = :project AND version > 0"
        " AND (:session = '' OR session_id = :session) AND (:build = '' OR build_id = :build)"
        " AND (:session != '' OR :build != '' OR status != 'damaged')"
        f" ORDER BY {NEWEST_FIRST} LIMIT 1",
        {"project": project_id, "session": session_id, "build": build_id},
    ).fetchone()
    if row is None:
        return None
    session, build, number, version, status, at = row
    return BuildHead(BuildKey(project_id, session, build), number, version, status == "active", at)


def session_logs(db: sqlite3.Connection, session_id: str, build_id: str) -> tuple[tuple[int, BuildKey], ...]:
    """A session's builds, newest first."""
    rows = db.execute(
        "SELECT log, project_id, session_id, build_id FROM builds WHERE session_id = :session"
        " AND (:build = '' OR build_id = :build) AND (:build != '' OR status != 'damaged') ORDER BY log DESC",
        {"session": session_id, "build": build_id},
    )
    return tuple((log, BuildKey(*key)) for log, *key in rows)


def read_tool(db: sqlite3.Connection, number: int, tool: ToolCall) -> FoundTool:
    """`tool` with its values whole. Raises StoreUnavailable."""
    rows = db.execute("SELECT side, value FROM blobs WHERE log = ? AND tool_id = ?", (number, tool.id))
    return whole_tool(tool, rows)


def mark_damaged(db: sqlite3.Connection, damage: BuildDamaged) -> Commit | None:
    """The list says so from now on, and nobody waits for its agent; the log stays as it is. None: it did before."""
    key = damage.key
    row = db.execute(
        "SELECT log, row, status, version, at FROM builds WHERE project_id = ? AND session_id = ? AND build_id = ?",
        (key.project_id, key.session_id, key.build_id),
    ).fetchone()
    if row is None or row[2] == "damaged":
        return None
    number, _, _, version, at = row
    summary = damaged_summary(row[1], damage)
    encoded = encode_summary(summary)
    db.execute("UPDATE builds SET status = 'damaged', row = ? WHERE log = ?", (encoded, number))
    return Commit(BuildHead(key, number, version, False, at), (), summary, encoded)
