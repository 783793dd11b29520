from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.errors import EventDiffers, StoreBroken, StoreUnavailable
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.store.contract import Accepted, BuildFilter, BuildKey, Commit
from sentryvibe_tui.store.limits import DEFAULT_STORE_LIMITS, StoreLimits
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore, ledger, schema
from sentryvibe_tui.store.sqlite.queries import read_page
from sentryvibe_tui.store.sqlite.schema import migrate
from sentryvibe_tui.store.sqlite.transaction import SqliteTransaction
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.state import encode_state

from ..patience import PATIENCE

KEY = BuildKey("p", "s", "b")
Make = Callable[..., EventEnvelope]


async def folded(store: SqliteStore, key: BuildKey = KEY) -> BuildState:
    state = BuildState()
    for logged in await store.read(key, 0, 1_000_000):
        assert logged.version == state.version + 1
        state = apply(state, logged.entry())
    return state


async def test_snapshot_and_tail_are_the_fold_of_the_log(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path, StoreLimits(snapshot_every=10))
    for number in range(35):
        await store.append([posted("tool-call", toolCallId=f"t{number}", toolName="Read", input={"n": number})], number)
        if number == 20:
            await asyncio.to_thread(_wait_for_snapshot, tmp_path)
    state = await folded(store)
    await store.close()
    snapshots = _snapshots(tmp_path)
    assert snapshots
    assert snapshots[0] < 36
    again = await SqliteStore.open(tmp_path)
    loaded = await again.state(KEY)
    assert loaded is not None
    assert encode_state(loaded) == encode_state(state)
    await again.close()


def _wait_for_snapshot(directory: Path) -> None:
    while not _snapshots(directory):
        time.sleep(0.01)


def _snapshots(directory: Path) -> list[int]:
    db = sqlite3.connect(directory / DATABASE)
    try:
        return [row[0] for row in db.execute("SELECT version FROM snapshots")]
    finally:
        db.close()


async def test_builds_of_a_database_without_the_time_have_one(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start", build="new", at=50), posted("build-completed", build="new", at=60)], 1_000)
    await store.append([posted("start", build="old", at=5), posted("build-completed", build="old", at=6)], 1_001)
    await store.close()
    db = sqlite3.connect(tmp_path / DATABASE)
    for index in ("builds_meant", "builds_at", "builds_active"):
        db.execute(f"DROP INDEX {index}")
    db.executescript("ALTER TABLE builds DROP COLUMN at; PRAGMA user_version = 2;")
    db.close()
    store = await SqliteStore.open(tmp_path)
    assert [row.build_id for row in await store.builds("p", 9)] == ["new", "old"]
    await store.close()


async def test_a_second_opener_is_told_who_has_the_directory(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    with pytest.raises(StoreBroken, match="in use by another server"):
        await SqliteStore.open(tmp_path)
    await store.close()
    await (await SqliteStore.open(tmp_path)).close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
async def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises((StoreBroken, StoreUnavailable), match=DATABASE):
        await SqliteStore.open(tmp_path)


async def test_a_schema_from_the_future_is_refused(tmp_path: Path) -> None:
    await (await SqliteStore.open(tmp_path)).close()
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreBroken, match="upgrade"):
        await SqliteStore.open(tmp_path)


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()} == {0o600}
    await store.close()


