"""The writing connection: what waits together is committed together. Knows no event loop and no threads.

A little group is prepared by `begin`, which touches no file: its rows stay in SQLite's page cache. `finish` does what
a disk can hold up: COMMIT, which writes and syncs the write-ahead log. Until it has, `live` and every other connection
show the state before, and a sync that fails takes everything back. `settle` does both, for whatever is not little.
Snapshots are not synced (the log is whole without them); the sync of the next commit is theirs, too.
"""

from __future__ import annotations

import itertools
import logging
import re
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import islice
from zlib import crc32

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ..agents.doing import summary_of
from ..model.events import About, BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted
from ..model.questions import APPROVAL_TOOLS
from ..model.reducer import reduce
from ..model.standing import meant_at
from ..model.state import BuildState, Millis
from ..model.summary import BuildSummary
from ..model.updates import Entry, ToolChanged
from ..wire.clip import PLAN_LIMIT, VALUE_LIMIT, clip
from ..wire.envelope import EventEnvelope
from ..wire.summary import encode_summary
from ..wire.updates import encode_entry
from .contract import (
    Accepted,
    BuildDamaged,
    BuildHead,
    BuildKey,
    Commit,
    EventDiffers,
    Logged,
    StoreUnavailable,
)
from .queries import delete_damaged, find_log, mark_damaged, pack_state, place, read_state

log = logging.getLogger("sentryvibe_tui.store")

SNAPSHOT_EVERY = 500
"""Least number of entries between two snapshots of a build; it doubles with the build, so the cost per entry stays."""
LIVE_BYTES = 64 * 1024 * 1024
"""What the builds whose states are kept in memory may take together."""
LIVE_LEAST = 4
"""Builds that are kept in memory, however large."""
ENTRY_BYTES = 512
"""What an entry takes in memory beyond its own bytes, about."""

WARM_BYTES = 16 * 1024 * 1024
"""Size that the write-ahead log is given at the start: a sync that need not grow the file is faster."""

_CHECKPOINT_IDLE = WARM_BYTES * 3 // 4
_CHECKPOINT_BUSY = 64 * 1024 * 1024
_COMMIT_BYTES = 4 * 4096

_LITTLE_EVENTS = 64
_LITTLE_BYTES = 256 * 1024
_TODO_BYTES = 256
"""A todo for the sum of `_LITTLE_BYTES`: comparing it with those known takes as long as keeping so many bytes."""


class Log(Struct, frozen=True):
    """A build's log as the writer knows it: its number, its state, and the version of its last snapshot.

    `size`: bytes that the state takes in memory, estimated by what was logged. `summary`: of a state that was committed
    here; None before.
    """

    number: int
    state: BuildState
    snapshot: int
    size: int = 0
    summary: BuildSummary | None = None

    def head(self, key: BuildKey) -> BuildHead:
        return BuildHead(key, self.number, self.state.version, self.state.is_active, meant_at(self.state))

    @property
    def wants_snapshot(self) -> bool:
        return self._tail >= self._least or (self._tail > 0 and not self.state.is_active)

    @property
    def needs_snapshot(self) -> bool:
        """It should not wait any longer: whoever opens the build has to read all that came after the last one."""
        return self._tail >= 2 * self._least

    @property
    def _tail(self) -> int:
        return self.state.version - self.snapshot

    @property
    def _least(self) -> int:
        return max(SNAPSHOT_EVERY, self.snapshot)


class Append(Struct, frozen=True):
    """Events to be kept all or none, and the time for those that have none."""

    events: Sequence[EventEnvelope]
    now: Millis


class GroupResult(Struct, frozen=True):
    """What became of a group of appends, each with its answer or its error, and what was committed."""

    results: Sequence[Accepted | Exception]
    commits: Sequence[Commit]


class Begun(Struct, frozen=True):
    """A group within an open transaction: all that remains is to commit it."""

    results: Sequence[Accepted]
    commits: Sequence[Commit]
    fresh: dict[BuildKey, Log]


