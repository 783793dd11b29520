"""`db copy`: a folder's builds go to PostgreSQL, and watchers go on where they were."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from sentryvibe_tui.store.readonly import DATABASE
from sentryvibe_tui.store.sqlite.schema import begin_move

from ..patience import PATIENCE
from ..services import drop_schemas, need_postgres, new_schema, with_schema
from .conftest import Claude, Desk


@pytest.fixture
def store() -> Iterator[str]:
    need_postgres()
    schema = new_schema()
    yield with_schema(schema)
    drop_schemas(schema)


def _frames(url: str, **since: str) -> list[dict[str, Any]]:
    """What a watcher of `shop` gets first, up to the mark."""
    query = "&".join(f"{name}={value}" for name, value in since.items())
    frames: list[dict[str, Any]] = []
    with connect(f"{url.replace('http', 'ws')}/ws?projectId=shop&protocol=2&{query}", proxy=None) as link:
        while not frames or frames[-1]["type"] != "heartbeat":
            frames.append(json.loads(link.recv()))
    return frames


def _messages(url: str) -> Any:
    return httpx.get(f"{url}/api/projects/shop/messages", trust_env=False).json()["sessions"][0]["hydratedState"]


def test_builds_move_and_a_watcher_resumes(desk: Desk, claude: Claude, store: str, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    server, url = desk.serve("--port", "0", "--data", str(folder))
    lines = claude.init + claude.calls(1, "Bash", command="x" * 9000) + claude.gets(1, "done")
    assert desk.run("ingest", "shop", "-", data=lines + claude.text(2, "hello") + claude.done).returncode == 0
    state, mark = _messages(url), _frames(url)[-1]
    busy = desk.run("db", "copy", str(folder), store)
    assert (busy.returncode, b"in use by another server" in busy.stderr) == (2, True)
    assert server.stop(signal.SIGTERM) == 0

    moved = desk.run("db", "copy", str(folder), store)
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith(f"1 builds with {mark['version']} entries are now in postgresql://".encode())
    assert b"entries: " in moved.stderr
    server, url = desk.serve("--port", "0", "--data", str(tmp_path / "other"), "--store", store)
    assert _messages(url) == state
    since = {"buildId": mark["buildId"], "since": str(mark["version"] - 1), "epoch": mark["epoch"]}
    assert [frame["type"] for frame in _frames(url, **since)] == ["connected", "batch-update", "heartbeat"]
    assert desk.run("ingest", "shop", "-", data=lines + claude.text(3, "again") + claude.done).returncode == 0
    assert server.stop(signal.SIGTERM) == 0

    again = desk.run("db", "copy", str(folder), store)
    assert (again.returncode, b"were moved to postgresql://" in again.stderr) == (2, True)
    refused = desk.run("serve", "--port", "0", "--data", str(folder))
    assert (refused.returncode, b"were moved to postgresql://" in refused.stderr) == (1, True)
    with closing(sqlite3.connect(folder / "builds.db")) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone() != (mark["epoch"],)
        db.execute("DELETE FROM meta WHERE key = 'moved'")
        db.commit()
    taken = desk.run("db", "copy", str(folder), store)
    assert (taken.returncode, b"has builds already" in taken.stderr) == (2, True)


def test_what_cannot_move_is_named_and_nothing_changes(desk: Desk, claude: Claude, store: str, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    assert b"nothing is kept in" in desk.run("db", "copy", str(folder), store).stderr
    server, _ = desk.serve("--port", "0", "--data", str(folder))
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.done).returncode == 0
    assert server.stop(signal.SIGTERM) == 0
    with closing(sqlite3.connect(folder / "builds.db")) as db:
        db.execute("INSERT INTO event_ids VALUES (1, 'a' || char(0) || 'b', NULL)")
        db.commit()
    refused = desk.run("db", "copy", str(folder), store)
    assert (refused.returncode, b"'a\\x00b'" in refused.stderr) == (2, True)
    assert b"is named by postgresql://" in desk.run("db", "copy", str(folder), "mysql://h/d").stderr
    desk.serve("--port", "0", "--data", str(folder))
    assert desk.state("shop")["status"] == "completed"


def test_a_folder_that_cannot_be_marked_is_told_of(desk: Desk, claude: Claude, store: str, tmp_path: Path) -> None:
    """As on a full disk, after the builds are there."""
    folder = tmp_path / "d"
    server, _ = desk.serve("--port", "0", "--data", str(folder))
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    assert server.stop(signal.SIGTERM) == 0
    with closing(sqlite3.connect(folder / "builds.db")) as db:
        db.executescript(
            "CREATE TRIGGER full BEFORE INSERT ON meta WHEN new.key = 'moved' BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    copied = desk.run("db", "copy", str(folder), store)
    assert (copied.returncode, b"run this once more" in copied.stderr) == (2, True), copied.stderr
    with closing(sqlite3.connect(folder / "builds.db")) as db:
        db.execute("DROP TRIGGER full")
    assert desk.run("db", "copy", str(folder), store).returncode == 0
    desk.serve("--port", "0", "--data", str(tmp_path / "other"), "--store", store)
    assert desk.state("shop")["status"] == "completed"


_KILLED = """
import os, signal, sys
from sentryvibe_tui.cli import main
from sentryvibe_tui.store import copying
reached = copying.{spot}
def last(*arguments):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)
copying.{spot} = last
sys.argv = ["sentryvibe-tui", "db", "copy", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("spot", "before"), [("mark_moved", "pass"), ("begin_move", "reached(*arguments)")], ids=["committed", "not yet"]
)
def test_a_copy_that_was_killed_as_it_ended_is_settled_by_the_next_one(
    desk: Desk, claude: Claude, store: str, tmp_path: Path, spot: str, before: str
) -> None:
    folder = tmp_path / "d"
    server, url = desk.serve("--port", "0", "--data", str(folder))
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    state, mark = _messages(url), _frames(url)[-1]
    assert server.stop(signal.SIGTERM) == 0

    program = _KILLED.format(spot=spot, before=before)
    killed = subprocess.run(
        [sys.executable, "-c", program, str(folder), store],
        cwd=desk.folder,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    refused = desk.run("serve", "--port", "0", "--data", str(folder))
    assert (refused.returncode, b"was interrupted" in refused.stderr) == (1, True), refused.stderr
    elsewhere = desk.run("db", "copy", str(folder), with_schema("elsewhere"))
    assert (elsewhere.returncode, b"name that" in elsewhere.stderr) == (2, True), elsewhere.stderr
    assert b"db reopen" in refused.stderr
    assert b"db reopen" in elsewhere.stderr

    again = desk.run("db", "copy", str(folder), store)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"1 builds with {mark['version']} entries are now in".encode())
    assert b"were moved to" in desk.run("db", "copy", str(folder), store).stderr
    server, url = desk.serve("--port", "0", "--data", str(tmp_path / "other"), "--store", store)
    assert _messages(url) == state
    since = {"buildId": mark["buildId"], "since": str(mark["version"] - 1), "epoch": mark["epoch"]}
    assert [frame["type"] for frame in _frames(url, **since)] == ["connected", "batch-update", "heartbeat"]