async def test_a_full_disk_is_reported_and_recovered_from(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start")], 1)
    size = (tmp_path / f"{DATABASE}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    huge = posted("tool-call", event_id="h", toolCallId="t", toolName="Write", input={"a": "x" * (2 * size)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(StoreUnavailable, match="disk"):
            await store.append([huge], 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    state = await store.state(KEY)
    assert state is not None
    assert state.version == 1
    assert (await store.append([huge], 3)).version == 2
    await store.close()


async def test_a_locked_database_is_reported_and_recovered_from(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path, StoreLimits(lock_wait=0.01))
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.append([posted("start")], 1)
    other.execute("ROLLBACK")
    other.close()
    assert (await store.append([posted("start")], 1)).version == 1
    await store.close()


async def _three_more(directory: Path, posted: Make, at: int) -> str:
    store = await SqliteStore.open(directory)
    await store.append([posted("text-delta", id="x", delta=f"{at}-{number} ") for number in range(3)], at)
    await store.close()
    return store.epoch


async def _epoch(directory: Path, limits: StoreLimits = DEFAULT_STORE_LIMITS) -> str:
    store = await SqliteStore.open(directory, limits)
    await store.close()
    return store.epoch


async def test_an_older_copy_put_in_place_is_another_epoch_and_the_log_says_so(
    tmp_path: Path, posted: Make, caplog: pytest.LogCaptureFixture
) -> None:
    first = await _three_more(tmp_path, posted, 1)
    backup = (tmp_path / DATABASE).read_bytes()
    assert await _three_more(tmp_path, posted, 2) == first
    assert caplog.messages == []
    (tmp_path / DATABASE).write_bytes(backup)
    restored = await _epoch(tmp_path)
    assert restored != first
    assert [message.partition(":")[0] for message in caplog.messages] == ["a new epoch begins"]
    assert await _three_more(tmp_path, posted, 3) == restored
    (tmp_path / DATABASE).write_bytes(backup)
    assert await _epoch(tmp_path) not in (first, restored)


async def test_a_copy_taken_while_the_server_ran_is_told_from_what_came_after(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path / "data")
    await store.append([posted("start")], 1)
    source, copy = sqlite3.connect(tmp_path / "data" / DATABASE), sqlite3.connect(tmp_path / "copy")
    source.backup(copy)
    source.close()
    copy.close()
    await store.append([posted("text-delta", id="x", delta="a")], 2)
    await store.close()
    for rest in (tmp_path / "data").glob(f"{DATABASE}-*"):
        rest.unlink()
    (tmp_path / "copy").replace(tmp_path / "data" / DATABASE)
    assert await _epoch(tmp_path / "data") != store.epoch


async def test_an_empty_or_moved_database_is_another_epoch(tmp_path: Path, posted: Make) -> None:
    first = await _three_more(tmp_path / "a", posted, 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / DATABASE).write_bytes((tmp_path / "a" / DATABASE).read_bytes())
    assert await _epoch(tmp_path / "b") != first
    (tmp_path / "a" / DATABASE).unlink()
    assert await _epoch(tmp_path / "a") != first


@pytest.mark.parametrize("note", [b"", b"\xff\x00", b"x" * 500, b"0123456789abcdef -1\n", b"0123456789abcdef"])
async def test_a_note_that_says_nothing_confirms_nothing(tmp_path: Path, note: bytes) -> None:
    first = await _epoch(tmp_path)
    (tmp_path / "witness").write_bytes(note.replace(b"0123456789abcdef", first.encode()))
    second = await _epoch(tmp_path)
    assert second != first
    assert await _epoch(tmp_path) == second


async def test_other_rules_are_another_epoch_and_fold_the_log_anew(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start"), posted("plan", text="p"), posted("build-completed")], 1)
    await store.close()
    assert _snapshots(tmp_path) == [3]
    monkeypatch.setattr(schema, "RULES", schema.RULES + 1)
    assert await _epoch(tmp_path) != store.epoch
    assert _snapshots(tmp_path) == []
    again = await SqliteStore.open(tmp_path)
    state = await again.state(KEY)
    assert state is not None
    assert (state.version, state.plan, state.status) == (3, "p", "completed")
    await again.close()


async def test_a_snapshot_that_fails_is_left_out_and_events_are_still_taken(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_: BuildState) -> bytes:
        raise OverflowError("no such number")

    monkeypatch.setattr(ledger, "pack_state", failing)
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start"), posted("build-completed")], 1)
    while not caplog.records:  # noqa: ASYNC110  the writer's own time
        await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENCE):
        assert (await store.append([posted("start", build="b2")], 2)).version == 1
        await store.close()
    assert "no snapshot of b: no such number" in caplog.text
    assert _snapshots(tmp_path) == []


class _Fragile:
    """The writing connection, whose next commit fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self.fails = db, True

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.fails:
            self.fails = False
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


async def test_a_commit_that_fails_leaves_nothing_behind(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    heard: list[Commit] = []
    store.on_commit(heard.extend)
    one = posted("text-delta", event_id="e1", id="x", delta="a", projectName="Shop")
    store._ledger._db = _Fragile(store._ledger._db)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="full"):
        await store.append([one], 1)
    assert await store.state(KEY) is None
    assert await store.projects() == ()
    assert heard == []
    assert (await store.append([one], 2)) == Accepted(1, 0, 1)
    assert [(project.id, project.name) for project in await store.projects()] == [("p", "Shop")]
    assert await store.state(KEY) == await folded(store)
    await store.close()


async def test_a_database_that_became_read_only_is_reported_and_recovered_from(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start")], 1)
    store._ledger._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.append([posted("plan", text="p")], 2)
    store._ledger._db.execute("PRAGMA query_only = OFF")
    assert (await store.append([posted("plan", text="p")], 3)).version == 2
    assert await store.state(KEY) == await folded(store)
    await store.close()


async def test_a_slug_is_found_without_looking_at_all_projects(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, has_slug = [0], SqliteTransaction.has_slug

    def counted(transaction: SqliteTransaction, text: str) -> bool:
        looks[0] += 1
        return has_slug(transaction, text)

    monkeypatch.setattr(SqliteTransaction, "has_slug", counted)
    store = await SqliteStore.open(tmp_path)
    named = [posted("start", project=f"p{number}", projectName="日本語") for number in range(300)]
    await store.append(named, 1)
    projects = await store.projects()
    await store.close()
    assert {project.slug for project in projects} == {"project", *(f"project-{number}" for number in range(2, 301))}
    assert looks[0] < 2 * 300 + 10


async def test_an_older_copy_of_the_directory_put_back_and_grown_on_is_another_epoch(
    tmp_path: Path, posted: Make
) -> None:
    """Also when what it grew by has the same times and the same number of entries."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    first = await _three_more(data, posted, 1)
    shutil.copytree(data, copy)
    assert await _three_more(data, posted, 2) == first
    shutil.rmtree(data)
    shutil.copytree(copy, data)
    restored = await _three_more(data, posted, 2)
    assert restored != first
    for file in copy.iterdir():
        shutil.copy(file, data)
    assert await _three_more(data, posted, 2) not in (first, restored)


async def test_without_a_state_folder_the_note_in_the_directory_is_believed(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "file" / "no folder"))
    first = await _three_more(tmp_path / "data", posted, 1)
    assert await _three_more(tmp_path / "data", posted, 2) == first


async def test_notes_of_other_logs_are_kept_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "state"))
    epochs = [await _epoch(tmp_path / f"{number}", StoreLimits(epochs=3)) for number in range(5)]
    assert {note.name for note in (tmp_path / "state" / "epochs").iterdir()} == {*epochs[2:]}