def _after(state: BuildState, now: Millis) -> Millis:
    """An event without a time happens as it comes: after all that has come, whatever the agent's clock says."""
    return max(now, state.last_event_at or now)


class Ledger:
    """For one caller at a time, of whatever thread; only `live` may be read beside it.

    `patience`: seconds that another process' lock is waited for. `presence`: why what is committed would not be
    found again, or nothing. `note`: hears how many entries were committed, before anybody else.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        patience: float = 1.0,
        presence: Callable[[], str] = str,
        note: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._db.execute("PRAGMA busy_timeout = 0")
        self._patience = round(patience * 1000)
        self._presence = presence
        self._note = note
        self._names: dict[str, str] = {}
        self._slug_numbers: dict[str, int] = {}
        self._due: dict[BuildKey, None] = {}
        self._is_late = False
        self._live_size = 0
        self._unflushed = 0
        self.live: OrderedDict[BuildKey, Log] = OrderedDict()

    def begin(self, appends: Sequence[Append]) -> Begun | None:
        """Everything but the commit; None when that would keep the caller waiting or fails, and nothing is begun."""
        if not self._is_little(appends):
            return None
        try:
            return self._begin(appends)
        except Exception:  # whoever settles it finds out whose fault it is
            return None

    def finish(self, begun: Begun) -> GroupResult:
        """Commits what was begun; nothing of it is kept when that fails."""
        try:
            self._commit(begun)
        except StoreUnavailable as error:
            return GroupResult([error] * len(begun.results), ())
        if loss := self._presence():  # it was deleted in the meantime
            return GroupResult([StoreUnavailable(loss)] * len(begun.results), begun.commits)
        return GroupResult(begun.results, begun.commits)

    def commit_group(self, appends: Sequence[Append]) -> GroupResult:
        """All in one transaction; one that is at fault itself fails alone."""
        with self._patient():
            return self._settle(appends)

    def _is_little(self, appends: Sequence[Append]) -> bool:
        """Few and short events of builds that are in memory."""
        if sum(len(append.events) for append in appends) > _LITTLE_EVENTS:
            return False
        room = _LITTLE_BYTES
        for append in appends:
            for posted in append.events:
                room -= _size(posted.event)
                if room < 0 or _key(posted.about) not in self.live:
                    return False
        return True

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
            if _concerns_all(error):
                return GroupResult([error] * len(appends), ())
            if len(appends) == 1:
                self._blame(error)
                return GroupResult((error,), ())
        each = [self._settle((append,)) for append in appends]
        return GroupResult(
            [result for one in each for result in one.results], [commit for one in each for commit in one.commits]
        )

    def _blame(self, error: Exception) -> None:
        """For an append that fails alone."""
        if isinstance(error, BuildDamaged):
            self.mark(error)
        elif not isinstance(error, EventDiffers):
            log.error("an append failed", exc_info=error)

    def mark(self, damage: BuildDamaged) -> None:
        """See `queries.mark_damaged`. A build that is in memory is told from there, and whole."""
        if damage.key in self.live:
            return
        try:
            if mark_damaged(self._db, damage):
                log.error("%s", damage)
        except sqlite3.Error as error:
            log.error("%s; it could not be marked: %s", damage, unavailable(error))

    def discard(self, key: BuildKey) -> bool:
        """Deletes a build that is marked as damaged; False: there is none such. Raises StoreUnavailable."""
        with self._patient(), self._undoing():
            if loss := self._presence():
                raise StoreUnavailable(loss)
            self._db.execute("BEGIN IMMEDIATE")
            is_gone = delete_damaged(self._db, key)
            self._db.execute("COMMIT")
        self._names.pop(key.project_id, None)
        return is_gone

    @property
    def has_upkeep(self) -> bool:
        return self.wants_snapshot or self.wants_checkpoint

    @property
    def wants_snapshot(self) -> bool:
        return bool(self._due)

    @property
    def wants_checkpoint(self) -> bool:
        return self._unflushed >= _CHECKPOINT_IDLE

    @property
    def is_overdue(self) -> bool:
        """Upkeep should wait no longer for a quiet moment."""
        return self._is_late or self._unflushed >= _CHECKPOINT_BUSY

    def upkeep(self) -> None:
        """One piece of what need not be done while somebody waits: a snapshot, or a checkpoint that is overdue."""
        if self._due and self._unflushed < _CHECKPOINT_BUSY:
            with self._patient():
                self._snapshot(next(iter(self._due)))
            self._forget()
        elif self.wants_checkpoint and checkpoint(self._db, "PASSIVE"):
            self._unflushed = 0

    def checkpoint_begins(self) -> None:
        """Somebody else makes the checkpoint that is wanted."""
        self._unflushed = 0

    def close(self, until: float) -> None:
        """Leaves as much ready for the next start as can be done until then, in seconds of `time.monotonic`."""
        with self._patient():
            for key in tuple(self._due):
                if time.monotonic() > until:
                    break
                self._snapshot(key)
            if time.monotonic() < until:
                checkpoint(self._db, "TRUNCATE")
        self._db.close()

    # ------------------------------------------------------------------ a transaction

    def _begin(self, appends: Sequence[Append]) -> Begun:
        """Raises StoreUnavailable, or what is wrong with one of them; nothing is begun then."""
        fresh: dict[BuildKey, Log] = {}
        added: dict[BuildKey, list[Logged]] = {}
        with self._undoing():
            self._db.execute("BEGIN IMMEDIATE")
            results = [self._append(append, fresh, added) for append in appends]
            commits = [self._entered(key, new, fresh, appends[-1].now) for key, new in added.items()]
        return Begun(results, commits, fresh)

    def _commit(self, begun: Begun) -> None:
        """Raises StoreUnavailable; nothing was kept then, in memory neither."""
        with self._undoing():
            if loss := self._presence():
                raise StoreUnavailable(loss)
            self._db.execute("COMMIT")
        self._keep(begun.fresh)
        self._note(sum(len(commit.entries) for commit in begun.commits))

    @contextmanager
    def _undoing(self) -> Generator[None]:
        """What fails takes back the whole transaction."""
        try:
            yield
        except BaseException as error:
            self._names.clear()
            roll_back(self._db)
            raise unavailable(error) if isinstance(error, sqlite3.Error) else error from None

    def _append(self, append: Append, fresh: dict[BuildKey, Log], added: dict[BuildKey, list[Logged]]) -> Accepted:
        accepted = duplicates = version = 0
        for posted in append.events:
            about = posted.about
            key = _key(about)
            known = fresh.get(key) or self.live.get(key) or self._open(key, append.now)
            fresh[key] = known
            self._name(about, append.now)
            if posted.event_id and not self._is_new(known.number, posted):
                duplicates += 1
            else:
                accepted += 1
                at = _after(known.state, append.now) if posted.at is None else posted.at
                state, logged = self._reduce(known, posted.event, at, about)
                if logged is not None:
                    size = known.size + ENTRY_BYTES + len(logged.updates)
                    fresh[key] = replace(known, state=state, size=size)
                    added.setdefault(key, []).append(logged)
            version = fresh[key].state.version
        return Accepted(accepted, duplicates, version)

    def _reduce(self, known: Log, event: BuildEvent, at: Millis, about: About) -> tuple[BuildState, Logged | None]:
        short = clipped(event)
        state, entry = reduce(known.state, short, at, about)
        if entry is None:
            return state, None
        logged = Logged(entry.version, b",".join(encode_entry(entry)))
        self._db.execute("INSERT INTO entries VALUES (?, ?)", (place(known.number, logged.version), logged.updates))
        self._unflushed += len(logged.updates)
        if short is not event:
            self._keep_whole(known.number, event, entry)
        return state, logged

    def _keep_whole(self, number: int, event: BuildEvent, entry: Entry) -> None:
        for update in entry.updates:
            if isinstance(update, ToolChanged):
                for side, value, size in _sides(event, update):
                    if value is not None and size:
                        row = (number, update.id, side, bytes(value))
                        self._db.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?)", row)
                        self._unflushed += len(row[3])

    def _is_new(self, number: int, posted: EventEnvelope) -> bool:
        """False for a repeat. Raises EventDiffers for another event of the same id."""
        row = (number, posted.event_id, digest(posted.event))
        if self._db.execute("INSERT OR IGNORE INTO event_ids VALUES (?, ?, ?)", row).rowcount == 1:
            return True
        kept = "SELECT digest FROM event_ids WHERE log = ? AND event_id = ?"
        (before,) = self._db.execute(kept, row[:2]).fetchone()
        if before is not None and before != row[2]:
            raise EventDiffers(posted.event_id)
        return False

    def _open(self, key: BuildKey, now: Millis) -> Log:
        found = find_log(self._db, key)
        if found is not None:
            state, snapshot, size = read_state(self._db, key, *found)
            return Log(found[0], state, snapshot, size + state.version * ENTRY_BYTES)
        cursor = self._db.execute(
            "INSERT INTO builds (project_id, session_id, build_id, updated_at) VALUES (?, ?, ?, ?)",
            (key.project_id, key.session_id, key.build_id, now),
        )
        assert cursor.lastrowid is not None
        return Log(cursor.lastrowid, BuildState(), 0)

    def _entered(self, key: BuildKey, new: Sequence[Logged], fresh: dict[BuildKey, Log], now: Millis) -> Commit:
        """What was added to a build, after its row in the list was written."""
        known = fresh[key]
        summary = summary_of(known.state, known.summary, key)
        if not summary.project_name:
            summary = replace(summary, project_name=self._names[key.project_id])
        fresh[key] = replace(known, summary=summary)
        encoded = encode_summary(summary)
        self._db.execute(
            "UPDATE builds SET version = ?, status = ?, updated_at = ?, at = ?, row = ? WHERE log = ?",
            (summary.version, summary.status, now, meant_at(known.state), encoded, known.number),
        )
        return Commit(known.head(key), tuple(new), summary, encoded)

    def _name(self, about: About, now: Millis) -> None:
        """A project exists from its first event on, and takes its name as soon as one is said."""
        project_id, name = about.project_id, about.agent.project_name
        known = self._names.get(project_id)
        if known is None:
            row = self._db.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()
            if row is None:
                known = name or project_id
                self._db.execute(
                    "INSERT INTO projects VALUES (?, ?, ?, ?)", (project_id, known, self._free_slug(known), now)
                )
            else:
                known = str(row[0])
        if name and name != known and known == project_id:
            self._db.execute(
                "UPDATE projects SET name = ?, slug = ? WHERE id = ?", (name, self._free_slug(name), project_id)
            )
            known = name
        self._names[project_id] = known

    def _free_slug(self, name: str) -> str:
        """Numbers are looked through once for each slug, not for each project: many have the same."""
        base = slug(name)
        texts = _numbered(base, self._slug_numbers.get(base, 1))
        number, free = next((number, text) for number, text in texts if not self._has_slug(text))
        self._slug_numbers[base] = number
        return free

    def _has_slug(self, text: str) -> bool:
        return self._db.execute("SELECT 1 FROM projects WHERE slug = ?", (text,)).fetchone() is not None

    # ------------------------------------------------------------------ off the hot path

    def _keep(self, fresh: dict[BuildKey, Log]) -> None:
        self._unflushed += _COMMIT_BYTES
        for key, known in fresh.items():
            before = self.live.get(key)
            self._live_size += known.size - (before.size if before else 0)
            self.live[key] = known
            self.live.move_to_end(key)
            if known.wants_snapshot:
                self._due[key] = None
                self._is_late |= known.needs_snapshot
        self._forget()

    def _forget(self) -> None:
        """What is in memory beyond LIVE_BYTES, the least recent first; a build whose snapshot is due waits for it."""
        excess, over = self._live_size - LIVE_BYTES, list[BuildKey]()
        for key in islice(self.live, max(0, len(self.live) - LIVE_LEAST)):
            if excess <= 0:
                break
            if key not in self._due:
                excess -= self.live[key].size
                over.append(key)
        for key in over:
            self._live_size -= self.live.pop(key).size
        self._is_late |= bool(self._due) and self._live_size > 2 * LIVE_BYTES

    def _snapshot(self, key: BuildKey) -> None:
        del self._due[key]
        self._is_late &= bool(self._due)
        known = self.live[key]
        try:
            row = (known.number, known.state.version, pack_state(known.state))
            with self._unsynced():
                self._db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", row)
        except Exception as error:  # the log is whole without it, and the thread must not end
            roll_back(self._db)
            log.warning("no snapshot of %s: %s", key.build_id, error)
            return
        self._unflushed += len(row[2])
        self.live[key] = replace(known, snapshot=known.state.version)

    @contextmanager
    def _unsynced(self) -> Generator[None]:
        self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._db.execute("PRAGMA synchronous = FULL")


def checkpoint(db: sqlite3.Connection, mode: str) -> bool:
    """Carry what was committed from the write-ahead log into the database, as far as `mode` goes; whether it did."""
    try:
        (is_busy, _, _) = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error as error:
        log.warning("no checkpoint: %s", unavailable(error))
        return True
    return not is_busy


def clipped(event: BuildEvent) -> BuildEvent:
    """`event` with large values in the form that travels; `event` itself when it has none."""
    if isinstance(event, ToolStarted):
        value, size = clip(event.input, PLAN_LIMIT if event.name in APPROVAL_TOOLS else VALUE_LIMIT)
        return replace(event, input=value, input_bytes=max(size, event.input_bytes)) if size else event
    if isinstance(event, ToolEnded):
        value, size = clip(event.output)
        return replace(event, output=value, output_bytes=max(size, event.output_bytes)) if size else event
    return event


def digest(event: BuildEvent) -> int:
    """A check sum of what an event says, whatever the form in which it was posted."""
    return crc32(_encoder.encode((type(event).__name__, event)))


_encoder = msgspec.json.Encoder()


def _concerns_all(error: Exception) -> bool:
    """Not only the append that met it."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, BuildDamaged)


def _key(about: About) -> BuildKey:
    return BuildKey(about.project_id, about.session_id, about.build_id)


def _size(event: BuildEvent) -> int:
    """Bytes of what it carries, about."""
    if isinstance(event, ToolStarted):
        return 0 if event.input is None else memoryview(event.input).nbytes
    if isinstance(event, ToolEnded):
        return 0 if event.output is None else memoryview(event.output).nbytes
    if isinstance(event, TodosReported):
        return _TODO_BYTES * len(event.todos)
    return len(event.text) if isinstance(event, TextAdded) else 0


def _sides(event: BuildEvent, update: ToolChanged) -> Iterable[tuple[str, Raw | None, int]]:
    if isinstance(event, ToolStarted) and update.input is not None:
        yield "input", event.input, update.input_bytes
    if isinstance(event, ToolEnded) and update.output is not None:
        yield "output", event.output, update.output_bytes


def slug(name: str) -> str:
    """`name` in lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "project"


def _numbered(base: str, first: int) -> Iterable[tuple[int, str]]:
    return ((number, base if number == 1 else f"{base}-{number}") for number in itertools.count(first))


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
    return StoreUnavailable(f"{words} ({error}{', ' + name if name else ''})")
