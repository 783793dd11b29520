"""What only a store over a database can meet: other servers at the same builds, and connections that end.

PostgreSQL's traps, and what keeps us out of each:

- A lock read in one statement with what it guards tells what was before: `two_servers_write_one_build`. Of advisory
  locks there is one, alone in its statement (`schema.lock`), of a transaction: a pooler keeps a session's.
- REPEATABLE READ, `jit`, time-outs: `every_connection_has_the_settings` in tests/faults/test_databases.py. There, too:
  poolers, which swallow LISTEN and mix up prepared statements; an older copy put back, which PostgreSQL does not tell.
- Locks in another order: `groups_that_name_builds_in_another_order`.
- Plans of tails: `plans_of_tails_read_no_table_whole`.
- U+0000 in ids is refused at the border (tests/wire/test_ids.py), else it fails alone: `one_bad_append_of_a_group`;
  what an agent says is bytes: `what_an_agent_says_may_have_any_letter` in test_contract.py.
- Three long ids in an index: `ids_and_names_of_any_length`.
- Numbers of builds have holes. No test: nothing counts by them, and lists are in the order of time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentryvibe_tui.errors import StoreBroken, StoreUnavailable
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.store.appending import LITTLE_BYTES, LITTLE_EVENTS
from sentryvibe_tui.store.contract import Accepted, BuildDamaged, BuildFilter, BuildKey, Commit, Expiry
from sentryvibe_tui.store.postgres.address import parse_postgres
from sentryvibe_tui.wire.envelope import EventEnvelope

from ..services import POSTGRES, drop_schemas, need_postgres, new_schema, with_schema

Make = Callable[..., EventEnvelope]
KEY = BuildKey("p", "s", "b")


class Database:
    """One schema, in which stores are opened each with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.schema = new_schema()
        self._folder = folder
        self.stores: list[Any] = []

    async def open(self, name: str = "") -> Any:
        from sentryvibe_tui.store.postgres.store import open_postgres

        folder = self._folder / (name or f"server{len(self.stores)}")
        self.stores.append(await open_postgres(parse_postgres(with_schema(self.schema)), folder))
        return self.stores[-1]

    async def ask(self, query: str, *arguments: object) -> Any:
        import asyncpg

        db = await asyncpg.connect(POSTGRES, server_settings={"search_path": self.schema})
        try:
            return await db.fetchval(query, *arguments)
        finally:
            await db.close()

    async def kill_backends(self) -> int:
        """Those of this schema's servers, wherever they are in a transaction."""
        return await self.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            f" WHERE application_name = 'sentryvibe-tui {self.schema}' AND datname = current_database()"
            " AND pid IN (SELECT pid FROM pg_locks WHERE relation::regclass::text LIKE 'builds%')"
        )


@pytest.fixture
def _schemas() -> Iterator[list[str]]:
    need_postgres()
    schemas: list[str] = []
    yield schemas
    drop_schemas(*schemas)


@pytest.fixture
async def database(tmp_path: Path, _schemas: list[str]) -> AsyncIterator[Database]:
    database = Database(tmp_path)
    _schemas.append(database.schema)
    yield database
    for store in database.stores:
        with contextlib.suppress(OSError):
            await store.close()


async def folded(store: Any, key: BuildKey = KEY) -> BuildState:
    state = BuildState()
    for logged in await store.read(key, 0, 1_000_000):
        assert logged.version == state.version + 1
        state = apply(state, logged.entry())
    return state


def text(posted: Make, words: str, event_id: str = "", **whose: str) -> EventEnvelope:
    return posted("text-delta", id="x", delta=words, event_id=event_id, **whose)


async def test_two_servers_write_one_build_without_a_hole(database: Database, posted: Make) -> None:
    stores = [await database.open(), await database.open()]
    heard: dict[int, list[Commit]] = {0: [], 1: []}
    for number, store in enumerate(stores):
        store.on_commit(heard[number].extend)

    async def write(number: int) -> None:
        for count in range(40):
            answer = await stores[number].append([text(posted, f"{number}-{count} ")], 1)
            assert answer.accepted == 1

    await asyncio.gather(write(0), write(1), write(0), write(1))
    state = await folded(stores[0])
    assert state.version == 160
    assert await stores[0].state(KEY) == await stores[1].state(KEY) == state
    for commits in heard.values():
        versions = [entry.version for commit in commits for entry in commit.entries]
        assert versions == sorted(set(versions)), "each hears what the other wrote before, in order"
    figures = [await store.figures() for store in stores]
    assert sum(sum(one.commits.values()) for one in figures) <= 160
    assert all(one.foreign and one.commits["locked"] for one in figures)