async def test_ids_of_a_database_of_before_are_repeats_whatever_they_said(tmp_path: Path, posted: Make) -> None:
    db = sqlite3.connect(tmp_path / DATABASE)
    db.executescript(f"{schema.MIGRATIONS[0]}; PRAGMA user_version = 1; INSERT INTO meta VALUES ('epoch', '0123');")
    db.execute("INSERT INTO meta VALUES ('rules', ?)", (str(schema.RULES),))
    db.execute("INSERT INTO projects VALUES ('p', 'p', 'p', 1)")
    db.execute("INSERT INTO builds (log, project_id, session_id, build_id, updated_at) VALUES (1, 'p', 's', 'b', 1)")
    db.execute("INSERT INTO event_ids VALUES (1, 'old')")
    db.commit()
    db.close()
    (tmp_path / "witness").write_text("0123 0\n")
    store = await SqliteStore.open(tmp_path)
    assert store.epoch == "0123"
    assert await store.append([posted("plan", event_id="old", text="p")], 1) == Accepted(0, 1, 0)
    assert await store.append([posted("plan", event_id="new", text="p")], 1) == Accepted(1, 0, 1)
    with pytest.raises(EventDiffers):
        await store.append([posted("plan", event_id="new", text="q")], 1)
    await store.close()


async def test_a_server_that_is_killed_leaves_a_note_outside_as_soon_as_anything_was_acknowledged(
    tmp_path: Path, posted: Make
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    first = await _three_more(data, posted, 1)
    shutil.copytree(data, copy)
    killed = await SqliteStore.open(data)
    await killed.append([posted("plan", text="p")], 2)
    shutil.rmtree(data)
    killed._handles.lock.release()
    shutil.copytree(copy, data)
    assert await _three_more(data, posted, 2) != first
    await killed.close()


def test_builds_that_go_on_are_found_without_a_look_at_those_that_have_ended(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        migrate(db)
        plans: list[str] = []
        db.set_trace_callback(plans.append)
        read_page(db, BuildFilter(active=True), 10)
        db.set_trace_callback(None)
        steps = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {plans[0]}")]
    assert "SCAN b USING INDEX builds_active" in steps
