"""A data directory looked after: whether its database is whole, and given back what was deleted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ...errors import StoreUnavailable
from ..readonly import DATABASE, Unreadable, open_readonly
from .ledger import unavailable
from .lock import DirectoryLock

_FIRST = 20
"""Faults that are named."""


def faults(directory: Path) -> tuple[str, ...]:
    """What SQLite finds wrong with the file; also beside a server. Raises Unreadable."""
    db = open_readonly(directory)
    if db is None:
        raise Unreadable(f"nothing is kept in {directory}")
    with closing(db):
        try:
            rows = db.execute(f"PRAGMA integrity_check({_FIRST})").fetchall()
        except sqlite3.Error as error:
            return (str(error),)
    return tuple(text for (text,) in rows if text != "ok")


def vacuum(directory: Path) -> tuple[int, int]:
    """Write the database anew without the room of what was deleted; bytes before and after.

    Raises Unreadable, StoreBroken when a server has the directory, StoreUnavailable.
    """
    path = directory / DATABASE
    if not path.is_file():
        raise Unreadable(f"nothing is kept in {directory}")
    lock = DirectoryLock(directory)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            before = path.stat().st_size
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return before, path.stat().st_size
    except sqlite3.Error as error:
        raise StoreUnavailable(str(unavailable(error))) from None
    finally:
        lock.release()