async def test_an_id_that_another_server_took_is_a_repeat(database: Database, posted: Make) -> None:
    one, other = await database.open(), await database.open()
    assert await one.append([text(posted, "a", "e1")], 1) == Accepted(1, 0, 1)
    assert await other.append([text(posted, "a", "e1"), text(posted, "b", "e2")], 1) == Accepted(1, 1, 2)
    assert await one.append([text(posted, "b", "e2")], 1) == Accepted(0, 1, 2)
    assert await one.state(KEY) == await folded(other)


async def test_projects_of_one_name_get_slugs_of_their_own_whoever_makes_them(database: Database, posted: Make) -> None:
    stores = [await database.open(), await database.open()]
    await asyncio.gather(
        *(
            stores[number % 2].append([posted("start", project=f"p{number}", projectName="Shop")], 1)
            for number in range(12)
        )
    )
    slugs = {project.slug for project in await stores[0].projects()}
    assert len(slugs) == 12
    assert all(slug.startswith("shop") for slug in slugs)


async def test_servers_that_start_at_once_make_the_tables_once(database: Database, posted: Make) -> None:
    stores = await asyncio.gather(*(database.open(f"{number}") for number in range(4)))
    assert len({store.epoch for store in stores}) == 1
    await asyncio.gather(*(store.append([text(posted, "a")], 1) for store in stores))
    assert (await folded(stores[0])).version == 4


async def test_killed_backends_lose_and_double_nothing(database: Database, posted: Make) -> None:
    stores = [await database.open(), await database.open()]
    over, answered = asyncio.Event(), [0]

    async def kill() -> int:
        kills, chance, seen = 0, random.Random(7), 0
        while not over.is_set():
            await asyncio.sleep(chance.uniform(0.01, 0.06))
            if answered[0] > seen:  # a busy machine gets time to come back
                seen = answered[0]
                kills += await database.kill_backends()
        return kills

    async def write(number: int) -> None:
        for count in range(60):
            build = f"b{number % 3}"
            while True:
                with contextlib.suppress(StoreUnavailable):  # unlucky for two seconds: nothing was kept
                    await stores[number % 2].append([text(posted, f"<{number}-{count}>", build=build)], 1)
                    break
            answered[0] += 1

    killing = asyncio.create_task(kill())
    await asyncio.gather(*map(write, range(6)))
    over.set()
    assert await killing > 0
    for build in range(3):
        key = BuildKey("p", "s", f"b{build}")
        state = await folded(stores[0], key)
        words = next(state.notes()).text
        for number in (build, build + 3):
            places = [words.find(f"<{number}-{count}>") for count in range(60)]
            assert places == sorted(places)
            assert places[0] >= 0
        assert words.count("<") == 120, "without ids, only what became of each group tells what to repeat"
        assert await stores[0].state(key) == await stores[1].state(key) == state


async def test_a_group_whose_answer_was_lost_is_asked_for(database: Database, posted: Make) -> None:
    store = await database.open()
    await store.append([text(posted, "a")], 1)
    writer = store._writer
    call, lost = writer._call, [True]

    async def losing(*arguments: Any) -> bool:
        answer = await call(*arguments)
        if lost.pop() if lost else False:
            raise ConnectionResetError("the link was cut")
        return answer

    writer._call = losing
    assert await store.append([text(posted, "b")], 1) == Accepted(1, 0, 2)
    assert lost == []
    assert next((await folded(store)).notes()).text == "ab"
    assert (await store.figures()).settled == {"committed": 1, "aborted": 0}


async def test_a_database_that_was_set_back_is_another_epoch(database: Database, posted: Make) -> None:
    store = await database.open()
    await store.append([text(posted, "a")], 1)
    first = store.epoch
    await store.append([text(posted, "b")], 1)
    await database.ask("DELETE FROM entries WHERE version = 2")
    await database.ask("UPDATE builds SET version = 1")
    assert await store.append([text(posted, "c")], 1) == Accepted(1, 0, 2)
    assert store.epoch != first
    assert next((await folded(store)).notes()).text == "ac"
    assert await database.ask("SELECT value FROM meta WHERE key = 'epoch'") == store.epoch


