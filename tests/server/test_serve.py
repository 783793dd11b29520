"""The command, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sentryvibe_tui import runtime
from sentryvibe_tui.processes import started_at
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.wire.local import address_of

from ..certificates import made_in
from ..patience import PATIENCE

_CODE = """
import sys
from pathlib import Path
from sentryvibe_tui.server.serve import serve
sys.exit(serve("127.0.0.1", int(sys.argv[2]), Path(sys.argv[1])))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "run"))
    started: list[subprocess.Popen[str]] = []

    def run(data: Path, port: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _CODE, str(data), str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
    assert found is not None
    return found[1]


def _found() -> str | None:
    server = runtime.find_local_server()
    return None if server is None else server.url


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_means_ready_and_a_signal_stops_it_cleanly(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path / "data")
    url = ready(process)
    assert httpx.get(f"{url}/healthz", trust_env=False).json()["ok"] is True
    assert _found() == url
    assert runtime.runtime_file().stat().st_mode & 0o777 == 0o600
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert runtime.find_local_server() is None
    assert not runtime.runtime_file().exists()


@pytest.mark.e2e
def test_a_second_server_on_the_same_directory_or_port_says_what_is_wrong(start: Start, tmp_path: Path) -> None:
    url = ready(start(tmp_path / "data"))
    port = int(url.rpartition(":")[2])
    for data, at, words in (("data", 0, "in use by another server"), ("other", port, f"port {port}")):
        second = start(tmp_path / data, at)
        out, err = second.communicate(timeout=PATIENCE)
        assert (second.returncode, out) == (1, "")
        assert words in err
        assert "Traceback" not in err
    assert _found() == url


@pytest.mark.e2e
def test_after_kill_9_the_directory_is_free_and_the_runtime_file_ignored(start: Start, tmp_path: Path) -> None:
    first = start(tmp_path / "data")
    url = ready(first)
    body = {"projectId": "p", "sessionId": "s", "event": {"type": "start"}}
    assert httpx.post(f"{url}/api/build-events", json=body, trust_env=False).json()["version"] == 1
    first.kill()
    first.wait()
    assert runtime.find_local_server() is None
    again = ready(start(tmp_path / "data"))
    (project,) = httpx.get(f"{again}/api/projects", trust_env=False).json()["projects"]
    assert project["builds"][0]["version"] == 1


@pytest.mark.e2e
def test_a_stream_that_is_open_does_not_hold_up_the_end(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path / "data")
    url = ready(process)
    with httpx.stream("GET", f"{url}/api/projects/p/events", trust_env=False) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data:")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        list(lines)
        process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begun < 2.5
    assert process.returncode == 0


def test_a_taken_port_is_told_even_when_nobody_listens_there_yet(start: Start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        process = start(tmp_path / "data", taken.getsockname()[1])
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "in use" in err


def test_a_runtime_file_of_nonsense_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path))
    for content in (b"", b"{", b"[]", b'{"url":"x","pid":-1,"dataDir":"","startedAt":0}'):
        runtime.runtime_file().write_bytes(content)
        assert runtime.find_local_server() is None
    assert runtime.find_local_server() is None


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_second_server_takes_the_place_of_the_first_only_when_that_has_ended(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    first, second = start(tmp_path / "a"), start(tmp_path / "b")
    urls = [ready(first), ready(second)]
    where = _found()
    assert where in urls
    kept, other = (first, second) if where == urls[0] else (second, first)
    other.send_signal(signal.SIGTERM)
    _, err = other.communicate(timeout=PATIENCE)
    assert f"commands find {where}" in err
    assert _found() == where

    third = start(tmp_path / "c")
    later = ready(third)
    assert _found() == where
    kept.send_signal(number)
    kept.communicate(timeout=PATIENCE)
    assert _found() == later
    third.send_signal(signal.SIGTERM)
    third.communicate(timeout=PATIENCE)
    assert _found() is None
    assert not [*(tmp_path / "run").glob("*server*")]


def test_of_the_servers_that_wait_for_the_first_the_oldest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "run"))
    first = runtime.LocalServer("http://a", os.getpid(), "/a", 1)
    third = runtime.LocalServer("http://c", os.getppid(), "/c", 3)
    second = runtime.LocalServer("http://b", os.getpid(), "/b", 2)
    for server in (first, third, second):
        runtime.announce(server)
    assert _found() == "http://a"
    runtime.withdraw(first)
    assert _found() == "http://b"
    runtime.withdraw(second)
    assert _found() == "http://c"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file another user's")
