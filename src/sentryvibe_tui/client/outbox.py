"""What was published and not yet acknowledged, on disk: one SQLite file per server and project, one owner at a time."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

log = logging.getLogger("sentryvibe_tui.publisher")

LIMIT = 64 * 1024 * 1024
"""Bytes of events that an outbox holds."""
SLOTS = 16
"""Publishers of one project to one server at the same time on this machine."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS parked (n INTEGER PRIMARY KEY, id TEXT NOT NULL, body BLOB NOT NULL, reason TEXT NOT NULL);
"""


class OutboxUnusable(OSError):
    """Nothing can be kept there; the message says where and why."""


class Waiting(Struct, frozen=True):
    """An event to be sent; `n` is its place, `id` unique over builds, `body` the encoded event."""

    id: str
    body: bytes
    n: int = 0


class Outbox:
    """Blocking; its owner calls it from one thread at a time."""

    def __init__(self, folder: Path, server: str, project_id: str, limit: int = LIMIT, alias: str = "") -> None:
        """Opens the first file that nobody else owns. Raises OSError, sqlite3.Error.

        `alias`: what the server is called by who does not know it as `server`; what waits for that is taken over, too.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = _short(server)
        self._lock, self.path = _owned(folder, f"{place}-{_short(project_id)}")
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        self._limit = limit
        self.depth = self.size = 0
        self._count()
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
        refused = 0
        with self._transaction():
            for event in events:
                if self.size + len(event.body) > self._limit:
                    refused += 1
                    continue
                row = (event.id, event.body)
                added = self._db.execute("INSERT OR IGNORE INTO event (id, body) VALUES (?, ?)", row).rowcount
                self.depth += added
                self.size += added * len(event.body)
        return refused

    def first(self, count: int, size: int) -> list[Waiting]:
        """The oldest events: at most `count`, of at most `size` bytes together, but at least one."""
        found: list[Waiting] = []
        total = 0
        rows = self._db.execute("SELECT id, body, n FROM event ORDER BY n LIMIT ?", (count,))
        for event_id, body, n in rows:
            total += len(body) + 1
            if found and total > size:
                break
            found.append(Waiting(event_id, body, n))
        rows.close()
        return found

    def done(self, events: Sequence[Waiting]) -> None:
        """They were acknowledged."""
        with self._transaction():
            self._remove(events)

    def park(self, event: Waiting, reason: str) -> None:
        """The server refuses this event for good: it is set aside, the rest goes on."""
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
            self._count()
            raise

    def _count(self) -> None:
        self.depth, self.size = self._db.execute(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM event"
        ).fetchone()

    def _remove(self, events: Sequence[Waiting]) -> None:
        self._db.executemany("DELETE FROM event WHERE n = ?", [(event.n,) for event in events])
        self.depth -= len(events)
        self.size -= sum(len(event.body) for event in events)

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
    for slot in range(SLOTS):
        lock = _lock(folder / f"{name}-{slot}.lock")
        if lock is None:
            continue
        path = folder / f"{name}-{slot}.sqlite"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return lock, path
    raise OSError(f"{SLOTS} publishers of this project run already ({folder})")


def _lock(path: Path) -> int | None:
    """A lock that is ours until we close it or end; None when somebody else has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