async def test_a_server_that_starts_notices_that_its_groups_are_gone(
    database: Database, posted: Make, caplog: pytest.LogCaptureFixture
) -> None:
    store = await database.open("one")
    await store.append([text(posted, "a")], 1)
    await store.close()
    again = await database.open("one")
    assert (again.epoch, again.id) == (store.epoch, store.id)
    await again.close()
    assert caplog.messages == []
    await database.ask("UPDATE writers SET last = 0")
    restored = await database.open("one")
    assert restored.epoch != store.epoch
    assert caplog.messages == ["a new epoch begins: the database was set back"]


@pytest.mark.parametrize("key", ["system", "timeline"])
async def test_another_cluster_or_a_promoted_one_is_another_epoch(database: Database, key: str) -> None:
    store = await database.open()
    await store.close()
    await database.ask("UPDATE meta SET value = '0' WHERE key = $1", key)
    assert (await database.open()).epoch != store.epoch


async def test_servers_of_other_rules_are_not_joined(database: Database, posted: Make) -> None:
    store = await database.open()
    await store.append([posted("start"), posted("build-completed")], 1)
    await store.close()
    await database.ask("UPDATE meta SET value = '0' WHERE key = 'rules'")
    await database.ask("UPDATE writers SET rules = 0, seen_at = now()")
    with pytest.raises(StoreBroken, match="1 servers of another version"):
        await database.open()
    await database.ask("UPDATE writers SET seen_at = now() - interval '1 minute'")
    assert (await database.open()).epoch != store.epoch
    assert await database.ask("SELECT count(*) FROM snapshots") == 0


