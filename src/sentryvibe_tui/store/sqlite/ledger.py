"""The writing connection: what waits together is committed together. Knows no event loop and no threads.

A little group is prepared by `begin`, which touches no file: its rows stay in SQLite's page cache. `finish` does what
a disk can hold up: COMMIT, which writes and syncs the write-ahead log. Until it has, `live` and every other connection
show the state before, and a sync that fails takes everything back. `settle` does both, for whatever is not little.
Snapshots come packed, which takes long, and are not synced (the log is whole without them): the sync of the next commit
is theirs, too.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from ...errors import EventDiffers, StoreUnavailable
from ...model.state import Millis
from ..appending import Append, Appending, Draft, GroupResult, is_little
from ..contract import BuildDamaged, BuildKey, Commit
from ..folding import pack_state
from ..groups import concerns_all, in_one_result
from ..limits import StoreLimits
from ..live import BuildSnapshot, LiveLogs
from . import deletion
from .queries import mark_damaged
from .transaction import SqliteTransaction

log = logging.getLogger("sentryvibe_tui.store")

_COMMIT_BYTES = 4 * 4096
_PIECE_BYTES = 256 * 4096


class Ledger:
    """For one caller at a time, of whatever thread; only `live` may be read beside it.

    `presence`: why what is committed would not be
    found again, or nothing. `note`: hears how many entries were committed, before anybody else.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        limits: StoreLimits,
        presence: Callable[[], str] = str,
        note: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._db.execute("PRAGMA busy_timeout = 0")
        self._patience = round(limits.lock_wait * 1000)
        self._presence = presence
        self._note = note
        self._checkpoint_idle, self._checkpoint_busy = limits.checkpoint_idle, limits.checkpoint_busy
        self._unflushed = 0
        self.on_sync: Callable[[float], None] = lambda _: None
        self.live = LiveLogs(limits)
        self._rules = Appending(self.live)

    def begin(self, appends: Sequence[Append]) -> Draft | None:
        """Everything but the commit; None when that would keep the caller waiting or fails, and nothing is begun."""
        if not (is_little(appends) and self._rules.are_live(appends)):
            return None
        try:
            return self._begin(appends)
        except Exception:  # whoever settles it finds out whose fault it is
            return None

    def finish(self, draft: Draft) -> GroupResult:
        """Commits what was begun; nothing of it is kept when that fails."""
        try:
            self._commit(draft)
        except StoreUnavailable as error:
            return GroupResult([error] * len(draft.results), ())
        if loss := self._presence():  # it was deleted in the meantime
            return GroupResult([StoreUnavailable(loss)] * len(draft.results), draft.commits)
        return GroupResult(draft.results, draft.commits)

    def commit_group(self, appends: Sequence[Append]) -> GroupResult:
        """All in one transaction; one that is at fault itself fails alone."""
        with self._patient():
            return self._settle(appends)

    @contextmanager
    def _patient(self) -> Generator[None]:
        self._db.execute(f"PRAGMA busy_timeout = {self._patience}")
        try:
            yield
        finally:
            self._db.execute("PRAGMA busy_timeout = 0")

    def _settle(self, appends: Sequence[Append]) -> GroupResult:
        try:
            return self.finish(self._begin(appends))
        except Exception as error:
            if concerns_all(error):
                return GroupResult([error] * len(appends), ())
            if len(appends) == 1:
                return GroupResult((error,), self._blame(error))
        return in_one_result([self._settle((append,)) for append in appends])

    def _blame(self, error: Exception) -> tuple[Commit, ...]:
        """For an append that fails alone; what the list says of its build from now on."""
        if isinstance(error, BuildDamaged):
            return self.mark(error)
        if not isinstance(error, EventDiffers):
            log.error("an append failed", exc_info=error)
        return ()

    def mark(self, damage: BuildDamaged) -> tuple[Commit, ...]:
        """See `queries.mark_damaged`. A build that is in memory is told from there, and whole."""
        if damage.key in self.live:
            return ()
        try:
            marked = mark_damaged(self._db, damage)
        except sqlite3.Error as error:
            log.error("%s; it could not be marked: %s", damage, unavailable(error))
            return ()
        if marked is None:
            return ()
        log.error("%s", damage)
        return (marked,)

    def discard(self, key: BuildKey) -> bool:
        """Buries a build that is marked as damaged; False: there is none such. Raises StoreUnavailable."""
        return self._bury(key, lambda: deletion.bury_unreadable(self._db, key))

    def delete(self, key: BuildKey, before: Millis | None = None) -> bool:
        """As `Store.delete`: buries it (`deletion`). Raises StoreUnavailable."""
        return self._bury(key, lambda: deletion.bury(self._db, key, before))

    def _bury(self, key: BuildKey, bury: Callable[[], bool]) -> bool:
        is_gone = self._change(bury)
        if is_gone:
            self.live.drop(key)
            self._rules.forget_all_names()
        return is_gone

    def sweep(self) -> bool:
        """Deletes a piece of what was buried; False: nothing is left. Raises StoreUnavailable."""
        with self._unsynced():
            is_more = self._change(lambda: deletion.sweep(self._db))
        self._unflushed += _PIECE_BYTES
        return is_more

    def _change(self, change: Callable[[], bool]) -> bool:
        """A transaction of its own."""
        with self._patient(), self._undoing():
            if loss := self._presence():
                raise StoreUnavailable(loss)
            self._db.execute("BEGIN IMMEDIATE")
            is_changed = change()
            self._db.execute("COMMIT")
        return is_changed

    @property
    def has_upkeep(self) -> bool:
        return self.wants_snapshot or self.wants_checkpoint

    @property
    def wants_snapshot(self) -> bool:
        return self.live.wants_snapshot

    @property
    def wants_checkpoint(self) -> bool:
        return self._unflushed >= self._checkpoint_idle

    @property
    def is_overdue(self) -> bool:
        """A snapshot should wait no longer for a quiet moment."""
        return self.live.is_late

    @property
    def needs_checkpoint(self) -> bool:
        """It should wait no longer for a quiet moment."""
        return self._unflushed >= self._checkpoint_busy

    def keep_snapshot(self, snapshot: BuildSnapshot, packed: bytes | Exception) -> None:
        """Packed from `snapshot.log.state`, or why it could not be; nothing if the build is gone meanwhile."""
        if not self.live.awaits(snapshot):
            return
        try:
            if isinstance(packed, Exception):
                raise packed
            with self._patient(), self._unsynced():
                row = (snapshot.log.number, snapshot.log.state.version, packed)
                self._db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", row)
        except Exception as error:  # the log is whole without it, and the thread must not end
            roll_back(self._db)
            log.warning("no snapshot of %s: %s", snapshot.key.build_id, error)
            self.live.snapshot_failed(snapshot)
            return
        self._unflushed += len(packed)
        self.live.snapshot_kept(snapshot)

    def carry_rest(self) -> None:
        """What was committed during a checkpoint that somebody else made is little; without it, the log begins anew."""
        if checkpoint(self._db, "PASSIVE"):
            self._unflushed = 0

    def checkpoint_begins(self) -> None:
        """Somebody else makes the checkpoint that is wanted."""
        self._unflushed = 0

    def close(self, until: float) -> None:
        """Leaves as much ready for the next start as can be done until then, in seconds of `time.monotonic`."""
        self.live.begin_again()
        while self.live.wants_snapshot and time.monotonic() < until:
            snapshot = self.live.begin_snapshot()
            self.keep_snapshot(snapshot, packed_or_reason(snapshot))
        with self._patient():
            if time.monotonic() < until:
                checkpoint(self._db, "TRUNCATE")
        self._db.close()

    # ------------------------------------------------------------------ a transaction

    def _begin(self, appends: Sequence[Append]) -> Draft:
        """Raises StoreUnavailable, or what is wrong with one of them; nothing is begun then."""
        transaction = SqliteTransaction(self._db)
        with self._undoing():
            self._db.execute("BEGIN IMMEDIATE")
            draft = self._rules.draft(transaction, appends)
        self._unflushed += transaction.written
        return draft

    def _commit(self, draft: Draft) -> None:
        """Raises StoreUnavailable; nothing was kept then, in memory neither."""
        with self._undoing():
            if loss := self._presence():
                raise StoreUnavailable(loss)
            start = time.perf_counter()
            self._db.execute("COMMIT")
            self.on_sync(time.perf_counter() - start)
        self._unflushed += _COMMIT_BYTES
        self.live.keep(draft.logs)
        self._note(sum(len(commit.entries) for commit in draft.commits))

    @contextmanager
    def _undoing(self) -> Generator[None]:
        """What fails takes back the whole transaction."""
        try:
            yield
        except BaseException as error:
            self._rules.forget_all_names()
            roll_back(self._db)
            raise unavailable(error) if isinstance(error, sqlite3.Error) else error from None

    @contextmanager
    def _unsynced(self) -> Generator[None]:
        self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._db.execute("PRAGMA synchronous = FULL")


