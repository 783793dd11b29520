"""Group commit over one connection: what waits together is one call of the function `append`, one round trip.

Nothing is locked between servers. A group is drafted from what this server has in memory; the database takes it only if
that is still so. When it is not, because another server wrote to a build or an id is known, the group is done again
under locks, and its builds are taken for hot for a while. What is in memory changes only once a commit is known.

A connection that ends between a commit and its answer leaves open what became of it. The number of the group stands in
the same transaction (`writers.last`); it is read back before anything else is written (docs/architecture.md#stores).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from asyncpg import Connection, LockNotAvailableError, PostgresError, RaiseError
from msgspec import Struct
from msgspec.structs import replace

from ...errors import EventDiffers, StoreError, StoreUnavailable
from ...model.state import Millis
from ...wire.envelope import EventEnvelope
from ..appending import Append, Appending, Draft, GroupResult, append_of, is_little, key_of
from ..contract import BuildDamaged, BuildKey, Commit, Logged
from ..folding import Folded
from ..groups import Answer, AppendGroup, concerns_all, deliver, in_one_result, next_group, refuse_group
from ..limits import StoreLimits
from ..listener import CommitListener, tell_listener
from ..live import ENTRY_BYTES, BuildLog, LiveLogs
from . import queries
from .connection import ANSWERS, DATA, LOST, unavailable
from .transaction import APPEND, GroupFacts, GroupTransaction

log = logging.getLogger("sentryvibe_tui.store")

PATIENCE = 2.0
"""Seconds that a lost connection is made again before a group is refused."""
UNSURE_PATIENCE = 30.0
"""The same while it is open whether the group was committed: a refusal invites to repeat it."""
_HOT = 20
"""Groups for which a build that another server wrote to is locked before it is read."""
_RACES = 10
"""Tries of a group under locks: other servers may take a slug at the same time."""

_Logs = dict[BuildKey, BuildLog | BuildDamaged]


class SetBack(StoreError):
    """The database has less than this server has seen committed: an older copy is in its place."""


class _Beaten(Exception):
    """Another server was faster."""


class _Unsure(Struct, frozen=True):
    """A group of which nobody has said yet whether it was committed."""

    number: int
    appends: Sequence[Append]
    draft: Draft
    commits: Sequence[Commit]


class PostgresWriter:
    """Appends from the event loop that made it, as the server `me` that committed `last` groups.

    `connect` raises StoreUnavailable. `confirm`: raises SetBack for a connection that leads to another log. `renewed`:
    makes a new epoch after the database was set back, and gives the number of the last group that it knows of this
    server.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        me: UUID,
        last: int,
        confirm: Callable[[Connection], Awaitable[None]],
        renewed: Callable[[Connection], Awaitable[int]],
        note: Callable[[int], None],
        limits: StoreLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._me, self._last = me, last
        self._confirm = confirm
        self._renewed = renewed
        self._note = note
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._db: Connection | None = None
        self._unsure: _Unsure | None = None
        self._hot: dict[BuildKey, int] = {}
        self._waiting: AppendGroup = []
        self._under_way: AppendGroup = []
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.connects = self.conflicts = self.foreign = 0
        self.commits, self.settled = Counter(optimistic=0, locked=0), Counter(committed=0, aborted=0)
        self.on_sync: Callable[[float], None] = lambda _: None
        self.live = LiveLogs(limits)
        self._rules = Appending(self.live)
        self.listener: CommitListener = lambda _: None

    def append(self, events: Sequence[EventEnvelope], now: Millis) -> Answer:
        if self._closing:
            raise StoreUnavailable("the server is stopping")
        answer: Answer = self._loop.create_future()
        self._waiting.append((append_of(events, now), answer))
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name="store writer")
        return answer

    async def finish(self) -> None:
        """Commits what waits, and takes nothing more."""
        self._closing = True
        if self._task is not None:
            await self._task

    def end(self) -> None:
        """Refuses what is not committed yet."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
        refuse_group(self._under_way + self._waiting, "the server is stopping, and the database is slow")
        self._drop_connection()

    # ------------------------------------------------------------------ groups

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._under_way, self._waiting = next_group(self._waiting)
                start = self._clock()
                result = await self._commit_group([append for append, _ in self._under_way])
                self.on_sync(self._clock() - start)
                group, self._under_way = self._under_way, []
                deliver(group, result, self.listener)
        finally:
            self._task = None

    async def _commit_group(self, appends: Sequence[Append]) -> GroupResult:
        """All in one transaction; one that is at fault itself fails alone."""
        try:
            return await self._patiently(appends)
        except Exception as error:
            self._rules.forget_all_names()
            if concerns_all(error):
                return GroupResult([error] * len(appends), ())
            if len(appends) == 1:
                await self._blame(error)
                return GroupResult((error,), ())
        return in_one_result([await self._commit_group((append,)) for append in appends])

    async def _blame(self, error: Exception) -> None:
        """For an append that fails alone."""
        if isinstance(error, BuildDamaged):
            await self.mark(error)
        elif not isinstance(error, EventDiffers):
            log.error("an append failed", exc_info=error)

    def deleted(self, key: BuildKey) -> None:
        """A build was deleted, and its project maybe with it."""
        self.live.drop(key)
        self._rules.forget_all_names()

    async def mark(self, damage: BuildDamaged) -> None:
        """See `queries.mark_damaged`. A build that is in memory is told from there, and whole."""
        if damage.key in self.live:
            return
        try:
            db = await self._connected()
            if await queries.mark_damaged(db, damage):
                log.error("%s", damage)
                tell_listener(self.listener, await queries.read_changes(db, (damage.key,)))
        except (StoreUnavailable, PostgresError, *LOST) as error:
            self._drop_connection()
            log.error("%s; it could not be marked: %s", damage, error)

    async def _patiently(self, appends: Sequence[Append]) -> GroupResult:
        """Again after a lost connection, for a while. Raises StoreUnavailable, and what is wrong with an append."""
        begun, tries = self._clock(), 0
        while True:
            try:
                db = await self._connected()
                earlier = await self._settle_unsure(db)
                if earlier is not None and earlier.appends is appends:
                    return GroupResult(earlier.draft.results, earlier.commits)
                if earlier is not None:
                    tell_listener(self.listener, earlier.commits)
                return await self._attempt(db, appends)
            except (SetBack, RaiseError) as error:
                log.error("%s: a new epoch begins", error)
                await self._begin_again()
            except (StoreUnavailable, LockNotAvailableError, *LOST) as error:
                if isinstance(error, (BuildDamaged, *DATA)):
                    raise
                self._drop_connection()
                patience = PATIENCE if self._unsure is None else UNSURE_PATIENCE
                if self._clock() - begun > patience or self._closing:
                    raise error if isinstance(error, StoreUnavailable) else unavailable(error) from None
                await asyncio.sleep(random.uniform(0, min(0.5, 0.02 * 2**tries)))
                tries += 1
            except PostgresError as error:
                raise error if isinstance(error, DATA) else unavailable(error) from None

    # ------------------------------------------------------------------ a transaction

    async def _attempt(self, db: Connection, appends: Sequence[Append]) -> GroupResult:
        """Raises what ends a connection, SetBack, and what is wrong with an append."""
        keys = dict.fromkeys(key_of(posted.about) for append in appends for posted in append.events)
        logs = await self._open(db, keys, appends[-1].now)
        if not self._are_hot(keys):
            result = await self._optimistic(db, appends, logs)
            if result is not None:
                return result
            self.conflicts += 1
            self._hot |= dict.fromkeys(keys, _HOT)
        for _ in range(_RACES):
            try:
                return await self._locked(db, appends, keys, logs)
            except _Beaten:
                self._rules.forget_all_names()
                logs = await self._open(db, keys, appends[-1].now)
        raise StoreUnavailable("other servers write the same builds all the time")

    def _are_hot(self, keys: Iterable[BuildKey]) -> bool:
        hot = [key for key in keys if key in self._hot]
        for key in hot:
            self._hot[key] -= 1
            if not self._hot[key]:
                del self._hot[key]
        return bool(hot)

    async def _open(self, db: Connection, keys: Iterable[BuildKey], now: Millis) -> _Logs:
        """The builds' logs, from memory or the database, made if there are none."""
        logs: _Logs = {key: log for key in keys if (log := self.live.get(key)) is not None}
        missing = [key for key in keys if key not in logs]
        if not missing:
            return logs
        self._rules.forget_names(key.project_id for key in missing)  # it may have gone with its last build
        for key, (number, version) in (await queries.ensure_logs(db, missing, now)).items():
            try:
                logs[key] = await queries.read_log(db, key, number, version)
            except BuildDamaged as damage:
                logs[key] = damage
        return logs

    async def _optimistic(self, db: Connection, appends: Sequence[Append], logs: _Logs) -> GroupResult | None:
        """One statement; None when what is in memory is not what the database has."""
        transaction = GroupTransaction(await self._group_facts(db, appends, logs))
        draft = await self._drafted(transaction, appends)
        with self._undecided(_Unsure(self._last + 1, appends, draft, draft.commits)) as unsure:
            is_kept = await self._call(db, transaction, unsure, logs)
        if is_kept:
            self._keep(unsure)
            self.commits["optimistic"] += 1
            return GroupResult(draft.results, draft.commits)
        self._rules.forget_all_names()
        return None

    async def _drafted(self, transaction: GroupTransaction, appends: Sequence[Append]) -> Draft:
        """What takes long is done beside the loop."""
        if is_little(appends):
            return self._rules.draft(transaction, appends)
        return await asyncio.to_thread(self._rules.draft, transaction, appends)

    async def _locked(
        self,
        db: Connection,
        appends: Sequence[Append],
        keys: Iterable[BuildKey],
        logs: _Logs,
    ) -> GroupResult:
        """Under the locks of the builds' rows, after what other servers wrote was read. Raises _Beaten."""
        outer = db.transaction()
        await outer.start()
        try:
            foreign = await self._catch_up(db, keys, logs)
            ids = await queries.read_ids(db, _ids(appends, self._readable(keys, logs)))
            transaction = GroupTransaction(replace(await self._group_facts(db, appends, logs), ids=ids))
            draft = await self._drafted(transaction, appends)
            commits = [_with_foreign(commit, foreign) for commit in draft.commits]
            unsure = _Unsure(self._last + 1, appends, draft, commits)
            if not await self._call(db, transaction, unsure, logs):
                raise _Beaten
            with self._undecided(unsure):
                await outer.commit()
        except BaseException:
            with suppress(*LOST, PostgresError):
                await outer.rollback()
            raise
        self._keep(unsure)
        self.commits["locked"] += 1
        return GroupResult(draft.results, commits)

    async def _catch_up(
        self, db: Connection, keys: Iterable[BuildKey], logs: _Logs
    ) -> dict[BuildKey, tuple[Logged, ...]]:
        """Locks the builds and reads what came to them: into memory, since it is so whatever becomes of the group."""
        logs_behind = {log.number: (key, log) for key, log in self._readable(keys, logs).items()}
        lock = "SELECT log, version FROM builds WHERE log = ANY ($1) ORDER BY log FOR UPDATE"
        versions: dict[int, int] = {row[0]: row[1] for row in await db.fetch(lock, list(logs_behind))}
        foreign: dict[BuildKey, tuple[Logged, ...]] = {}
        for number, (key, earlier) in logs_behind.items():
            version = versions.get(number)
            if version is None:
                self.live.drop(key)
                raise _Beaten
            if version < earlier.state.version:
                raise SetBack(f"build {key.build_id} has come to {version} only, and was at {earlier.state.version}")
            if version > earlier.state.version:
                logs[key], foreign[key] = await self._caught_up(db, key, earlier, version)
        return foreign

    async def _caught_up(
        self, db: Connection, key: BuildKey, earlier: BuildLog, version: int
    ) -> tuple[BuildLog, tuple[Logged, ...]]:
        entries: list[Logged] = []
        while not entries or entries[-1].version < version:
            page = await queries.read_entries(
                db, earlier.number, entries[-1].version if entries else earlier.state.version
            )
            if not page:
                break
            entries += page
        try:
            folded = (await queries.extended(Folded(earlier.state, earlier.snapshot, 0), entries)).reaching(version)
        except ValueError as error:
            raise BuildDamaged(key, str(error)) from error
        self.foreign += len(entries)
        size = earlier.size + folded.size + ENTRY_BYTES * len(entries)
        log = replace(earlier, state=folded.state, size=size)
        if key in self.live:
            self.live.keep({key: log})
        return log, tuple(entries)

    async def _group_facts(self, db: Connection, appends: Sequence[Append], logs: _Logs) -> GroupFacts:
        unnamed, names = self._rules.unnamed(appends), self._rules.names_of(appends)
        if not unnamed:
            return GroupFacts(logs, names, frozenset())
        read = await queries.read_names(db, unnamed)
        self._rules.learn_names(read)
        names |= read
        said = {name for options in unnamed.values() for name in options}
        return GroupFacts(logs, names, await queries.read_slugs(db, said))

    async def _call(
        self,
        db: Connection,
        transaction: GroupTransaction,
        unsure: _Unsure,
        logs: _Logs,
    ) -> bool:
        before = {log.number: log.state.version for log in self._readable(unsure.draft.logs, logs).values()}
        now = unsure.appends[-1].now
        return await db.fetchval(APPEND, *transaction.arguments(self._me, unsure.number, now, before))

    def _readable(self, keys: Iterable[BuildKey], logs: _Logs) -> dict[BuildKey, BuildLog]:
        """The logs as they are in memory now, or were when the group was begun; without the damaged ones."""
        found = {key: self.live.get(key) or logs[key] for key in keys}
        return {key: log for key, log in found.items() if isinstance(log, BuildLog)}

    def _keep(self, committed: _Unsure) -> None:
        self._last = committed.number
        self._note(self._last)
        self.live.keep(committed.draft.logs)

    # ------------------------------------------------------------------ what became of a group

    @contextmanager
    def _undecided(self, unsure: _Unsure) -> Generator[_Unsure]:
        """Until the database has answered; a lost connection leaves it so."""
        self._unsure = unsure
        try:
            yield unsure
        except BaseException as error:
            if not isinstance(error, LOST) or isinstance(error, ANSWERS):
                self._unsure = None
            raise
        self._unsure = None

    async def _settle_unsure(self, db: Connection) -> _Unsure | None:
        """The group of which it was open whether it was committed, when it was."""
        unsure = self._unsure
        if unsure is None:
            return None
        last = await self._read_last(db)
        self._unsure = None
        is_committed = last == unsure.number
        self.settled["committed" if is_committed else "aborted"] += 1
        log.info("a group whose answer was lost was %s", "committed" if is_committed else "not committed")
        if not is_committed:
            return None
        self._keep(unsure)
        return unsure

    async def _read_last(self, db: Connection) -> int:
        """Waits for a backend that is still committing. Raises SetBack."""
        last: int | None = await db.fetchval("SELECT last FROM writers WHERE id = $1 FOR UPDATE", self._me)
        if last is None or last < self._last:
            raise SetBack(f"the database knows {last} groups of this server, which committed {self._last}")
        return last

    async def _begin_again(self) -> None:
        """With nothing of what was in memory, in a new epoch."""
        db = await self._connected(is_checked=False)
        self.forget()
        self._unsure = None
        self._last = await self._renewed(db)

    def forget(self) -> None:
        """What is in memory: the database may be another one."""
        for key in tuple(self.live):
            self.live.drop(key)
        self._rules.forget_all_names()

    # ------------------------------------------------------------------ the connection

    async def _connected(self, is_checked: bool = True) -> Connection:
        """Raises StoreUnavailable, SetBack."""
        if self._db is None or self._db.is_closed():
            self._db = None
            db = await self._connect()
            self.connects += 1
            self._db = db
            if is_checked:
                await self._confirm(db)
                await self._read_last(db)
        return self._db

    def _drop_connection(self) -> None:
        if self._db is not None:
            self._db.terminate()
            self._db = None


def _ids(appends: Sequence[Append], logs: Mapping[BuildKey, BuildLog]) -> list[tuple[int, str]]:
    return [
        (logs[key].number, posted.event_id)
        for append in appends
        for posted in append.events
        if posted.event_id and (key := key_of(posted.about)) in logs
    ]


def _with_foreign(commit: Commit, foreign: Mapping[BuildKey, tuple[Logged, ...]]) -> Commit:
    """What other servers wrote just before is heard with what came after it."""
    earlier = foreign.get(commit.head.key)
    return replace(commit, entries=earlier + commit.entries) if earlier else commit
