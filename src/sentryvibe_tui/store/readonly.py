"""The data directory read beside whoever writes it, or without a server: nothing is changed, no lock is taken.

Little is imported here: a status line has a few milliseconds.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import StoreError

DATABASE = "builds.db"
OLDEST, SCHEMA = 3, 5
"""The schemas that are read here (`sqlite.schema.MIGRATIONS`): what came after the oldest are indexes."""
_BUSY = 1.0


class Unreadable(StoreError):
    """The data directory cannot be read; the message says why."""


def open_readonly(directory: Path) -> sqlite3.Connection | None:
    """None when nothing is kept there. Raises Unreadable."""
    path = directory / DATABASE
    if not path.is_file():
        return None
    for options in ("mode=ro", "mode=ro&immutable=1"):  # a folder that cannot be written to takes no shared memory
        with suppress(sqlite3.OperationalError):
            uri = f"file:{quote(str(path))}?{options}"
            db = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)
            return _checked(db, path)
    raise Unreadable(f"cannot read {path}")


def _checked(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        _check_version(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise Unreadable(f"{path} is damaged or no database of ours ({error})") from None
    if version < OLDEST:
        raise Unreadable(f"{path} is of an older version; `sentryvibe-tui serve` brings it up to date when it starts")
    if version > SCHEMA:
        raise Unreadable(f"{path} is of a newer version of sentryvibe-tui")


def recent_figures(db: sqlite3.Connection, since: int, since_sign: int) -> list[tuple[Any, ...]]:
    """The members of `totals.Figures` of builds that go on and were heard of at or after `heard`, and of those that
    ended at or after `since` (epoch milliseconds). Raises Unreadable."""
    members = ("status", "activity.kind", "costUsd", "costEstimated")
    picked = ", ".join(f"json_extract(t, '$.{name}')" for name in members)
    rows = (
        f"SELECT {picked}, coalesce(json_extract(t, '$.requests[0].title'), ''), name,"
        " coalesce(json_extract(t, '$.requests[0].since'), 0),"
        " CASE WHEN at >= :heard THEN coalesce(json_extract(t, '$.activity.source'), '') ELSE '' END"
        " FROM (SELECT CAST(b.row AS TEXT) AS t, b.at AS at, p.name AS name"
        " FROM builds b JOIN projects p ON p.id = b.project_id"
        " WHERE b.version > 0 AND b.status != 'damaged'"
        " AND CASE b.status WHEN 'active' THEN b.at >= :heard ELSE b.at >= :since END) WHERE json_valid(t)"
    )
    try:
        return db.execute(rows, {"since": since, "heard": since_sign}).fetchall()
    except sqlite3.Error as error:
        raise Unreadable(f"what is kept cannot be read ({error})") from None
