"""opencode's database, read only: its log of events, and which session belongs to which (measured with 1.18.33).

`event` has each session's events with a number of their own (`seq`); what they say is what its server says
(`events.py`), without deltas, permissions and status. Nothing is kept open between two looks, so no lock and no
journal of theirs depends on us; without a journal beside it nobody writes, and the file is read as it lies.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from ...errors import SentryVibeError
from ...model.state import Millis
from ...wire.json import decode
from ..common.folders import home
from ..common.values import Record

AT_ONCE = 2_000
"""Rows of one look."""
PATIENCE = 0.2
"""Seconds that a read waits for a lock."""

_COLUMNS = {
    "event": {"id", "aggregate_id", "seq", "type", "data"},
    "session": {"id", "parent_id", "directory", "time_updated"},
}
_ROWS = "SELECT rowid, id, aggregate_id, seq, type, data FROM event"


class NotUnderstood(SentryVibeError):
    """The database has another shape than the one known here."""


class EventRow(Struct, frozen=True):
    """One event. `number` is its place among all, `seq` among those of its session."""

    number: int
    id: str
    session: str
    seq: int
    type: str
    data: str

    @property
    def record(self) -> Record:
        """As the server tells it, without the version of its type. Raises BadJson."""
        kind, _, version = self.type.rpartition(".")
        return {"type": kind if version.isdigit() else self.type, "properties": decode(self.data.encode(), Record)}


class SessionRoot(Struct, frozen=True):
    """Where a session belongs: its root (itself, if it has no parent) and the root's directory. `updated`: the root."""

    root: str
    directory: str
    updated: Millis


def path_of(environ: Mapping[str, str]) -> Path:
    """Of the user's database; XDG_DATA_HOME moves it."""
    data = environ.get("XDG_DATA_HOME", "").strip()
    return (Path(data) if data else home(environ) / ".local" / "share") / "opencode" / "opencode.db"


def stamp(path: Path) -> tuple[int, ...]:
    """Changes with every write; empty when there is no database."""
    numbers: list[int] = []
    for name in (str(path), f"{path}-wal"):
        try:
            status = os.stat(name)
        except OSError:
            continue
        numbers += [status.st_mtime_ns, status.st_size, status.st_ino]
    return tuple(numbers)


@contextmanager
def open_database(path: Path) -> Generator[Database]:
    """For one look. Raises sqlite3.Error, NotUnderstood."""
    alone = "" if os.path.exists(f"{path}-wal") else "&immutable=1"
    uri = f"file:{quote(str(path))}?mode=ro{alone}"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        yield Database(connection, path)


class Database:
    """Questions to it. Each raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        for table, columns in _COLUMNS.items():
            there = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
            if not columns <= there:
                raise NotUnderstood(f"{path}: table {table} lacks {', '.join(sorted(columns - there))}")

    def last(self) -> tuple[int, str]:
        """Number and id of the last event; (0, "") when there is none."""
        found = self._connection.execute("SELECT rowid, id FROM event ORDER BY rowid DESC LIMIT 1").fetchone()
        return found or (0, "")

    def is_there(self, number: int, ident: str) -> bool:
        """Whether an event still has that number: deleted and packed tables number anew."""
        found = self._connection.execute("SELECT id FROM event WHERE rowid = ?", (number,)).fetchone()
        return found == (ident,)

    def after(self, number: int) -> list[EventRow]:
        """The events behind that one, AT_ONCE at most."""
        rows = self._connection.execute(f"{_ROWS} WHERE rowid > ? ORDER BY rowid LIMIT ?", (number, AT_ONCE))
        return [EventRow(*row) for row in rows]

    def of(self, root: str) -> list[EventRow]:
        """All events of a session and of those below it, as they came."""
        rows = self._connection.execute(
            "WITH RECURSIVE below(id) AS (SELECT ? UNION SELECT session.id FROM session, below"
            f" WHERE session.parent_id = below.id) {_ROWS} WHERE aggregate_id IN (SELECT id FROM below) ORDER BY rowid",
            (root,),
        )
        return [EventRow(*row) for row in rows]

    def place(self, session: str) -> SessionRoot | None:
        """None for a session that is not there (any more)."""
        row = self._connection.execute(
            "WITH RECURSIVE above(id, parent, directory, updated) AS ("
            " SELECT id, parent_id, directory, time_updated FROM session WHERE id = ? UNION"
            " SELECT session.id, session.parent_id, session.directory, session.time_updated FROM session, above"
            " WHERE session.id = above.parent) SELECT id, directory, updated FROM above WHERE parent IS NULL",
            (session,),
        ).fetchone()
        return None if row is None else SessionRoot(*row)

    def since(self, moment: Millis) -> list[SessionRoot]:
        """The root sessions that were updated at or after `moment`, the latest last."""
        rows = self._connection.execute(
            "SELECT id, directory, time_updated FROM session WHERE parent_id IS NULL AND time_updated >= ?"
            " ORDER BY time_updated",
            (moment,),
        )
        return [SessionRoot(*row) for row in rows]