async def test_a_schema_from_the_future_is_refused(database: Database) -> None:
    await (await database.open()).close()
    await database.ask("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(StoreBroken, match="upgrade"):
        await database.open()


async def test_a_damaged_build_fails_alone_and_can_be_deleted(database: Database, posted: Make) -> None:
    store = await database.open()
    for build in ("bad", "good"):
        await store.append([text(posted, f"{number}", build=build) for number in range(3)], 1)
    await store.close()
    await database.ask("DELETE FROM entries WHERE version = 2 AND log = 1")
    store = await database.open()
    answers = await asyncio.gather(
        *(store.append([text(posted, "more", build=build)], 2) for build in ("bad", "good")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [BuildDamaged, Accepted]
    bad = BuildKey("p", "s", "bad")
    with pytest.raises(BuildDamaged):
        await store.state(bad)
    assert {row.build_id: bool(row.damaged) for row in await store.builds("p", 9)} == {"good": False, "bad": True}
    assert await store.discard(bad)
    assert not await store.discard(bad)
    assert await store.append([text(posted, "anew", build="bad")], 3) == Accepted(1, 0, 1)


async def test_a_build_that_another_server_deleted_begins_anew(database: Database, posted: Make) -> None:
    one, other = await database.open(), await database.open()
    await one.append([text(posted, "a")], 1)
    await database.ask("UPDATE builds SET status = 'damaged'")
    assert await other.discard(KEY)
    assert await one.append([text(posted, "b")], 1) == Accepted(1, 0, 1)


async def test_a_project_that_another_server_deleted_is_made_anew_with_its_next_build(
    database: Database, posted: Make
) -> None:
    one, other = await database.open(), await database.open()
    assert await one.deletions() == ()
    await one.append([posted("start", projectName="Shop"), posted("build-completed")], 1)
    assert await other.delete(KEY)
    assert await one.deletions() == (KEY,)
    assert await one.deletions() == await other.deletions() == ()
    assert await one.projects() == ()
    await other.append([posted("start", projectName="Shop"), posted("build-completed")], 1)
    assert await one.delete(KEY)
    await other.append([text(posted, "x", build="next")], 2)
    assert [(project.id, project.name) for project in await one.projects()] == [("p", "p")]
    page = await one.all_builds(BuildFilter(), 9)
    assert [build.build_id for build in page.builds] == ["next"]


async def test_what_takes_long_to_decide_is_decided_beside_the_loop(database: Database, posted: Make) -> None:
    store = await database.open()
    draft, threads = store._writer._rules.draft, list[bool]()

    def drafted(*group: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return draft(*group)

    store._writer._rules.draft = drafted
    await store.append([text(posted, "a")], 1)
    await store.append([text(posted, "b")] * (LITTLE_EVENTS + 1), 1)
    await store.append([text(posted, "c" * LITTLE_BYTES)], 1)
    assert threads == [True, False, False]
    assert (await folded(store)).version == LITTLE_EVENTS + 3


async def test_one_bad_append_of_a_group_fails_alone(database: Database, posted: Make) -> None:
    """What the border refuses, and would be refused by the database, too."""
    store = await database.open()
    await store.append([text(posted, "a")], 1)
    bad = msgspec.structs.replace(text(posted, "b"), event_id="x\0y")
    answers = await asyncio.gather(
        *(store.append([event], 1) for event in (text(posted, "c"), bad, text(posted, "d"))), return_exceptions=True
    )
    assert [type(answer) is Accepted for answer in answers] == [True, False, True]
    assert next((await folded(store)).notes()).text == "acd"


async def test_groups_that_name_builds_in_another_order_wait_for_one_another(database: Database, posted: Make) -> None:
    stores = [await database.open(), await database.open()]
    builds = [f"b{number}" for number in range(6)]

    async def write(number: int) -> None:
        for count in range(15):
            events = [text(posted, f"{number}-{count} ", build=build) for build in builds]
            answer = await stores[number].append(events if number else events[::-1], 1)
            assert answer.accepted == len(builds)

    async with asyncio.timeout(60):
        await asyncio.gather(write(0), write(1))
    for build in builds:
        assert (await folded(stores[0], BuildKey("p", "s", build))).version == 30


async def test_a_server_whose_rules_were_replaced_takes_nothing_more(database: Database, posted: Make) -> None:
    store = await database.open()
    await store.append([text(posted, "a")], 1)
    await database.ask("UPDATE meta SET value = '0' WHERE key = 'rules'")
    await store.sign_of_life()
    with pytest.raises(StoreUnavailable, match="servers of another version have taken the database over"):
        store.append([text(posted, "b")], 1)


async def test_ids_and_names_of_any_length_and_letters_are_kept(database: Database, posted: Make) -> None:
    store = await database.open()
    key = BuildKey("項" * 512, "目" * 512, "建" * 512)
    whose = {"project": key.project_id, "session": key.session_id, "build": key.build_id}
    await store.append([posted("start", event_id="識" * 512, projectName="a\0b", **whose)], 1)
    found = await store.find_build(key.project_id)
    assert found is not None
    assert found.key == key
    assert [project.name for project in await store.projects()] == ["a\ufffdb"]


async def test_a_row_lock_that_nobody_gives_back_is_said_and_got_over(database: Database, posted: Make) -> None:
    import asyncpg

    store = await database.open()
    await store.append([text(posted, "a")], 1)
    other = await asyncpg.connect(POSTGRES, server_settings={"search_path": database.schema})
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE builds SET version = version")
    with pytest.raises(StoreUnavailable, match="another server holds"):
        await store.append([text(posted, "b")], 1)
    await transaction.rollback()
    await other.close()
    assert await store.append([text(posted, "b")], 1) == Accepted(1, 0, 2)


async def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg")
    from sentryvibe_tui.store.opening import open_store

    address = parse_postgres("postgresql://me:secret@127.0.0.1:9/none?schema=mine")
    assert (address.schema, address.shown) == ("mine", "postgresql://me@127.0.0.1:9/none (schema mine)")
    with pytest.raises(StoreUnavailable, match="cannot be reached") as failed:
        await open_store("postgresql://me:secret@127.0.0.1:9/none", tmp_path)
    assert "secret" not in str(failed.value)
    for wrong in ("mysql://x", "postgresql://h/d?schema=Bad-Name"):
        with pytest.raises(StoreBroken):
            await open_store(wrong, tmp_path)


async def test_plans_of_tails_read_no_table_whole(database: Database, posted: Make) -> None:
    """With statistics of many entries, and after the plan has become a generic one."""
    store = await database.open()
    await store.append([text(posted, f"{number}") for number in range(300)], 1)
    await database.ask(
        "INSERT INTO entries SELECT 1000 + n, v, 'x' FROM generate_series(1, 400) n, generate_series(1, 100) v"
    )
    await database.ask("ANALYZE entries")
    before = await database.ask("SELECT seq_scan FROM pg_stat_user_tables WHERE relid = 'entries'::regclass")
    for _ in range(8):
        (commit,) = await store.tails({KEY: 290}, 1000)
        assert [entry.version for entry in commit.entries] == list(range(291, 301))
    await store.close()
    assert await database.ask("SELECT seq_scan FROM pg_stat_user_tables WHERE relid = 'entries'::regclass") == before


async def test_a_project_keeps_its_name_when_another_one_is_deleted_under_a_group(
    database: Database, posted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion may come while the database is asked for the names of projects that are new here."""
    from sentryvibe_tui.store.postgres import queries

    store = await database.open()
    await store.append([text(posted, "x", project="a", projectName="Shop")], 1)
    read_names = queries.read_names

    async def interrupted(*arguments: Any) -> Any:
        names = await read_names(*arguments)
        store._writer.deleted(BuildKey("z", "s", "b"))
        return names

    monkeypatch.setattr(queries, "read_names", interrupted)
    await store.append([text(posted, "y", project="new"), text(posted, "y", project="a")], 1)
    assert [(one.name, one.slug) for one in await store.projects() if one.id == "a"] == [("Shop", "shop")]


async def test_a_build_is_deleted_in_pieces_and_what_a_killed_server_left_goes_with_the_next_round(
    database: Database, posted: Make
) -> None:
    import asyncpg

    from sentryvibe_tui.store.postgres import queries

    one, other = await database.open(), await database.open()
    words = [text(posted, "word", event_id=f"e{number}") for number in range(2_500)]
    await one.append([*words, posted("build-completed")], 1)
    await one.append([text(posted, "stays", build="next")], 2)
    db = await asyncpg.connect(POSTGRES, server_settings={"search_path": database.schema})
    count = "SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM event_ids)"
    left = [await db.fetchval(count)]
    assert await queries.bury_ended(db, KEY, one.id)
    assert await one.state(KEY) is await other.find_build("p", "s", "b") is None
    assert await other.append([text(posted, "anew", event_id="e1")], 3) == Accepted(1, 0, 1)
    left.append(await db.fetchval(count) - 2)
    assert left[1] == left[0], "the row goes first"
    assert await queries.sweep_buried(db)
    left.append(await db.fetchval(count) - 2)
    assert left[1] - 1_000 <= left[2] < left[1]
    await db.close()  # killed here
    assert await other.expired(Expiry(0), 9) == ()
    await other._sweeper.task
    assert await database.ask(count) == 3
    assert await database.ask("SELECT count(*) FROM buried") == 0
    assert (await folded(other)).version == (await folded(other, BuildKey("p", "s", "next"))).version == 1


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Snapshots are packed once it is set."""
    from sentryvibe_tui.store.postgres import store

    go, usual = threading.Event(), store.pack_state

    def pack_state(state: BuildState) -> bytes:
        assert go.wait(30)
        return usual(state)

    monkeypatch.setattr(store, "pack_state", pack_state)
    yield go
    go.set()


async def test_a_build_has_one_snapshot_at_a_time_and_one_of_its_end(
    database: Database, posted: Make, packing: threading.Event
) -> None:
    store = await database.open()
    await store.append([text(posted, f"{number}", f"e{number}") for number in range(1000)], 1)
    await store.append([text(posted, "more")], 1)
    await store.append([posted("build-completed")], 1)
    assert not store._writer.live.wants_snapshot
    packing.set()
    await store._upkeep
    assert store._writer.live[KEY].snapshot == 1002
    assert await database.ask("SELECT version FROM snapshots") == 1002
    assert store._writer.live.snapshots == 2


async def test_a_snapshot_of_a_build_that_was_deleted_meanwhile_is_not_kept(
    database: Database, posted: Make, packing: threading.Event
) -> None:
    store = await database.open()
    await store.append([posted("start"), posted("build-completed")], 1)
    upkeep = store._upkeep
    assert await store.delete(KEY)
    await store._sweeper.task
    await store.append([posted("start")], 1)
    packing.set()
    await upkeep
    assert await database.ask("SELECT count(*) FROM snapshots") == 0
    assert (await store.state(KEY)).version == 1


async def test_a_build_that_was_set_back_gets_no_snapshot_of_what_it_has_no_more(
    database: Database, posted: Make
) -> None:
    from sentryvibe_tui.store.postgres import queries

    store = await database.open()
    await store.append([text(posted, f"{number}", f"e{number}") for number in range(3)], 1)
    number = store._writer.live[KEY].number
    await store._read(lambda db: queries.put_snapshot(db, number, 4, b"of another history"))
    assert await database.ask("SELECT count(*) FROM snapshots") == 0
