"""Burying builds and sweeping them away (`sweeping`): functions of the writing connection, each in a transaction."""

from __future__ import annotations

import sqlite3

from ...model.state import Millis
from ..contract import BuildKey, Expired, Expiry
from ..sweeping import PIECE, VALUES
from .queries import NEWEST_FIRST, place


def expired(db: sqlite3.Connection, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
    """As `Store.expired`."""
    rows = db.execute(
        "SELECT version, project_id, session_id, build_id FROM builds b WHERE updated_at < :before AND version > 0"
        " AND status NOT IN ('active', 'damaged') AND (:project = '' OR project_id = :project)"
        " AND log NOT IN (SELECT log FROM builds n"
        f" WHERE n.project_id = b.project_id AND version > 0 ORDER BY {NEWEST_FIRST} LIMIT :keep)"
        " ORDER BY updated_at, log LIMIT :limit",
        {"before": expiry.before, "project": expiry.project_id, "keep": max(1, expiry.keep), "limit": limit},
    )
    return tuple(Expired(BuildKey(*key), version) for version, *key in rows)


def bury(db: sqlite3.Connection, key: BuildKey, before: Millis | None = None) -> bool:
    """False: there is no such build, it goes on, or something came of it since `before`."""
    return _bury(db, key, "version > 0 AND status != 'active' AND updated_at < coalesce(?, updated_at + 1)", before)


def bury_unreadable(db: sqlite3.Connection, key: BuildKey) -> bool:
    """False: no such build is marked as damaged."""
    return _bury(db, key, "status = 'damaged'")


def _bury(db: sqlite3.Connection, key: BuildKey, condition: str, *values: object) -> bool:
    """False: there is no such build for which `condition` is true. Its row keeps the number until nothing is left under
    it; no id has a U+0000. What it had come to stays in the sum that tells an older copy (`store._confirmed_epoch`)."""
    found = db.execute(
        f"SELECT log, version FROM builds WHERE project_id = ? AND session_id = ? AND build_id = ? AND {condition}",
        (key.project_id, key.session_id, key.build_id, *values),
    ).fetchone()
    if found is None:
        return False
    log, version = found
    db.execute(
        "UPDATE builds SET project_id = '', session_id = char(0), build_id = char(0) || log, version = 0,"
        " status = 'buried', at = 0, row = NULL WHERE log = ?",
        (log,),
    )
    db.execute(
        "DELETE FROM projects WHERE id = ? AND NOT EXISTS (SELECT 1 FROM builds WHERE project_id = id)",
        (key.project_id,),
    )
    db.execute(
        "INSERT INTO meta VALUES ('deleted', ?) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
        (str(version),),
    )
    return True


def is_buried(db: sqlite3.Connection) -> bool:
    """Whether anything is left to be swept away."""
    return _buried(db) is not None


def sweep(db: sqlite3.Connection) -> bool:
    """Delete a piece of what is buried; False: nothing is left."""
    log = _buried(db)
    if log is None:
        return False
    pieces = (
        ("entries WHERE place IN (SELECT place FROM entries WHERE place BETWEEN ? AND ? LIMIT ?)", PIECE),
        ("event_ids WHERE log = ? AND event_id IN (SELECT event_id FROM event_ids WHERE log = ? LIMIT ?)", PIECE),
        ("blobs WHERE log = ? AND tool_id IN (SELECT tool_id FROM blobs WHERE log = ? LIMIT ?)", VALUES),
    )
    for number, (rows, limit) in enumerate(pieces):
        bounds = (place(log, 0), place(log + 1, -1)) if number == 0 else (log, log)
        if db.execute(f"DELETE FROM {rows}", (*bounds, limit)).rowcount:
            return True
    db.execute("DELETE FROM snapshots WHERE log = ?", (log,))
    db.execute("DELETE FROM builds WHERE log = ?", (log,))
    return True


def _buried(db: sqlite3.Connection) -> int | None:
    found = db.execute("SELECT log FROM builds WHERE project_id = '' AND status = 'buried' LIMIT 1").fetchone()
    return None if found is None else found[0]
