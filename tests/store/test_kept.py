"""The data directory read without a server, and beside one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.model.totals import Figures
from sentryvibe_tui.store.contract import BuildFilter, BuildKey
from sentryvibe_tui.store.kept import KeptBuilds
from sentryvibe_tui.store.readonly import DATABASE, SCHEMA, Unreadable, open_readonly, recent_figures
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.store.sqlite.schema import MIGRATIONS


def test_the_schema_that_is_read_is_the_present_one() -> None:
    assert len(MIGRATIONS) == SCHEMA


async def test_builds_are_read_beside_a_server_and_after_it(tmp_path: Path, posted: Any) -> None:
    store = await SqliteStore.open(tmp_path)
    await store.append(
        [posted("start", at=5), posted("tool-input-available", toolCallId="t", toolName="Bash", at=6)], 7
    )
    kept = KeptBuilds(tmp_path)
    key = kept.newest("p")
    assert key == BuildKey("p", "s", "b")
    assert kept.state(key) == await store.state(key)
    await store.close()
    (build,) = kept.builds(BuildFilter(), 10).builds
    assert (build.key, build.tools, build.project_name) == (key, 1, "p")
    assert [project.id for project in kept.projects()] == ["p"]
    tool = kept.tool(key, "t")
    assert tool is not None
    assert tool.name == "Bash"
    db = open_readonly(tmp_path)
    assert db is not None
    assert Figures(*recent_figures(db, 0, 0)[0])[:2] == ("active", "working")
    assert recent_figures(db, 0, 100) == []
    with pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM builds")
    db.close()


def test_nothing_damaged_or_of_another_version(tmp_path: Path) -> None:
    assert open_readonly(tmp_path) is None
    with pytest.raises(Unreadable, match="nothing is kept"):
        KeptBuilds(tmp_path).projects()
    path = tmp_path / DATABASE
    path.write_bytes(b"no database" * 100)
    with pytest.raises(Unreadable, match="damaged"):
        open_readonly(tmp_path)
    for version, says in ((SCHEMA - 1, "older"), (SCHEMA + 1, "newer")):
        path.unlink()
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {version}")
        db.close()
        with pytest.raises(Unreadable, match=says):
            open_readonly(tmp_path)
