"""Files of schemas before the present one are checked, pruned and moved as the present ones are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sentryvibe_tui.store.contract import Expiry
from sentryvibe_tui.store.copying import copy_to_postgres
from sentryvibe_tui.store.opening import open_store, parse_store
from sentryvibe_tui.store.readonly import DATABASE, OLDEST, SCHEMA
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.store.sqlite.maintenance import faults, prunable, prune_folder, vacuum
from sentryvibe_tui.wire.envelope import EventEnvelope

from ..services import drop_schemas, need_postgres, new_schema, with_schema

_INDEXES = {4: ("builds_active",), 3: ("builds_active", "builds_at")}
"""What came after each of the schemas that are read."""


@pytest.fixture(params=range(OLDEST, SCHEMA))
async def folder(request: pytest.FixtureRequest, tmp_path: Path, posted: Callable[..., EventEnvelope]) -> Path:
    """Three builds that ended, as a program of that schema leaves them."""
    store = await SqliteStore.open(tmp_path)
    for at, build in enumerate("abc"):
        await store.append([posted("start", build=build, at=at), posted("build-completed", build=build, at=at)], at)
    await store.close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        drops = "".join(f"DROP INDEX {index};" for index in _INDEXES[request.param])
        db.executescript(f"{drops} PRAGMA user_version = {request.param}")
    return tmp_path


async def test_they_are_checked_and_pruned(folder: Path) -> None:
    assert faults(folder) == ()
    expiry = Expiry(1_000, 2)
    assert [build.key.build_id for build in prunable(folder, expiry, 9)] == ["a"]
    assert prune_folder(folder, expiry).builds == 1
    vacuum(folder)
    assert faults(folder) == ()
    store = await SqliteStore.open(folder)
    assert [build.build_id for build in await store.builds("p", 9)] == ["c", "b"]
    await store.close()


@pytest.fixture
def target() -> Iterator[str]:
    need_postgres()
    schema = new_schema()
    yield with_schema(schema)
    drop_schemas(schema)


async def test_they_are_moved(folder: Path, target: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    copied = await copy_to_postgres(folder, parse_store(target), lambda *_: None)
    assert (copied.builds, copied.entries) == (3, 6)
    store = await open_store(target, tmp_path_factory.mktemp("server"))
    assert [build.build_id for build in await store.builds("p", 9)] == ["c", "b", "a"]
    await store.close()
