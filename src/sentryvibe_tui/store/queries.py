"""Reading the tables of `schema`: functions of a connection, used by the writer and by readers alike."""

from __future__ import annotations

import sqlite3
import zlib
from typing import NamedTuple

import msgspec

from ..model.reducer import apply
from ..model.state import BuildState, ToolCall
from ..wire.state import decode_state, encode_state
from .contract import BuildKey, BuildRow, FoundTool, Head, Logged, Project

_PAGE = 2000


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


class Folded(NamedTuple):
    """A build's state, the version of the snapshot that it was folded from (0: from the start), and how many bytes of
    JSON it was made of."""

    state: BuildState
    snapshot: int
    size: int


def read_state(db: sqlite3.Connection, log: int) -> Folded:
    row = db.execute("SELECT version, state FROM snapshots WHERE log = ?", (log,)).fetchone()
    snapshot, packed = (0, b"") if row is None else (row[0], zlib.decompress(row[1]))
    state, size = decode_state(packed) if packed else BuildState(), len(packed)
    while tail := read_entries(db, log, state.version, _PAGE):
        for logged in tail:
            state = apply(state, logged.entry())
            size += len(logged.updates)
    return Folded(state, snapshot, size)


def pack_state(state: BuildState) -> bytes:
    """A state as a snapshot keeps it."""
    return zlib.compress(encode_state(state), 1)


def read_projects(db: sqlite3.Connection, project_id: str | None = None) -> tuple[Project, ...]:
    """All projects, or one; the one with the latest event first."""
    rows = db.execute(
        "SELECT id, name, slug, created_at, coalesce((SELECT max(updated_at) FROM builds WHERE project_id = id),"
        " created_at) AS updated_at FROM projects WHERE :id IS NULL OR id = :id ORDER BY updated_at DESC, id",
        {"id": project_id},
    )
    return tuple(Project(*row) for row in rows)


def read_builds(db: sqlite3.Connection, project_id: str, limit: int) -> tuple[BuildRow, ...]:
    rows = db.execute(
        "SELECT row FROM builds WHERE project_id = ? AND version > 0 ORDER BY log DESC LIMIT ?", (project_id, limit)
    )
    return tuple(msgspec.json.decode(row, type=BuildRow) for (row,) in rows)


def read_active(db: sqlite3.Connection) -> tuple[BuildKey, ...]:
    rows = db.execute("SELECT project_id, session_id, build_id FROM builds WHERE status = 'active' AND version > 0")
    return tuple(BuildKey(*row) for row in rows)


def find_build(db: sqlite3.Connection, project_id: str, session_id: str, build_id: str) -> Head | None:
    row = db.execute(
        "SELECT session_id, build_id, log, version, status FROM builds WHERE project_id = :project AND version > 0"
        " AND (:session = '' OR session_id = :session) AND (:build = '' OR build_id = :build)"
        " ORDER BY log DESC LIMIT 1",
        {"project": project_id, "session": session_id, "build": build_id},
    ).fetchone()
    if row is None:
        return None
    session, build, number, version, status = row
    return Head(BuildKey(project_id, session, build), number, version, status == "active")


def session_logs(db: sqlite3.Connection, session_id: str, build_id: str) -> tuple[tuple[int, BuildKey], ...]:
    """A session's builds, newest first."""
    rows = db.execute(
        "SELECT log, project_id, session_id, build_id FROM builds WHERE session_id = :session"
        " AND (:build = '' OR build_id = :build) ORDER BY log DESC",
        {"session": session_id, "build": build_id},
    )
    return tuple((log, BuildKey(*key)) for log, *key in rows)


def whole_tool(db: sqlite3.Connection, log: int, tool: ToolCall) -> FoundTool:
    """`tool` with its clipped values made whole."""
    kept = dict(db.execute("SELECT side, value FROM blobs WHERE log = ? AND tool_id = ?", (log, tool.id)))
    given = msgspec.Raw(kept["input"]) if tool.input_bytes and "input" in kept else tool.input
    result = msgspec.Raw(kept["output"]) if tool.output_bytes and "output" in kept else tool.output
    return FoundTool(tool.id, tool.name, tool.state, given, result)