def test_a_runtime_file_of_another_user_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was first in a folder for all would be sent the token that the file names."""
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path))
    runtime.announce(runtime.LocalServer("http://127.0.0.1:1", os.getpid(), "/d", 1, str(tmp_path / "token")))
    assert runtime.find_local_server() is not None
    os.chown(runtime.runtime_file(), 65534, 65534)
    assert runtime.find_local_server() is None


@pytest.mark.skipif(not started_at(os.getpid()), reason="this system does not tell when a process began")
def test_a_process_that_was_given_the_pid_of_a_server_that_ended_is_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens at its port by now would be sent the token that the file names."""
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path))
    runtime.announce(runtime.LocalServer("http://127.0.0.1:1", os.getpid(), "/d", 1, str(tmp_path / "token")))
    told = json.loads(runtime.runtime_file().read_text())
    assert runtime.find_local_server() is not None
    runtime.runtime_file().write_text(json.dumps(told | {"processStart": str(int(started_at(os.getpid())) - 1)}))
    assert runtime.find_local_server() is None
    other = runtime.LocalServer("http://127.0.0.1:2", os.getpid(), "/d", 2)
    runtime.announce(other)
    assert runtime.find_local_server() == other
    del told["processStart"]  # by an older version
    runtime.runtime_file().write_text(json.dumps(told))
    assert _found() == "http://127.0.0.1:1"


async def test_new_connections_get_a_renewed_certificate_once_its_key_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first, second = made_in(tmp_path / "first"), made_in(tmp_path / "second")
    limits = ServerLimits(certificate=str(first.file), certificate_key=str(first.key), renew_every=0.01)
    async with running(tmp_path / "data", settings=limits) as server, asyncio.timeout(PATIENCE):
        port = int(server.url.rpartition(":")[2])

        async def shown() -> str:
            return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))

        assert (await shown()).split() == first.file.read_text().split()
        second.file.replace(first.file)
        for _ in iter(lambda: "stays the one from before" in caplog.text, True):
            await asyncio.sleep(0.01)
        await shown()
        second.key.replace(first.key)
        for _ in iter(lambda: "new connections get the certificate" in caplog.text, True):
            await asyncio.sleep(0.01)
        assert (await shown()).split() == first.file.read_text().split()


async def test_a_server_at_localhost_is_found_by_that_name_and_called_by_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name means two addresses, and the port of the other one may be somebody else's."""
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / "run"))
    async with running(tmp_path / "data", host="localhost") as server:
        assert re.fullmatch(r"http://(127\.0\.0\.1|\[::1\]):\d+", server.url)
        (tmp_path / "token").write_text("word")
        (tmp_path / "token").chmod(0o600)
        runtime.announce(runtime.LocalServer(server.url, os.getpid(), "/d", 1, str(tmp_path / "token")))
        port = server.url.rpartition(":")[2]
        address = address_of(f"localhost:{port}")
        assert (address.base, address.token) == (server.url, "word")
        for other in (f"https://localhost:{port}", "localhost:1", f"localhost:{port}/builds"):
            assert address_of(other).token == ""


def test_where_another_user_was_first_in_the_temporary_folder_a_server_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SENTRYVIBE_RUNTIME_DIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "state"))

    def refuse(_: str) -> str:
        raise PermissionError("runtime directory /tmp/runtime-1000 is owned by uid 1001, not 1000")

    monkeypatch.setattr("platformdirs.user_runtime_dir", refuse)
    server = runtime.LocalServer("http://127.0.0.1:1", os.getpid(), "/d", 1)
    runtime.announce(server)
    assert runtime.find_local_server() == server
