from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.store import ledger, schema
from sentryvibe_tui.store.contract import Accepted, BuildKey, Commit, EventDiffers, StoreBroken, StoreUnavailable
from sentryvibe_tui.store.ledger import Ledger
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.state import encode_state

KEY = BuildKey("p", "s", "b")
Make = Callable[..., EventEnvelope]


async def folded(store: SqliteStore, key: BuildKey = KEY) -> BuildState:
    state = BuildState()
    for logged in await store.read(key, 0, 1_000_000):
        assert logged.version == state.version + 1
        state = apply(state, logged.entry())
    return state


async def test_an_append_is_answered_with_the_head_and_the_state_is_the_fold_of_the_log(
    tmp_path: Path, posted: Make
) -> None:
    store = await SqliteStore.open(tmp_path)
    answer = await store.append([posted("start"), posted("text-delta", id="x", delta="hello")], 5)
    assert (answer.accepted, answer.duplicates, answer.version) == (2, 0, 2)
    state = await store.state(KEY)
    assert state is not None
    assert state == await folded(store)
    assert state.started_at == 5
    await store.close()


async def test_everything_is_there_after_a_restart(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start"), posted("tool-call", toolCallId="t", toolName="Read", input={"a": 1})], 5)
    before, epoch = await store.state(KEY), store.epoch
    await store.close()
    again = await SqliteStore.open(tmp_path)
    assert again.epoch == epoch
    assert await again.state(KEY) == before
    assert await again.active_builds() == (KEY,)
    answer = await again.append([posted("build-completed")], 6)
    assert answer.version == 3
    assert await again.active_builds() == ()
    await again.close()


async def test_a_repeated_event_id_changes_nothing_in_any_order(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    one = posted("text-delta", event_id="e1", id="x", delta="a")
    answer = await store.append([one, one], 1)
    assert (answer.accepted, answer.duplicates, answer.version) == (1, 1, 1)
    assert (await store.append([one], 2)).duplicates == 1
    await store.close()
    store = await SqliteStore.open(tmp_path)
    assert (await store.append([one], 3)).duplicates == 1
    other_build = posted("text-delta", event_id="e1", build="b2", id="x", delta="a")
    assert (await store.append([other_build], 4)).duplicates == 0
    state = await store.state(KEY)
    assert state is not None
    assert [note.text for note in state.notes()] == ["a"]
    await store.close()


async def test_an_event_that_changes_nothing_gets_no_version_but_is_remembered(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    nothing = posted("finish", event_id="f")
    assert (await store.append([nothing], 1)).version == 0
    assert (await store.append([nothing], 1)).duplicates == 1
    assert await store.state(KEY) is None
    assert await store.builds("p", 5) == ()
    await store.close()


async def test_appends_that_wait_together_are_committed_together_and_in_order(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    heard: list[Commit] = []
    answered: list[int] = []
    store.on_commit(heard.extend)

    async def one(number: int) -> None:
        answer = await store.append([posted("text-delta", id="x", delta=f"{number},")], 1)
        answered.append(answer.version)

    await asyncio.gather(*(one(number) for number in range(200)))
    assert sorted(answered) == list(range(1, 201))
    state = await store.state(KEY)
    assert state is not None
    assert next(state.notes()).text == "".join(f"{number}," for number in range(200))
    assert [entry.version for commit in heard for entry in commit.entries] == list(range(1, 201))
    assert len(heard) < 200
    await store.close()


async def test_snapshot_and_tail_are_the_fold_of_the_log(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SNAPSHOT_EVERY", 10)
    store = await SqliteStore.open(tmp_path)
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


async def test_large_values_travel_clipped_and_are_kept_whole(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    big = {"file_path": "/a", "content": "x" * 20_000}
    await store.append([posted("tool-call", toolCallId="t", toolName="Write", input=big)], 1)
    await store.append([posted("tool-result", toolCallId="t", output="ok")], 2)
    (first, _) = await store.read(KEY, 0, 10)
    assert len(first.updates) < 6000
    found = await store.find_tool("s", "t")
    assert found is not None
    assert found.input is not None
    assert len(bytes(found.input)) > 20_000
    assert bytes(found.output or b"") == b'"ok"'
    assert await store.find_tool("s", "nope") is None
    assert await store.find_tool("s", "t", "other build") is None
    await store.close()


async def test_projects_are_named_once_a_name_is_said_and_slugs_do_not_clash(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start", project="id-1")], 1)
    await store.append([posted("start", project="id-1", projectName="My Shop!")], 2)
    await store.append([posted("start", project="id-2", projectName="my shop")], 3)
    await store.append([posted("start", project="id-1", projectName="Other")], 4)
    known = {project.id: (project.name, project.slug) for project in await store.projects()}
    assert known == {"id-1": ("My Shop!", "my-shop"), "id-2": ("my shop", "my-shop-2")}
    assert [project.id for project in await store.projects()] == ["id-2", "id-1"]
    await store.close()


async def test_builds_are_listed_newest_first_and_found_by_what_is_known(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    for number in range(4):
        await store.append([posted("start", build=f"b{number}", session=f"s{number % 2}")], number)
    assert [row.build_id for row in await store.builds("p", 3)] == ["b3", "b2", "b1"]
    newest, in_session = await store.find_build("p"), await store.find_build("p", "s0")
    assert newest is not None
    assert in_session is not None
    assert (newest.key.build_id, in_session.key.build_id) == ("b3", "b2")
    assert await store.find_build("p", "s0", "b1") is None
    await store.close()


async def test_the_build_that_is_meant_does_not_depend_on_the_order_of_arrival(tmp_path: Path, posted: Make) -> None:
    builds = {
        "waits": [("start", 50), ("needs-input", 60)],
        "failed": [("start", 40), ("build-failed", 90)],
        "spring": [("start", 1), ("build-completed", 5)],
    }
    for number, order in enumerate(permutations(builds)):
        store = await SqliteStore.open(tmp_path / str(number))
        for build in order:
            events = [posted(kind, build=build, session=build, at=at, message="which?") for kind, at in builds[build]]
            await store.append(events, 1_000)
        assert [row.build_id for row in await store.builds("p", 9)] == ["waits", "failed", "spring"]
        meant = await store.find_build("p")
        assert meant is not None
        assert (meant.key.build_id, meant.at) == ("waits", 60)
        await store.close()


async def test_builds_of_a_database_without_the_time_have_one(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start", build="new", at=50), posted("build-completed", build="new", at=60)], 1_000)
    await store.append([posted("start", build="old", at=5), posted("build-completed", build="old", at=6)], 1_001)
    await store.close()
    db = sqlite3.connect(tmp_path / DATABASE)
    db.executescript("DROP INDEX builds_meant; ALTER TABLE builds DROP COLUMN at; PRAGMA user_version = 2;")
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


async def test_a_locked_database_is_reported_and_recovered_from(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentryvibe_tui.store.sqlite._BUSY", 0.01)
    store = await SqliteStore.open(tmp_path)
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.append([posted("start")], 1)
    other.execute("ROLLBACK")
    other.close()
    assert (await store.append([posted("start")], 1)).version == 1
    await store.close()


async def test_one_event_that_cannot_be_kept_fails_alone(
    tmp_path: Path, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path)
    real = ledger.reduce

    def fragile(state: object, event: object, *rest: object) -> object:
        if getattr(event, "text", "") == "poison":
            raise ValueError("poison")
        return real(state, event, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "reduce", fragile)
    texts = ["a", "poison", "b"]
    answers = await asyncio.gather(
        *(store.append([posted("text-delta", id="x", delta=text)], 1) for text in texts), return_exceptions=True
    )
    assert isinstance(answers[1], ValueError)
    assert not isinstance(answers[0], Exception)
    assert not isinstance(answers[2], Exception)
    state = await store.state(KEY)
    assert state is not None
    assert next(state.notes()).text == "ab"
    assert state == await folded(store)
    await store.close()


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["tool-call", "tool-result", "text-delta", "start", "build-completed", "todos"]),
        st.integers(0, 3),
        st.sampled_from(["b1", "b2"]),
        st.sampled_from(["", "e1", "e2", "e3"]),
    ),
    max_size=30,
)
_FIELDS: dict[str, Callable[[int], dict[str, object]]] = {
    "tool-call": lambda n: {"toolCallId": f"t{n}", "toolName": "Read", "input": {"n": n}},
    "tool-result": lambda n: {"toolCallId": f"t{n}", "output": n},
    "text-delta": lambda n: {"id": f"x{n}", "delta": "hi "},
    "todos": lambda n: {"todos": [{"content": f"c{i}", "status": "pending"} for i in range(n)]},
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS)
async def test_whatever_comes_the_state_after_a_restart_is_the_fold_of_the_log(
    tmp_path_factory: pytest.TempPathFactory, posted: Make, events: list[tuple[str, int, str, str]]
) -> None:
    directory = tmp_path_factory.mktemp("store")
    store = await SqliteStore.open(directory)
    for kind, number, build, event_id in events:
        fields = _FIELDS.get(kind, lambda _: {})(number)
        with suppress(EventDiffers):
            await store.append([posted(kind, build=build, event_id=event_id, **fields)], 1000 + number)
    live = {build: await store.state(BuildKey("p", "s", build)) for build in ("b1", "b2")}
    await store.close()
    store = await SqliteStore.open(directory)
    for build, state in live.items():
        key = BuildKey("p", "s", build)
        assert await store.state(key) == state
        assert (await folded(store, key)) == (state or BuildState())
    await store.close()


async def _three_more(directory: Path, posted: Make, at: int) -> str:
    store = await SqliteStore.open(directory)
    await store.append([posted("text-delta", id="x", delta=f"{at}-{number} ") for number in range(3)], at)
    await store.close()
    return store.epoch


async def _epoch(directory: Path) -> str:
    store = await SqliteStore.open(directory)
    await store.close()
    return store.epoch


async def test_an_older_copy_put_in_place_is_another_epoch(tmp_path: Path, posted: Make) -> None:
    first = await _three_more(tmp_path, posted, 1)
    backup = (tmp_path / DATABASE).read_bytes()
    assert await _three_more(tmp_path, posted, 2) == first
    (tmp_path / DATABASE).write_bytes(backup)
    restored = await _epoch(tmp_path)
    assert restored != first
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
    async with asyncio.timeout(5):
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
    looks, has_slug = [0], Ledger._has_slug

    def counted(ledger: Ledger, text: str) -> bool:
        looks[0] += 1
        return has_slug(ledger, text)

    monkeypatch.setattr(Ledger, "_has_slug", counted)
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
    monkeypatch.setattr("sentryvibe_tui.store.high_water._KEPT", 3)
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "state"))
    epochs = [await _epoch(tmp_path / f"{number}") for number in range(5)]
    assert {note.name for note in (tmp_path / "state" / "epochs").iterdir()} == {*epochs[2:]}


async def test_another_event_of_the_same_id_is_refused_and_named(tmp_path: Path, posted: Make) -> None:
    store = await SqliteStore.open(tmp_path)
    one = posted("text-delta", event_id="e1", id="x", delta="a")
    others = (
        posted("text-delta", event_id="e1", id="x", delta="b"),
        posted("text", event_id="e1", id="x", text="a"),
        posted("plan", event_id="e1", text="a"),
    )
    assert (await store.append([one], 1)).accepted == 1
    for _ in range(2):
        for other in others:
            with pytest.raises(EventDiffers, match="'e1' came before with another body"):
                await store.append([posted("plan", text="p"), other], 2)
        assert await store.append([one], 2) == Accepted(0, 1, 1)
        await store.close()
        store = await SqliteStore.open(tmp_path)
    answers = await asyncio.gather(
        *(store.append([event], 3) for event in (posted("plan", text="q"), others[0])), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Accepted, EventDiffers]
    await store.close()


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
    killed._opened.lock.release()
    shutil.copytree(copy, data)
    assert await _three_more(data, posted, 2) != first
    await killed.close()
