"""The data directory read without a server, and beside one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.client.catalogue import StoredBuilds
from sentryvibe_tui.errors import StoreBroken, StoreUnavailable
from sentryvibe_tui.model.totals import Figures
from sentryvibe_tui.store.contract import BuildFilter, BuildKey
from sentryvibe_tui.store.kept import KeptBuilds
from sentryvibe_tui.store.opening import kept_store
from sentryvibe_tui.store.postgres.connection import connect_to_read
from sentryvibe_tui.store.readonly import DATABASE, OLDEST, SCHEMA, Unreadable, open_readonly, recent_figures
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.store.sqlite.schema import MIGRATIONS

from ..services import need_postgres, new_schema, with_schema


def test_the_schema_that_is_read_is_the_present_one() -> None:
    assert len(MIGRATIONS) == SCHEMA


async def test_builds_are_read_beside_a_server_and_after_it(tmp_path: Path, posted: Any) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append(
        [posted("start", at=5), posted("tool-input-available", toolCallId="t", toolName="Bash", at=6)], 7
    )
    kept = KeptBuilds(tmp_path)
    key = await kept.newest("p")
    assert key == BuildKey("p", "s", "b")
    assert await kept.state(key) == await store.state(key)
    await store.close()
    (build,) = (await kept.builds(BuildFilter(), 10)).builds
    assert (build.key, build.tools, build.project_name) == (key, 1, "p")
    assert [project.id for project, _ in await kept.projects(1)] == ["p"]
    tool = await kept.tool(key, "t")
    assert tool is not None
    assert tool.name == "Bash"
    db = open_readonly(tmp_path)
    assert db is not None
    assert Figures(*recent_figures(db, 0, 0)[0])[:2] == ("active", "working")
    assert recent_figures(db, 0, 100) == []
    with pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM builds")
    db.close()


async def test_a_folder_that_no_server_brought_up_to_date_yet_is_read(tmp_path: Path, posted: Any) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append([posted("start", at=5), posted("text-delta", id="t", delta="words", at=6)], 7)
    await store.close()
    db = sqlite3.connect(tmp_path / DATABASE)
    for version, index in ((4, "builds_active"), (3, "builds_at")):
        db.executescript(f"DROP INDEX {index}; PRAGMA user_version = {version}")
        kept = KeptBuilds(tmp_path)
        (build,) = (await kept.builds(BuildFilter(active=True), 10)).builds
        state = await kept.state(build.key)
        assert state is not None
        assert state.version == build.version
        assert await kept.newest("p") == build.key
        assert [project.id for project, _ in await kept.projects(1)] == ["p"]
    db.close()
    assert version == OLDEST


async def test_nothing_damaged_or_of_another_version(tmp_path: Path) -> None:
    assert open_readonly(tmp_path) is None
    with pytest.raises(Unreadable, match="nothing is kept"):
        await KeptBuilds(tmp_path).projects(1)
    path = tmp_path / DATABASE
    path.write_bytes(b"no database" * 100)
    with pytest.raises(Unreadable, match="damaged"):
        open_readonly(tmp_path)
    for version, says in ((OLDEST - 1, "older"), (SCHEMA + 1, "newer")):
        path.unlink()
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {version}")
        db.close()
        with pytest.raises(Unreadable, match=says):
            open_readonly(tmp_path)


async def test_what_servers_share_is_read_as_files_are(place: Any, posted: Any) -> None:
    """Of both stores alike: `kept_store` reads what `open_store` wrote, and changes nothing."""
    store = await place.open()
    events = [posted("start", at=5), posted("tool-input-available", toolCallId="t", toolName="Bash", at=6)]
    await store.append(events, 7)
    kept = place.kept()
    key = await kept.newest("p", "s")
    assert key == BuildKey("p", "s", "b")
    assert await kept.state(key) == await store.state(key)
    assert (await kept.builds(BuildFilter(), 10)).builds == (await store.all_builds(BuildFilter(), 10)).builds
    assert [one for one, _ in await kept.projects(1)] == list(await store.projects())
    tool = await kept.tool(key, "t")
    assert tool is not None
    assert tool.name == "Bash"
    assert await kept.tool(key, "none") is None
    assert await kept.state(BuildKey("p", "s", "none")) is None
    await store.close()


async def test_projects_with_their_builds_are_one_question(
    place: Any, posted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of many projects takes no connection for each."""
    connections = list[object]()

    async def counted(address: Any) -> Any:
        connections.append(address)
        return await connect_to_read(address)

    store = await place.open()
    for number in range(3):
        await store.append([posted("start", project=f"p{number}", build=b, at=5) for b in "ab"], number)
    monkeypatch.setattr("sentryvibe_tui.store.postgres.kept.connect_to_read", counted)
    projects = await StoredBuilds(place.kept()).projects()
    assert [project.id for project in projects] == ["p2", "p1", "p0"]
    assert [sorted(build.build_id for build in project.builds) for project in projects] == [["a", "b"]] * 3
    assert len(connections) <= 1
    await store.close()


async def test_a_database_without_our_tables_or_none_keeps_nothing(tmp_path: Path) -> None:
    assert kept_store("", tmp_path) is None
    with pytest.raises(StoreBroken, match="mysql"):
        kept_store("mysql://localhost/x", tmp_path)
    need_postgres()
    kept = kept_store(with_schema(new_schema()), tmp_path)
    assert kept is not None
    with pytest.raises(Unreadable, match="nothing is kept"):
        await kept.projects(1)
    away = kept_store("postgresql://127.0.0.1:1/x", tmp_path)
    assert away is not None
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await away.projects(1)
