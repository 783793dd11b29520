"""A data directory looked after: whether its database is whole, and given back what was deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

from ...errors import StoreUnavailable
from ..contract import Expired, Expiry
from ..readonly import DATABASE, Unreadable, open_readonly
from . import deletion
from .ledger import unavailable
from .lock import DirectoryLock
from .schema import undo_move

_FIRST = 20
"""Faults that are named."""
_AT_ONCE = 100


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


def reopen_folder(directory: Path) -> str:
    """Let servers open the directory whose builds were moved away, or nearly; where to.

    Raises Unreadable when they were not, else as `vacuum`.
    """
    with _alone(directory) as db:
        db.isolation_level = None
        place = undo_move(db)
    if not place:
        raise Unreadable(f"the builds of {directory} were not moved")
    return place


class Pruned(Struct, frozen=True):
    """`builds` and `entries` that were deleted; `room`: bytes of the file that can be used again."""

    builds: int
    entries: int
    room: int


def vacuum(directory: Path) -> tuple[int, int]:
    """Write the database anew without the room of what was deleted; bytes before and after.

    Raises Unreadable, StoreBroken when a server has the directory, StoreUnavailable.
    """
    path = directory / DATABASE
    with _alone(directory) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before = path.stat().st_size
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return before, path.stat().st_size


def prunable(directory: Path, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
    """What `prune_folder` would delete, also beside a server. Raises Unreadable."""
    db = open_readonly(directory)
    if db is None:
        raise Unreadable(f"nothing is kept in {directory}")
    with closing(db):
        try:
            named = db.execute("SELECT 1 FROM projects WHERE id = ?", (expiry.project_id,)).fetchone()
            if expiry.project_id and named is None:
                raise Unreadable(f"no project {expiry.project_id!r} is kept in {directory}; its id is needed here")
            return deletion.expired(db, expiry, limit)
        except sqlite3.Error as error:
            raise Unreadable(str(unavailable(error))) from None


def prune_folder(directory: Path, expiry: Expiry, hear: Callable[[int], None] = lambda _: None) -> Pruned:
    """Delete what a server's retention would. `hear`: gets how many builds are gone so far.

    Raises as `vacuum`.
    """
    builds = entries = 0
    prunable(directory, expiry, 0)  # of a schema that is known here
    with _alone(directory) as db:
        while batch := deletion.expired(db, expiry, _AT_ONCE):
            for build in batch:
                with db:
                    deletion.bury(db, build.key)
                entries += build.entries
            builds += len(batch)
            while _sweep(db):
                pass
            hear(builds)
        (room,) = db.execute(
            "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
        ).fetchone()
        return Pruned(builds, entries, room)


def _sweep(db: sqlite3.Connection) -> bool:
    with db:
        return deletion.sweep(db)


@contextmanager
def _alone(directory: Path) -> Generator[sqlite3.Connection]:
    """The database, while no server has it."""
    path = directory / DATABASE
    if not path.is_file():
        raise Unreadable(f"nothing is kept in {directory}")
    lock = DirectoryLock(directory)
    try:
        with closing(sqlite3.connect(path)) as db:
            yield db
    except sqlite3.Error as error:
        raise StoreUnavailable(str(unavailable(error))) from None
    finally:
        lock.release()
