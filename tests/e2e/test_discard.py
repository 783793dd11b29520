"""A damaged build on the command line: `ls` says so, `show` of the others goes on, `discard` deletes it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sentryvibe_tui.store.sqlite import DATABASE

from .conftest import Claude, Desk


def test_a_damaged_build_is_listed_and_deleted_and_others_are_shown(desk: Desk, claude: Claude) -> None:
    for session in ("s-1", "s-2"):
        data = (claude.init + claude.text(1, "words") + claude.done).replace(b"s-1", session.encode())
        server, _ = desk.serve()
        assert desk.run("ingest", "shop", data=data).returncode == 0
        server.stop(15)
    with closing(sqlite3.connect(Path(os.environ["SENTRYVIBE_DATA_DIR"]) / DATABASE, isolation_level=None)) as db:
        assert db.execute("DELETE FROM snapshots").rowcount == 2
        assert db.execute("UPDATE entries SET updates = x'ff' WHERE place = (2 << 32) + 1").rowcount == 1
    desk.serve()
    refused = desk.run("show", "shop", "--session", "s-2")
    assert refused.returncode == 3
    assert b"is damaged: entry 1 cannot be read" in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert desk.state("shop")["sessionId"] == "s-1"
    listed = desk.run("ls").stdout.decode().splitlines()
    assert ["damaged" in line for line in listed[1:]] == [True, False]
    assert desk.run("discard", "shop", "s-1").returncode == 2
    assert desk.run("discard", "shop", "s-2").stdout == b"deleted build s-2\n"
    assert desk.run("discard", "shop", "s-2").returncode == 2
    (project,) = json.loads(desk.run("ls", "--json").stdout)["projects"]
    assert [build["sessionId"] for build in project["builds"]] == ["s-1"]


def test_delete_asks_says_what_it_deletes_and_leaves_what_goes_on(desk: Desk, claude: Claude) -> None:
    desk.serve()
    assert desk.run("ingest", "shop", "-", data=claude.init + claude.text(1, "hello") + claude.done).returncode == 0
    asked = desk.run("delete", "shop", data=b"n\n")
    assert (asked.returncode, b"Delete 1 of shop's builds" in asked.stderr) == (1, True)
    assert desk.run("show", "shop").returncode == 0
    assert desk.run("delete", "shop", "--build", "nothing", "--yes").returncode == 2
    assert desk.run("delete", "shop", "--yes").stdout.endswith(b"deleted 1\n")
    assert desk.run("show", "shop").returncode == 2
