"""Disk trouble: 503 with the reason, nothing half-written, and back to work by itself when the cause goes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..patience import PATIENCE

DROPPED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-linux_immutable", "--")
"""Before a command: also root is bound by the permissions of files."""


def post(server, number: int, size: int = 10) -> tuple[int, dict]:
    event = {"type": "tool-output-available", "toolCallId": f"t{number}", "toolName": "Bash", "output": "x" * size}
    body = json.dumps({"projectId": "p", "sessionId": "s", "eventId": str(number), "event": event}).encode()
    request = urllib.request.Request(f"{server.url}/api/build-events", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit to limit file sizes")
def test_a_full_disk_is_said_and_got_over(make_server: Callable) -> None:
    server = make_server()
    server.start(limit_file_size=1024 * 1024)
    kept, number = [], 0
    while True:
        status, answer = post(server, number, 60_000)
        if status != 200:
            break
        kept.append(number)
        number += 1
        assert number < 100, "the limit never bit"
    assert status == 503
    assert answer["error"]
    assert server.get("/healthz")
    subprocess.run(["prlimit", f"--pid={server.pid}", "--fsize=unlimited:unlimited"], check=True)
    status, answer = post(server, number, 60_000)
    assert status == 200, answer
    kept.append(number)
    tools = server.state("p")["planningTools"]
    assert [tool["id"] for tool in tools] == [f"t{n}" for n in kept]


def test_a_database_locked_by_another_process_is_waited_for_or_said(server) -> None:
    assert post(server, 0)[0] == 200
    (path,) = server.data.glob("*.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    status, answer = post(server, 1)
    assert status == 503
    assert "lock" in answer["error"]
    other.execute("ROLLBACK")
    other.close()
    assert post(server, 1)[0] == 200
    assert [tool["id"] for tool in server.state("p")["planningTools"]] == ["t0", "t1"]


@pytest.mark.parametrize(
    "garbage",
    [b"this is no database, just text " * 100, b"SQLite format 3\x00" + b"\xff" * 5000],
    ids=["text", "its first bytes only"],
)
def test_a_corrupt_database_is_told_with_what_to_do(make_server: Callable, garbage: bytes) -> None:
    server = make_server()
    server.start()
    assert post(server, 0)[0] == 200
    server.stop()
    (path,) = server.data.glob("*.db")
    path.write_bytes(garbage)
    for rest in server.data.glob("*-wal"):
        rest.unlink()
    assert str(path) in server.refuse()
    assert path.read_bytes() == garbage, "what may still be rescued is left alone"


@pytest.fixture
def bound(make_server: Callable) -> Iterator:
    """A server that the permissions of files bind, whoever runs the tests."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        prefix = DROPPED
        if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode:
            pytest.skip("root, and no setpriv that could take its rights away")
    server = make_server(prefix=prefix)
    yield server
    for path in (server.data, *server.data.iterdir()):
        path.chmod(0o700)


def tools(server) -> list[str]:
    return [tool["id"] for tool in server.state("p")["planningTools"]]


def test_a_directory_that_cannot_be_written_is_told_and_left_alone(bound) -> None:
    bound.data.mkdir()
    bound.data.chmod(0o555)
    said = bound.refuse()
    assert str(bound.data) in said
    assert "Permission denied" in said
    assert list(bound.data.iterdir()) == []
    bound.data.chmod(0o700)
    bound.start()
    assert post(bound, 0)[0] == 200


@pytest.mark.parametrize("what", ["directory", "files", "all"])
def test_a_database_that_became_read_only_is_told_and_whole_afterwards(bound, what: str) -> None:
    bound.start()
    assert post(bound, 0)[0] == 200
    bound.stop()
    files = list(bound.data.iterdir())
    before = {path.name: path.read_bytes() for path in files}
    for path in files if what != "directory" else []:
        path.chmod(0o444)
    if what != "files":
        bound.data.chmod(0o555)
    assert str(bound.data) in bound.refuse()
    bound.data.chmod(0o700)
    for path in files:
        path.chmod(0o600)
    assert {path.name: path.read_bytes() for path in bound.data.glob("*.db")} == {"builds.db": before["builds.db"]}
    bound.start()
    assert post(bound, 1)[0] == 200
    assert tools(bound) == ["t0", "t1"]


def test_a_directory_that_becomes_read_only_under_a_server_loses_nothing(bound) -> None:
    bound.start()
    assert post(bound, 0)[0] == 200
    bound.data.chmod(0o555)
    status, answer = post(bound, 1)
    assert status == 200 or (status == 503 and answer["error"])
    kept = ["t0", "t1"] if status == 200 else ["t0"]
    bound.kill()
    bound.data.chmod(0o700)
    bound.start()
    assert tools(bound) == kept


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def post_until_full(server, first: int) -> tuple[list[int], dict]:
    """Numbers of the events that were taken, and what was said of the one that was not."""
    for number in range(first, first + 500):
        status, answer = post(server, number, 60_000)
        if status != 200:
            assert status == 503, answer
            return list(range(first, number)), answer
    raise AssertionError("the disk was never full")


def test_a_full_file_system_is_said_and_got_over_with_and_without_a_restart(make_server, small_disk: Path) -> None:
    server = make_server(home=small_disk)
    server.start()
    reserve = small_disk / "reserve"
    reserve.write_bytes(b"x" * 1024 * 1024)
    kept, answer = post_until_full(server, 0)
    assert kept
    assert "full" in answer["error"]
    ballast = fill(small_disk)
    assert post(server, 900, 60_000)[0] == 503
    assert tools(server) == [f"t{number}" for number in kept]
    ballast.unlink()
    reserve.unlink()
    assert post(server, 901)[0] == 200
    fill(small_disk)
    server.kill()
    server.start()
    assert tools(server) == [f"t{number}" for number in (*kept, 901)]
    ballast.unlink()
    assert post(server, 902)[0] == 200
    assert tools(server) == [f"t{number}" for number in (*kept, 901, 902)]
    server.stop()
    db = sqlite3.connect(small_disk / "data" / "builds.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_server_leaves_the_rest_of_a_nearly_full_disk_to_others(make_server, small_disk: Path) -> None:
    """What it takes in advance for its log it gives back when that does not suffice."""
    ballast = fill(small_disk)
    os.truncate(ballast, ballast.stat().st_size - 6 * 1024 * 1024)
    server = make_server(home=small_disk)
    server.start()
    usage = os.statvfs(small_disk)
    assert usage.f_bavail * usage.f_frsize > 4 * 1024 * 1024
    assert post(server, 0, 60_000)[0] == 200
    assert tools(server) == ["t0"]