def packed_or_reason(snapshot: BuildSnapshot) -> bytes | Exception:
    """What `Ledger.keep_snapshot` wants; it takes long for a large build, and touches nothing else."""
    try:
        return pack_state(snapshot.log.state)
    except Exception as error:
        return error


def checkpoint(db: sqlite3.Connection, mode: str) -> bool:
    """Carry what was committed from the write-ahead log into the database, as far as `mode` goes; whether it did."""
    try:
        (is_busy, _, _) = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error as error:
        log.warning("no checkpoint: %s", unavailable(error))
        return True
    return not is_busy


def roll_back(db: sqlite3.Connection) -> None:
    """SQLite has rolled back by itself after some errors; a second ROLLBACK would hide the first reason."""
    if db.in_transaction:
        db.execute("ROLLBACK")


_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk reports an error or is full",
    "SQLITE_READONLY": "the database is read-only",
    "SQLITE_BUSY": "the database is locked by another process",
    "SQLITE_LOCKED": "the database is locked",
    "SQLITE_CANTOPEN": "the database cannot be opened",
    "SQLITE_CORRUPT": "the database is damaged: stop the server, restore it from a backup or move it away",
    "SQLITE_NOTADB": "the file is no database: stop the server, restore it from a backup or move it away",
}


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """Why SQLite cannot do its work, in words."""
    name = getattr(error, "sqlite_errorname", "") or ""
    words = next((words for prefix, words in _REASONS.items() if name.startswith(prefix)), "the store failed")
    return StoreUnavailable(f"{words} ({error}{', ' + name if name else ''})", words)