@pytest.mark.parametrize("state", ["moving", "moved"])
def test_a_folder_whose_builds_went_to_a_database_that_is_lost_is_served_again(
    desk: Desk, claude: Claude, store: str, tmp_path: Path, state: str
) -> None:
    folder = tmp_path / "d"
    server, url = desk.serve("--port", "0", "--data", str(folder))
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    messages, mark = _messages(url), _frames(url)[-1]
    early = desk.run("db", "reopen", str(folder))
    assert (early.returncode, early.stdout) == (2, b""), "a server has it"
    assert server.stop(signal.SIGTERM) == 0
    assert b"were not moved" in desk.run("db", "reopen", str(folder)).stderr
    if state == "moved":
        assert desk.run("db", "copy", str(folder), store).returncode == 0
    else:
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            begin_move(db, mark["epoch"], "a database that is lost")
    assert desk.run("serve", "--port", "0", "--data", str(folder)).returncode == 1
    reopened = desk.run("db", "reopen", str(folder))
    assert (reopened.returncode, b"can be served again" in reopened.stdout) == (0, True), reopened.stderr
    _, url = desk.serve("--port", "0", "--data", str(folder))
    assert _messages(url) == messages
    again = _frames(url)[-1]
    assert again["version"] == mark["version"]
    assert again["epoch"] != mark["epoch"], "the database may have gone on from there"
