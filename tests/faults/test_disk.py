"""Disk trouble: 503 with the reason, nothing half-written, and back to work by itself when the cause goes."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest


def post(server, number: int, size: int = 10) -> tuple[int, dict]:
    event = {"type": "tool-output-available", "toolCallId": f"t{number}", "toolName": "Bash", "output": "x" * size}
    body = json.dumps({"projectId": "p", "sessionId": "s", "eventId": str(number), "event": event}).encode()
    request = urllib.request.Request(f"{server.url}/api/build-events", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
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
    tools = server.state("p")["toolsByTodo"]["-1"]
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
    assert [tool["id"] for tool in server.state("p")["toolsByTodo"]["-1"]] == ["t0", "t1"]


@pytest.mark.parametrize("garbage", [b"this is no database, just text " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_corrupt_database_is_told_with_what_to_do(make_server: Callable, garbage: bytes) -> None:
    server = make_server()
    server.start()
    assert post(server, 0)[0] == 200
    server.stop()
    (path,) = server.data.glob("*.db")
    path.write_bytes(garbage)
    for rest in server.data.glob("*-wal"):
        rest.unlink()
    told = subprocess.run(
        [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", str(server.data)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert told.returncode == 1
    assert str(path) in told.stderr
    assert "Traceback" not in told.stderr
    assert path.read_bytes() == garbage, "what may still be rescued is left alone"
