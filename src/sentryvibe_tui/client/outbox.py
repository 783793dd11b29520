"""What was published and not yet acknowledged, on disk: one SQLite file per server and project, one owner at a time."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from msgspec import Struct

from ..folders import make_private
from .limits import PUBLISHER, PublisherLimits

log = logging.getLogger("sentryvibe_tui.publisher")

_CHECKPOINT = 4096
"""Pages of the write-ahead log that become part of the file at once: most of them hold what has left by then."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS parked (n INTEGER PRIMARY KEY, id TEXT NOT NULL, body BLOB NOT NULL, reason TEXT NOT NULL);
"""


class Waiting(Struct, frozen=True):
    """An event to be sent; `n` is its place, `id` unique over builds, `body` the encoded event."""

    id: str
    body: bytes
    n: int = 0


class Outbox:
    """Blocking; its owner calls it from one thread at a time. `depth` events of `size` bytes are in the file."""

    def __init__(
        self, folder: Path, server: str, project_id: str, limits: PublisherLimits = PUBLISHER, alias: str = ""
    ) -> None:
        """Opens the first file that nobody else owns. Raises OSError, sqlite3.Error.

        `damage` says where a file went that could not be read; empty when there was none.
        `alias`: what the server is called by who does not know it as `server`; what waits for that is taken over, too.
        """
        make_private(folder)
        place = _short(server)
        self._lock, self.path = _owned(folder, f"{place}-{_short(project_id)}")
        self._db, self.damage = _sound(self.path)
        self._limit, self._most_ahead, self._rows = limits.outbox_bytes, limits.bytes_ahead, limits.rows
        self._ahead = deque[Waiting]()
        self._ahead_size = 0
        self._count()
        self.depth, self.size = self._depth, self._size
        self.parked: int = self._db.execute("SELECT count(*) FROM parked").fetchone()[0]
        self._take_over(folder, place)
        if alias and alias != server:
            self._take_over(folder, f"{_short(alias)}-{_short(project_id)}")

    def _take_over(self, folder: Path, begin: str) -> None:
        """What publishers that are gone left for this server goes out first of all, whatever its project."""
        for path in sorted(folder.glob(f"{begin}-*.sqlite")):
            lock = None
            try:
                lock = _lock(path.with_suffix(".lock"))
                if lock is not None:
                    self._adopt(path)
            except (OSError, sqlite3.Error) as error:
                log.warning("what waits in %s is left there: %s", path, error)
            finally:
                if lock is not None:
                    os.close(lock)

    def _adopt(self, path: Path) -> None:
        """Moves another file's events into ours, if there is room. Done twice it changes nothing: ids are unique."""
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.executescript(_SCHEMA)
            events = [Waiting(*row) for row in other.execute("SELECT id, body FROM event ORDER BY n")]
            if self.size + sum(len(event.body) for event in events) > self._limit:
                return
            self.put(events)
            self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchall()  # synced: a power cut may not lose both copies
            other.execute("DELETE FROM event")
            (parked,) = other.execute("SELECT count(*) FROM parked").fetchone()
        finally:
            other.close()
        if not parked:
            path.unlink(missing_ok=True)

    def put(self, events: Iterable[Waiting]) -> int:
        """Keeps events in their order; one with a known id is kept once. Answers how many found no room."""
        refused, together, size = 0, list[Waiting](), 0
        with self._transaction():
            for event in events:
                if len(together) == self._rows or self._size + size + len(event.body) > self._limit:
                    self._insert(together, size)
                    together, size = [], 0
                if self._size + len(event.body) > self._limit:
                    refused += 1
                else:
                    together.append(event)
                    size += len(event.body)
            self._insert(together, size)
        return refused

    def _insert(self, events: Sequence[Waiting], size: int) -> None:
        if not events:
            return
        rows = ", ".join(["(?, ?)"] * len(events))
        values = [part for event in events for part in (event.id, event.body)]
        cursor = self._db.execute(f"INSERT OR IGNORE INTO event (id, body) VALUES {rows}", values)
        if cursor.rowcount != len(events):
            self._count()
            return
        if len(self._ahead) == self._depth and self._ahead_size + size <= self._most_ahead:
            assert cursor.lastrowid is not None
            first = cursor.lastrowid + 1 - len(events)
            self._ahead.extend(Waiting(event.id, event.body, first + place) for place, event in enumerate(events))
            self._ahead_size += size
        self._depth += len(events)
        self._size += size

    def first(self, count: int, size: int, after: int = 0) -> list[Waiting]:
        """The oldest events: at most `count`, of at most `size` bytes together, but at least one.

        `after`: only those in memory beyond this place.
        """
        if not self._ahead and self._depth:
            self._look_ahead()
        events: list[Waiting] = []
        total = 0
        for event in islice((event for event in self._ahead if event.n > after), count):
            total += len(event.body) + 1
            if events and total > size:
                break
            events.append(event)
        return events

    def _look_ahead(self) -> None:
        rows = self._db.execute("SELECT id, body, n FROM event ORDER BY n LIMIT ?", (4 * self._rows,))
        for event_id, body, n in rows:
            self._ahead.append(Waiting(event_id, body, n))
            self._ahead_size += len(body)
            if self._ahead_size > self._most_ahead:
                break
        rows.close()

    def done(self, events: Sequence[Waiting]) -> None:
        """The oldest ones, as `first` gave them, were acknowledged."""
        with self._transaction():
            self._remove(events)

    def park(self, event: Waiting, reason: str) -> None:
        """The server refuses this event, the oldest, for good: it is set aside, the rest goes on."""
        with self._transaction():
            self._db.execute("INSERT INTO parked VALUES (?, ?, ?, ?)", (event.n, event.id, event.body, reason))
            self._remove([event])
        self.parked += 1

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """All or nothing, also in the counts."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._ahead.clear()
            self._ahead_size = 0
            self._count()
            raise
        finally:
            self.depth, self.size = self._depth, self._size

    def _count(self) -> None:
        self._depth, self._size = self._db.execute(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM event"
        ).fetchone()

    def _remove(self, events: Sequence[Waiting]) -> None:
        """The oldest ones."""
        if not events:
            return
        self._db.execute("DELETE FROM event WHERE n <= ?", (events[-1].n,))
        while self._ahead and self._ahead[0].n <= events[-1].n:
            self._ahead_size -= len(self._ahead.popleft().body)
        self._depth -= len(events)
        self._size -= sum(len(event.body) for event in events)

    def close(self) -> None:
        """An empty outbox leaves no file behind."""
        empty = not self.depth and not self.parked
        self._db.close()
        if empty:
            self.path.unlink(missing_ok=True)
        os.close(self._lock)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _owned(folder: Path, name: str) -> tuple[int, Path]:
    """A lock that ends with its process, and the file it stands for."""
    slots = ((_lock(folder / f"{name}-{slot}.lock"), slot) for slot in itertools.count())
    lock, slot = next((lock, slot) for lock, slot in slots if lock is not None)
    return lock, folder / f"{name}-{slot}.sqlite"


def _sound(path: Path) -> tuple[sqlite3.Connection, str]:
    """The database, and what became of a damaged one that was in its place."""
    try:
        return _open_database(path), ""
    except sqlite3.OperationalError:  # the disk is full, or the like: the file is none the worse
        raise
    except sqlite3.DatabaseError as error:
        copy = path.with_suffix(f".damaged-{time.time_ns()}")
        for part in ("-wal", "-shm"):
            path.with_name(path.name + part).unlink(missing_ok=True)
        path.rename(copy)
        return _open_database(path), f"what waited in {path.name} cannot be read ({error}); it is kept as {copy}"


def _open_database(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.executescript(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint={_CHECKPOINT}; {_SCHEMA}"
        )
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        return db
    except BaseException:
        db.close()
        raise


def _lock(path: Path) -> int | None:
    """A lock that is ours until we close it or end; None when somebody else has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
