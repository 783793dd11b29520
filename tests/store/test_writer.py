"""Which commits are made in the event loop and which in the thread, and that nobody can tell the difference."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.store.appending import Append, Draft, GroupResult
from sentryvibe_tui.store.contract import Accepted, BuildKey, Commit
from sentryvibe_tui.store.limits import StoreLimits
from sentryvibe_tui.store.live import BuildSnapshot
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore
from sentryvibe_tui.store.sqlite.ledger import Ledger, packed_or_reason
from sentryvibe_tui.store.sqlite.writer import Writer
from sentryvibe_tui.wire.envelope import EventEnvelope

from ..patience import PATIENCE

Make = Callable[..., EventEnvelope]
KEY = BuildKey("p", "s", "b")


class Clock:
    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def passes(self, seconds: float) -> None:
        self._now += seconds


class Watched(Ledger):
    """Notes where each group is prepared, and of how many appends it is; a gate that is closed holds commits up."""

    def __init__(self, db: sqlite3.Connection, limits: StoreLimits) -> None:
        super().__init__(db, limits)
        self.clock = Clock()
        self.turns: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def commit_group(self, appends: Sequence[Append]) -> GroupResult:
        assert threading.current_thread() is not threading.main_thread()
        self.turns.append(("thread", len(appends)))
        return super().commit_group(appends)

    def begin(self, appends: Sequence[Append]) -> Draft | None:
        begun = super().begin(appends)
        if begun is not None:
            assert threading.current_thread() is threading.main_thread()
            self.turns.append(("loop", len(appends)))
        return begun

    def finish(self, begun: Draft) -> GroupResult:
        assert threading.current_thread() is not threading.main_thread()
        assert self.gate.wait(30)
        return super().finish(begun)


class Besides:
    """A checkpoint ends once `over` is set, a snapshot is packed once `pack_now` is.

    `asked` is set when a checkpoint is wanted; `begun`: of which versions snapshots were.
    """

    def __init__(self) -> None:
        self.asked, self.over, self.pack_now = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.over.set()
        self.pack_now.set()
        self.begun: list[int] = []

    async def checkpoint(self) -> None:
        self.asked.set()
        await self.over.wait()

    async def pack(self, snapshot: BuildSnapshot) -> bytes | Exception:
        self.begun.append(snapshot.log.state.version)
        await self.pack_now.wait()
        return packed_or_reason(snapshot)


QUICK = StoreLimits(lock_wait=0.01)


def limited(**limits: float) -> pytest.MarkDecorator:
    """A test whose store has these limits."""
    return pytest.mark.parametrize("limits", [replace(QUICK, **limits)], ids=[""])


@pytest.fixture
def limits() -> StoreLimits:
    return QUICK


@pytest.fixture
async def watched(tmp_path: Path, limits: StoreLimits) -> AsyncIterator[Watched]:
    await (await SqliteStore.open(tmp_path)).close()
    path = tmp_path / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)) as db:
        yield Watched(db, limits)
        for thread in threading.enumerate():
            if thread.name == "store writer":  # it may be at a commit that nobody waits for any more
                await asyncio.to_thread(thread.join, PATIENCE)


@pytest.fixture
def besides() -> Besides:
    return Besides()


@pytest.fixture
async def writer(watched: Watched, besides: Besides, limits: StoreLimits, posted: Make) -> AsyncIterator[Writer]:
    """Of a build that is in memory and has no entry yet."""
    writer = Writer(watched, besides, limits, watched.clock)
    await writer.append([posted("start-step")], 1)
    assert watched.turns == [("thread", 1)]
    watched.turns.clear()
    yield writer
    if not writer._closing:
        await close(writer)


async def close(writer: Writer, patience: float = PATIENCE) -> None:
    try:
        async with asyncio.timeout(patience):
            await writer.finish()
            await writer.close(time.monotonic() + patience)
    finally:
        writer.end()


def snapshots_of(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set after each snapshot."""
    done = asyncio.Event()
    loop, usual = asyncio.get_running_loop(), watched.keep_snapshot

    def keep_snapshot(snapshot: BuildSnapshot, packed: bytes | Exception) -> None:
        usual(snapshot, packed)
        assert threading.current_thread() is not threading.main_thread()
        loop.call_soon_threadsafe(done.set)

    monkeypatch.setattr(watched, "keep_snapshot", keep_snapshot)
    return done


