"""`db`: a database is checked beside its server, and shrinks when none runs."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from .conftest import Claude, Desk


def test_a_database_is_checked_and_vacuumed(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "d"))
    assert desk.run("db", "check", *data).returncode == 2
    assert desk.run("db", "vacuum", *data).returncode == 2
    server, _ = desk.serve("--port", "0", *data)
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    assert desk.run("db", "check", *data).stdout.endswith(b"is whole\n")
    busy = desk.run("db", "vacuum", *data)
    assert (busy.returncode, b"in use by another server" in busy.stderr) == (2, True)
    assert server.stop(signal.SIGTERM) == 0
    path = tmp_path / "d" / "builds.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE t AS SELECT zeroblob(1000000); DROP TABLE t")
    large = path.stat().st_size
    assert desk.run("db", "vacuum", *data).returncode == 0
    assert path.stat().st_size < large - 900_000
    desk.serve("--port", "0", *data)
    assert desk.state("shop")["status"] == "completed"


def test_damage_is_named(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "d"))
    server, _ = desk.serve("--port", "0", *data)
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    assert server.stop(signal.SIGTERM) == 0
    path = tmp_path / "d" / "builds.db"
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 2))
    damaged = desk.run("db", "check", *data)
    assert (damaged.returncode, damaged.stdout != b"") == (1, True)


def test_old_builds_are_pruned_with_a_server_and_without(desk: Desk, claude: Claude, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "d"))
    assert desk.run("db", "prune", "--older-than", "1d", *data).returncode == 2
    server, _ = desk.serve("--port", "0", *data)
    for session in ("one", "two", "three"):
        lines = (claude.init + claude.text(1, "hello") + claude.done).replace(b"s-1", session.encode())
        assert desk.run("ingest", "shop", "-", data=lines).returncode == 0
    prune = ("db", "prune", "--older-than", "0", *data)
    assert b"would delete 2 builds" in desk.run(*prune, "--dry-run", "--project", "shop").stdout
    assert b"no project 'shot'" in desk.run(*prune, "--project", "shot").stderr
    assert desk.run("db", "prune", "--older-than", "1d", *data).stdout.startswith(b"deleted 0 builds")
    assert desk.run(*prune, "--keep", "2").stdout.startswith(b"deleted 1 builds with ")
    assert server.stop(signal.SIGTERM) == 0
    assert b"no project 'shot'" in desk.run(*prune, "--project", "shot").stderr
    assert b"would delete 1 builds" in desk.run(*prune, "--dry-run").stdout
    assert b"deleted 1 builds with " in desk.run(*prune).stdout
    assert desk.run(*prune).stdout.startswith(b"deleted 0 builds")
    assert [line.split(b"  ")[3:] for line in desk.run("audit", *data).stdout.splitlines()][-1] == [
        b"prune",
        b"1 builds",
    ]
    desk.serve("--port", "0", *data)
    assert desk.state("shop")["status"] == "completed"


def test_what_is_in_a_database_is_not_pruned_in_a_folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `db copy`: the folder keeps all it has."""
    monkeypatch.setenv("SENTRYVIBE_STORE", "postgresql://somebody@127.0.0.1:1/none")
    pruning = desk.run("db", "prune", "--older-than", "1d")
    assert (pruning.returncode, b"setting store" in pruning.stderr) == (2, True)


def test_a_server_that_cannot_prune_yet_says_so(desk: Desk) -> None:
    class Older(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Older) as older:
        Thread(target=older.serve_forever).start()
        url = f"http://127.0.0.1:{older.server_port}"
        pruning = desk.run("db", "prune", "--older-than", "1d", "--server", url)
        older.shutdown()
    assert (pruning.returncode, b"older version" in pruning.stderr) == (2, True)
