"""What the rules of appending write, as statements of SQLite."""

from __future__ import annotations

import sqlite3

from ...model.state import BuildState, Millis
from ..contract import BuildHead, BuildKey, Logged
from ..live import ENTRY_BYTES, BuildLog
from .queries import find_log, place, read_state


class SqliteTransaction:
    """`store.appending.Transaction` over a connection with an open transaction. `written`: bytes of what was put."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.written = 0

    def open_log(self, key: BuildKey, now: Millis) -> BuildLog:
        log = find_log(self._db, key)
        if log is not None:
            state, snapshot, size = read_state(self._db, key, *log)
            return BuildLog(log[0], state, snapshot, size + state.version * ENTRY_BYTES)
        cursor = self._db.execute(
            "INSERT INTO builds (project_id, session_id, build_id, updated_at) VALUES (?, ?, ?, ?)",
            (key.project_id, key.session_id, key.build_id, now),
        )
        assert cursor.lastrowid is not None
        return BuildLog(cursor.lastrowid, BuildState(), 0)

    def put_event_id(self, number: int, event_id: str, digest: int) -> bool:
        row = (number, event_id, digest)
        return self._db.execute("INSERT OR IGNORE INTO event_ids VALUES (?, ?, ?)", row).rowcount == 1

    def event_digest(self, number: int, event_id: str) -> int | None:
        kept = "SELECT digest FROM event_ids WHERE log = ? AND event_id = ?"
        (digest,) = self._db.execute(kept, (number, event_id)).fetchone()
        return digest

    def put_entry(self, number: int, logged: Logged) -> None:
        self._db.execute("INSERT INTO entries VALUES (?, ?)", (place(number, logged.version), logged.updates))
        self.written += len(logged.updates)

    def put_blob(self, number: int, tool_id: str, side: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?)", (number, tool_id, side, value))
        self.written += len(value)

    def put_summary(self, head: BuildHead, encoded: bytes, status: str, now: Millis) -> None:
        self._db.execute(
            "UPDATE builds SET version = ?, status = ?, updated_at = ?, at = ?, row = ? WHERE log = ?",
            (head.version, status, now, head.at, encoded, head.number),
        )

    def project_name(self, project_id: str) -> str | None:
        row = self._db.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()
        return None if row is None else str(row[0])

    def put_project(self, project_id: str, name: str, slug: str, now: Millis) -> None:
        self._db.execute(
            "INSERT INTO projects VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug",
            (project_id, name, slug, now),
        )

    def has_slug(self, slug: str) -> bool:
        return self._db.execute("SELECT 1 FROM projects WHERE slug = ?", (slug,)).fetchone() is not None