def text(posted: Make, number: int) -> list[EventEnvelope]:
    return [posted("text-delta", id="x", delta=f"{number},")]


async def test_a_lone_append_is_prepared_in_the_loop(writer: Writer, watched: Watched, posted: Make) -> None:
    for number in range(5):
        assert (await writer.append(text(posted, number), 1)).version == number + 1
    assert watched.turns == [("loop", 1)] * 5


async def test_what_one_turn_of_the_loop_brings_is_one_commit(writer: Writer, watched: Watched, posted: Make) -> None:
    answers = await asyncio.gather(*(writer.append(text(posted, number), 1) for number in range(30)))
    assert [answer.version for answer in answers] == list(range(1, 31))
    assert watched.turns == [("loop", 30)]


async def test_what_is_not_committed_yet_is_in_no_state_and_told_to_nobody(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    heard: list[Commit] = []
    writer.listener = heard.extend
    await writer.append(text(posted, 0), 1)
    watched.gate.clear()
    slow = [writer.append(text(posted, number), 1) for number in (1, 2)]
    await asyncio.sleep(0)
    assert watched.turns[-1] == ("loop", 2)
    behind = writer.append(text(posted, 3), 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(answer.done() for answer in (*slow, behind))
    assert watched.live[KEY].state.version == 1
    assert [entry.version for commit in heard for entry in commit.entries] == [1]
    watched.gate.set()
    assert [answer.version for answer in await asyncio.gather(*slow, behind)] == [2, 3, 4]
    assert [entry.version for commit in heard for entry in commit.entries] == [1, 2, 3, 4]
    assert watched.turns == [("loop", 1), ("loop", 2), ("loop", 1)]


async def test_a_repeat_of_what_is_being_committed_is_answered_after_it(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    watched.gate.clear()
    once = [posted("text-delta", id="x", delta="1,", event_id="e")]
    first = writer.append(once, 1)
    await asyncio.sleep(0)
    again = writer.append(once, 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not again.done()
    watched.gate.set()
    assert (await first, await again) == (Accepted(1, 0, 2), Accepted(0, 1, 2))


async def test_a_commit_that_fails_is_taken_back_and_what_waited_behind_it_is_kept(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    watched.gate.clear()
    failing = writer.append(text(posted, 1), 1)
    await asyncio.sleep(0)
    behind = writer.append(text(posted, 2), 1)
    watched._db = _Failing(watched._db, "COMMIT")  # type: ignore[assignment]
    watched.gate.set()
    with pytest.raises(StoreUnavailable, match="full"):
        await failing
    assert (await behind).version == 2
    assert next(watched.live[KEY].state.notes()).text == "0,2,"


class _Failing:
    """A connection that fails at a statement, once."""

    def __init__(self, db: sqlite3.Connection, statement: str) -> None:
        self._db, self._statement = db, statement

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        if sql == self._statement:
            self._statement = ""
            raise sqlite3.OperationalError("database or disk is full")
        return sqlite3.Connection.execute(self._db, sql, *parameters)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)


@limited(linger=0.1)
async def test_publishers_who_were_just_answered_share_the_next_commit(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    """Else they split into two groups that take turns, and there are twice as many syncs."""
    await writer.append(text(posted, 0), 1)
    watched.turns.clear()

    async def publish(rounds: int) -> None:
        for number in range(rounds):
            await writer.append(text(posted, number), 1)

    watched.gate.clear()
    early = [asyncio.ensure_future(publish(10)) for _ in range(32)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = [asyncio.ensure_future(publish(10)) for _ in range(32)]
    await asyncio.sleep(0)
    watched.gate.set()
    await asyncio.gather(*early, *late)
    assert sum(appends for _, appends in watched.turns) == 640
    assert len(watched.turns) <= 12


async def test_nothing_overtakes_what_the_thread_was_given(writer: Writer, watched: Watched, posted: Make) -> None:
    heard: list[int] = []
    answered: list[int] = []

    def note(answer: asyncio.Future[Accepted]) -> None:
        answered.append(answer.result().version)

    def listen(commits: Sequence[Commit]) -> None:
        heard.extend(entry.version for commit in commits for entry in commit.entries)

    writer.listener = listen
    many, answers = [event for number in range(100) for event in text(posted, number)], []
    for events in (many, text(posted, 100), text(posted, 101)):
        answers.append(writer.append(events, 1))
        answers[-1].add_done_callback(note)
        await asyncio.sleep(0)
    await asyncio.gather(*answers)
    await writer.append(text(posted, 102), 1)
    assert answered == [100, 101, 102]
    assert heard == list(range(1, 104))
    assert watched.turns[0][0] == "thread"
    assert watched.turns[-1] == ("loop", 1)
    note_text = next(watched.live[KEY].state.notes()).text
    assert note_text == "".join(f"{number}," for number in range(103))


async def test_a_lock_of_another_process_is_waited_for_in_the_thread_then_said_and_got_over(
    writer: Writer, watched: Watched, posted: Make, tmp_path: Path
) -> None:
    await writer.append(text(posted, 0), 1)
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        both = (writer.append(text(posted, 1), 1), writer.append(text(posted, 2), 1))
        for failed in await asyncio.gather(*both, return_exceptions=True):
            assert isinstance(failed, StoreUnavailable)
        other.execute("ROLLBACK")
    assert (await writer.append(text(posted, 3), 1)).version == 2
    assert watched.turns == [("loop", 1), ("thread", 2), ("loop", 1)]


async def test_a_build_that_is_not_in_memory_is_opened_in_the_thread(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    watched.live.clear()
    assert (await writer.append(text(posted, 1), 1)).version == 2
    assert (await writer.append(text(posted, 2), 1)).version == 3
    assert watched.turns == [("loop", 1), ("thread", 1), ("loop", 1)]


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "tool-input-available", "toolCallId": "t", "toolName": "Write", "input": {"content": "x" * 300_000}},
        {"kind": "tool-output-available", "toolCallId": "t", "output": "x" * 300_000},
        {"kind": "text-delta", "id": "x", "delta": "x" * 300_000},
        {"kind": "todos", "todos": [{"content": f"{number}", "status": "pending"} for number in range(2_000)]},
    ],
    ids=lambda event: event["kind"],
)
async def test_large_values_are_kept_in_the_thread(
    writer: Writer, watched: Watched, posted: Make, event: dict[str, object]
) -> None:
    await writer.append([posted(**event)], 1)
    assert watched.turns == [("thread", 1)]


async def test_whatever_takes_long_in_the_loop_goes_to_the_thread_for_a_while(
    writer: Writer, watched: Watched, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = sqlite3.Connection.execute

    class Slow:
        """As on a disk where what a statement needs is not in memory."""

        def __init__(self, db: sqlite3.Connection) -> None:
            self._db = db

        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if sql.startswith("INSERT INTO entries"):
                watched.clock.passes(0.5)
            return slow(self._db, sql, *parameters)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(self._db, name)

    with monkeypatch.context() as patch:
        patch.setattr(watched, "_db", Slow(watched._db))
        await writer.append(text(posted, 0), 1)
        await writer.append(text(posted, 1), 1)
    assert watched.turns == [("loop", 1), ("thread", 1)]


async def test_a_transaction_of_the_thread_is_bounded_in_events(writer: Writer, watched: Watched, posted: Make) -> None:
    many = [event for number in range(300) for event in text(posted, number)]
    answers: list[asyncio.Future[Accepted]] = []
    for _ in range(5):
        answers.append(writer.append(many, 1))
        await asyncio.sleep(0)
    assert [answer.version for answer in await asyncio.gather(*answers)] == [300, 600, 900, 1200, 1500]
    assert max(appends for _, appends in watched.turns) <= 2


@limited(snapshot_every=10, idle=0)
async def test_snapshots_keep_up_with_traffic_that_never_pauses(writer: Writer, watched: Watched, posted: Make) -> None:
    for number in range(1, 400):
        await writer.append(text(posted, number), 1)
        log = watched.live[KEY]
        assert log.state.version - log.snapshot <= 3 * max(10, log.snapshot)
    assert watched.live[KEY].snapshot >= 80


@limited(snapshot_every=10, idle=3600)
async def test_commits_go_on_while_a_snapshot_is_packed_and_the_build_gets_no_second_one(
    writer: Writer, watched: Watched, besides: Besides, posted: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = snapshots_of(watched, monkeypatch)
    besides.pack_now.clear()
    for number in range(1, 101):
        assert (await writer.append(text(posted, number), 1)).version == number
    assert besides.begun == [20]
    assert not watched.wants_snapshot
    besides.pack_now.set()
    async with asyncio.timeout(PATIENCE):
        await kept.wait()
    assert watched.live[KEY].snapshot == 20
    assert watched.live[KEY].state.version == 100
    assert watched.wants_snapshot
    assert kept_snapshots(tmp_path) == [(watched.live[KEY].number, 20)]


@limited(snapshot_every=10, idle=0)
async def test_a_build_that_ended_while_its_snapshot_was_packed_gets_one_of_its_end(
    writer: Writer, watched: Watched, besides: Besides, posted: Make, tmp_path: Path
) -> None:
    besides.pack_now.clear()
    for number in range(1, 31):
        await writer.append(text(posted, number), 1)
    await writer.append([posted("build-completed")], 1)
    besides.pack_now.set()
    async with asyncio.timeout(PATIENCE):
        while watched.live[KEY].snapshot < 31:  # noqa: ASYNC110  the writer's own time
            await asyncio.sleep(0)
    assert kept_snapshots(tmp_path) == [(watched.live[KEY].number, 31)]


@limited(snapshot_every=10, idle=3600)
async def test_a_snapshot_of_a_build_that_was_deleted_meanwhile_is_nobodys(
    writer: Writer, watched: Watched, besides: Besides, posted: Make, tmp_path: Path
) -> None:
    """Its number may be another build's by then, which would be told by a state of this one."""
    besides.pack_now.clear()
    for number in range(1, 31):
        await writer.append(text(posted, number), 1)
    await writer.append([posted("build-completed")], 1)
    before = watched.live[KEY].number
    assert await writer.ask(lambda: watched.delete(KEY))
    while await writer.ask(watched.sweep):
        pass
    assert (await writer.append(text(posted, 0), 1)).version == 1
    assert watched.live[KEY].number == before
    packing = writer._packing
    assert packing is not None
    besides.pack_now.set()
    await packing
    await close(writer)
    assert kept_snapshots(tmp_path) == []


@limited(snapshot_every=1, idle=3600)
async def test_closing_takes_a_snapshot_along_that_is_nearly_packed(
    writer: Writer, watched: Watched, besides: Besides, posted: Make, tmp_path: Path
) -> None:
    besides.pack_now.clear()
    for number in range(1, 4):
        await writer.append(text(posted, number), 1)
    assert besides.begun == [2]
    ending = asyncio.ensure_future(close(writer))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not ending.done()
    besides.pack_now.set()
    await ending
    assert [version for _, version in kept_snapshots(tmp_path)] == [2]


@limited(snapshot_every=1, idle=3600)
async def test_closing_waits_no_longer_for_a_snapshot_than_it_may(
    writer: Writer, watched: Watched, besides: Besides, posted: Make, tmp_path: Path
) -> None:
    besides.pack_now.clear()
    for number in range(1, 4):
        await writer.append(text(posted, number), 1)
    await writer.finish()
    await writer.close(time.monotonic())
    writer.end()
    assert kept_snapshots(tmp_path) == []
    assert writer._packing is not None
    writer._packing.cancel()


@limited(live_bytes=100, live_least=1, idle=3600)
async def test_memory_that_is_full_of_what_wants_a_snapshot_takes_nothing_more_until_one_is_packed(
    writer: Writer, watched: Watched, besides: Besides, posted: Make
) -> None:
    besides.pack_now.clear()
    ends = [writer.append([posted("build-completed", build=f"b{number}")], 1) for number in range(3)]
    await asyncio.gather(*ends)
    late = writer.append(text(posted, 1), 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not late.done()
    besides.pack_now.set()
    async with asyncio.timeout(PATIENCE):
        assert (await late).version == 1


def kept_snapshots(directory: Path) -> list[tuple[int, int]]:
    """Numbers of builds, and the versions of their snapshots."""
    with closing(sqlite3.connect(directory / DATABASE)) as db:
        return db.execute("SELECT log, version FROM snapshots").fetchall()


@limited(live_bytes=0, live_least=2)
async def test_a_build_leaves_the_memory_only_after_its_snapshot(
    writer: Writer, watched: Watched, posted: Make, tmp_path: Path
) -> None:
    for number in range(20):
        await writer.append([posted("text-delta", build=f"b{number}", id="x", delta="words")], 1)
        await writer.append([posted("build-completed", build=f"b{number}")], 1)
        assert len(watched.live) <= 7
    await close(writer)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert db.execute("SELECT count(*) FROM snapshots").fetchone() == (20,)


@limited(live_bytes=300_000)
async def test_builds_in_memory_are_bounded_in_bytes_not_in_number(
    writer: Writer, watched: Watched, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = snapshots_of(watched, monkeypatch)

    async def work(build: str, size: int) -> None:
        await writer.append([posted("text", build=build, id="x", text="w" * size)], 1)
        await writer.append([posted("build-completed", build=build)], 1)

    for number in range(100):
        await work(f"small{number}", 10)
    assert len(watched.live) == 101
    for number in range(10):
        await work(f"large{number}", 50_000)
    while watched.has_upkeep:
        kept.clear()
        await kept.wait()
    assert [key.build_id for key in watched.live][-4:] == [f"large{number}" for number in range(6, 10)]
    assert sum(log.size for log in watched.live.values()) <= 300_000
    await work("small3", 10)
    assert sum(log.size for log in watched.live.values()) <= 400_000


@limited(live_bytes=0, live_least=1)
async def test_a_build_opened_again_is_as_large_as_it_was(writer: Writer, watched: Watched, posted: Make) -> None:
    said = posted("text-delta", id="x", delta="words", event_id="e")
    await writer.append([said], 1)
    was = watched.live[KEY]
    await writer.append([posted("text", build="other", id="x", text="words")], 1)
    assert KEY not in watched.live
    await writer.append([said], 1)
    assert watched.live[KEY] == replace(was, summary=None)


@limited(snapshot_every=4, live_bytes=0, live_least=1)
async def test_a_build_opened_from_its_snapshot_has_a_size(
    writer: Writer, watched: Watched, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About that of its state: what was logged before the snapshot is not read for it."""
    done = snapshots_of(watched, monkeypatch)
    for number in range(4):
        await writer.append([posted("text", id=f"x{number}", text="w" * 10_000)], 1)
    await done.wait()
    await writer.append([posted("text", build="other", id="x", text="words")], 1)
    assert KEY not in watched.live
    await writer.append([posted("text-delta", id="y", delta="words")], 1)
    assert watched.live[KEY].snapshot == 4
    assert 40_000 < watched.live[KEY].size < 50_000


async def test_closing_commits_what_waits(watched: Watched, posted: Make) -> None:
    writer = Writer(watched, Besides(), QUICK)
    answer = writer.append(text(posted, 0), 1)
    await close(writer)
    assert (await answer).version == 1
    with pytest.raises(StoreUnavailable, match="stopping"):
        writer.append(text(posted, 1), 1)


@limited(checkpoint_idle=1)
async def test_a_checkpoint_is_made_beside_once_nobody_waits(
    writer: Writer, watched: Watched, besides: Besides, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    assert watched.has_upkeep
    async with asyncio.timeout(PATIENCE):
        await besides.asked.wait()
    assert not watched.has_upkeep
    assert (await writer.append(text(posted, 1), 1)).version == 2


@limited(checkpoint_idle=1)
async def test_posts_do_not_wait_for_a_checkpoint(watched: Watched, besides: Besides, posted: Make) -> None:
    besides.over.clear()
    writer = Writer(watched, besides, QUICK)
    await writer.append(text(posted, 0), 1)
    async with asyncio.timeout(PATIENCE):
        await besides.asked.wait()
        assert (await writer.append(text(posted, 1), 1)).version == 2
    ending = asyncio.ensure_future(close(writer))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not ending.done()
    besides.over.set()
    await ending


@limited(checkpoint_idle=1, checkpoint_busy=1, idle=3600)
async def test_a_storm_does_not_wait_for_its_checkpoint_and_carries_only_the_rest(
    watched: Watched, besides: Besides, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a checkpoint's beginning and its end commits go on; the writer makes none but of what came meanwhile."""
    carried = list[int]()
    besides.over.clear()
    monkeypatch.setattr(watched, "carry_rest", lambda: carried.append(len(watched.turns)))
    writer = Writer(watched, besides, replace(QUICK, idle=3600))
    for number in range(5):
        assert (await writer.append(text(posted, number), 1)).version == number + 1
    assert carried == []
    writer.append(text(posted, 5), 1)
    besides.over.set()
    for number in range(6, 9):
        await writer.append(text(posted, number), 1)
    assert carried
    await close(writer)


@limited(checkpoint_idle=1, checkpoint_busy=1, idle=3600, live_bytes=1)
async def test_builds_that_end_one_after_another_keep_no_checkpoint_waiting(
    writer: Writer, besides: Besides, posted: Make
) -> None:
    """Each leaves a snapshot that is overdue."""
    besides.asked.clear()
    for number in range(5):
        await writer.append([posted("build-completed", build=f"b{number}")], 1)
    assert besides.asked.is_set()


async def test_closing_waits_for_a_slow_commit_and_keeps_what_waits_behind_it(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    watched.gate.clear()
    slow = writer.append(text(posted, 1), 1)
    await asyncio.sleep(0)
    behind = writer.append(text(posted, 2), 1)
    ending = asyncio.ensure_future(close(writer))
    await asyncio.sleep(0)
    watched.gate.set()
    await ending
    assert [(await answer).version for answer in (slow, behind)] == [2, 3]


async def test_closing_refuses_what_a_slow_disk_does_not_take_in_time(
    writer: Writer, watched: Watched, posted: Make
) -> None:
    await writer.append(text(posted, 0), 1)
    watched.gate.clear()
    slow = writer.append(text(posted, 1), 1)
    await asyncio.sleep(0)
    behind = writer.append(text(posted, 2), 1)
    with pytest.raises(TimeoutError):
        await close(writer, 0.01)
    for answer in (slow, behind):
        with pytest.raises(StoreUnavailable, match="stopping"):
            await answer
    watched.gate.set()
