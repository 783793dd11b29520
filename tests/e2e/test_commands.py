"""The commands as a user runs them: real processes, sockets and files."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from ..patience import PATIENCE
from .conftest import said_by

HOSTILE = "[/]\x1b]52;c;ZXZpbA==\x07\x1b[2J[@click=app.quit]x[/]\u202e\ud800" + "x" * 200_000


def _build(claude: Any) -> list[bytes]:
    return [
        claude.init,
        claude.todos(1, ("Read it", "in_progress"), ("Fix it", "pending")),
        claude.calls(2, "Bash", command="npm test"),
        claude.text(3, "While it runs, I look around."),
        claude.gets(2, "boom\nexit code 1", is_error=True),
        claude.calls(4, "Bash", command="npm test"),
        claude.gets(4, "ok"),
        claude.todos(5, ("Read it", "completed"), ("Fix it", "completed")),
        claude.done,
    ]


def test_a_file_becomes_a_build(desk: Any, server: str, claude: Any) -> None:
    path = desk.folder / "out.jsonl"
    path.write_bytes(b"".join(_build(claude)))
    first = desk.run("ingest", "Shop", str(path), "--format", "claude")
    assert (first.returncode, first.stderr) == (0, b"sentryvibe-tui: read as claude-stream\n")
    state = desk.state("shop")
    assert (state["status"], state["projectName"], state["claudeModelId"]) == ("completed", "Shop", "claude-test-1")
    assert [todo["status"] for todo in state["todos"]] == ["completed", "completed"]
    assert [(tool["name"], tool["state"]) for tool in state["toolsByTodo"]["0"]] == [
        ("Bash", "error"),
        ("Bash", "output-available"),
    ]

    assert desk.run("ingest", "Shop", str(path)).returncode == 0
    assert desk.state("Sho") == state

    listed = desk.run("ls")
    assert listed.returncode == 0
    assert "completed" in listed.stdout.decode()
    assert "2/2" in listed.stdout.decode()
    rows = json.loads(desk.run("ls", "--json").stdout)["projects"]
    assert [(row["id"], build["sessionId"]) for row in rows for build in row["builds"]] == [("shop", "s-1")]
    page = desk.run("show", "shop").stdout.decode()
    assert "2/2 done" in page
    assert "Bash npm test exit 1: boom" in page


def test_three_watchers_end_with_the_same_state(desk: Any, server: str, claude: Any) -> None:
    lines = _build(claude)
    early = desk.start("watch", "shop", "--jsonl")
    early.until('"waiting"')
    ingest = desk.start("ingest", "shop", "-")
    broken = desk.start("watch", "shop", "--jsonl", "--wait")
    ingest.feed(b"".join(lines[:3]))
    early.until('"t2"')
    broken.until('"t2"')
    assert broken.stop(signal.SIGINT) == 130
    late = desk.start("watch", "shop", "--jsonl")
    late.until('"snapshot"')
    ingest.feed(b"".join(lines[3:6]))
    early.until('"t4"')
    again = desk.start("watch", "shop", "--jsonl")
    again.until('"snapshot"')
    ingest.feed(b"".join(lines[6:]))
    assert ingest.end() == 0
    watchers = [early, late, again]
    assert [watcher.end() for watcher in watchers] == [0, 0, 0]
    ends = {watcher.lines[-1] for watcher in watchers}
    assert len(ends) == 1
    end = json.loads(ends.pop())
    assert (end["type"], end["status"], end["version"]) == ("end", "completed", end["state"]["stateVersion"])
    assert end["state"] == desk.state("shop")


def test_a_growing_pipe_is_published_at_once(desk: Any, server: str, claude: Any) -> None:
    watch = desk.start("watch", "shop", "--plain")
    ingest = desk.start("ingest", "shop")
    ingest.feed(claude.init + claude.calls(1, "Bash", command="make")[:40])
    ingest.feed(claude.calls(1, "Bash", command="make")[40:])
    watch.until("tool running: Bash make")
    assert ingest.end() == 1
    assert watch.end() == 1
    assert "tool interrupted: Bash make" in "\n".join(watch.lines)
    assert "build interrupted" in "\n".join(watch.lines)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_ingest_that_is_stopped_says_so(desk: Any, server: str, claude: Any, number: int, code: int) -> None:
    watch = desk.start("watch", "shop", "--plain")
    ingest = desk.start("ingest", "shop")
    ingest.feed(claude.init + claude.calls(1, "Bash", command="make"))
    watch.until("tool running")
    assert ingest.stop(number) == code
    assert watch.end() == 1
    assert "error: ingest was stopped" in watch.lines[-1]


def test_an_ingest_that_waits_for_a_server_is_stopped_without_a_word(desk: Any, claude: Any) -> None:
    (desk.folder / "whole.jsonl").write_bytes(claude.init + claude.calls(1, "Bash", command="make"))
    ingest = desk.start("ingest", "shop", "whole.jsonl")
    said_by(ingest.errors, "read as claude-stream")
    assert ingest.stop(signal.SIGTERM) == 143
    assert "Traceback" not in "\n".join(ingest.errors)


def test_nothing_hostile_reaches_the_terminal(desk: Any, server: str, claude: Any) -> None:
    data = (
        claude.init
        + claude.todos(1, (HOSTILE, "in_progress"))
        + claude.calls(2, HOSTILE, command=HOSTILE)
        + claude.gets(2, HOSTILE, is_error=True)
        + claude.text(3, HOSTILE)
        + claude.done
    )
    assert desk.run("ingest", HOSTILE[:60].replace("\ud800", ""), data=data).returncode == 0
    project = json.loads(desk.run("ls", "--json").stdout)["projects"][0]["id"]
    for command in (
        ("watch", project, "--plain", "--verbose"),
        ("watch", project, "--jsonl"),
        ("show", project),
        ("ls",),
    ):
        shown = desk.run(*command)
        assert shown.returncode == 0, shown.stderr
        text = shown.stdout.decode()
        assert not set(text) & set("\x1b\x07\u202e\x9b"), command
    assert "[/][@click=app.quit]x[/]" in desk.run("show", project).stdout.decode()


def test_a_closed_pipe_ends_a_watch_quietly(desk: Any, server: str, claude: Any) -> None:
    ingest = desk.start("ingest", "shop")
    ingest.feed(claude.init)
    watch = f"{sys.executable} -m sentryvibe_tui watch shop --plain | head -n 1; exit ${{PIPESTATUS[0]}}"
    with subprocess.Popen(["bash", "-c", watch], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as pipeline:
        assert pipeline.stdout is not None
        assert pipeline.stdout.readline()
        ingest.feed(claude.text(1, "one") + claude.calls(2, "Bash", command="make"))
        ingest.feed(claude.done)
        ingest.end()
        _, errors = pipeline.communicate(timeout=PATIENCE)
    assert (pipeline.returncode, errors) == (141, b"")


def test_an_unknown_project_lists_what_there_is(desk: Any, server: str, claude: Any) -> None:
    desk.run("ingest", "shop", data=claude.init + claude.done)
    desk.run("ingest", "shore", data=claude.init + claude.done)
    for command in (("show", "nope"), ("watch", "nope", "--no-wait", "--plain")):
        refused = desk.run(*command)
        assert refused.returncode == 2
        assert b"shop, shore" in refused.stderr or b"shore, shop" in refused.stderr
    assert b"one of several" in desk.run("show", "sh").stderr
    assert desk.run("show", "shop", "--session", "zzz").returncode == 2
    assert desk.state("shor", "--session", "s-")["projectId"] == "shore"


def test_no_server_says_how_to_start_one(desk: Any, unused_tcp_port: int, claude: Any) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    for command in (("show", "shop"), ("ls",), ("watch", "shop", "--no-wait", "--plain")):
        failed = desk.run(*command, "--server", url)
        assert failed.returncode == 3
        assert b"sentryvibe-tui serve" in failed.stderr
    failed = desk.run("ingest", "shop", "--server", url, "--timeout", "0.2", data=claude.init)
    assert failed.returncode == 3
    assert b"sentryvibe-tui serve" in failed.stderr


def test_what_waited_in_the_outbox_arrives_later(desk: Any, unused_tcp_port: int, claude: Any) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    data = b"".join(_build(claude))
    assert desk.run("ingest", "shop", "--server", url, "--timeout", "0.2", data=data).returncode == 3
    desk.serve("--port", str(unused_tcp_port))
    again = desk.run("ingest", "shop", "--server", url, data=data)
    assert (again.returncode, again.stderr) == (0, b"sentryvibe-tui: read as claude-stream\n")
    assert desk.state("shop", "--server", url)["status"] == "completed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_stops_cleanly_and_keeps_everything(desk: Any, claude: Any, number: int) -> None:
    server, _ = desk.serve()
    desk.run("ingest", "shop", data=b"".join(_build(claude)))
    before = desk.state("shop")
    assert server.stop(number) == 0
    assert not [line for line in server.errors if "Traceback" in line]
    assert b"no server runs" in desk.run("show", "shop").stderr
    desk.serve()
    assert desk.state("shop") == before


def test_a_second_serve_says_what_is_wrong(desk: Any) -> None:
    _, url = desk.serve("--port", "0", "--data", str(desk.folder / "a"))
    same_data = desk.run("serve", "--port", "0", "--data", str(desk.folder / "a"))
    assert same_data.returncode == 1
    assert str(desk.folder / "a").encode() in same_data.stderr
    port = url.rpartition(":")[2]
    same_port = desk.run("serve", "--port", port, "--data", str(desk.folder / "b"))
    assert same_port.returncode == 1
    assert f"port {port}".encode() in same_port.stderr
    assert b"Traceback" not in same_data.stderr + same_port.stderr


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_demo_without_a_terminal_prints_lines(desk: Any, agent: str) -> None:
    shown = desk.run("demo", "--speed", "50", "--agent", agent, "--seed", "3")
    lines = shown.stdout.decode().splitlines()
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert [line for line in lines if "build completed: 8/8 todos" in line]
    assert [line for line in lines if "tool error" in line]
    assert not set(shown.stdout.decode()) & set("\x1b")


def test_usage_errors_are_2(desk: Any) -> None:
    for command in (("nope",), ("watch",), ("watch", "p", "--plain", "--jsonl"), ("ingest", "p", "/nonexistent")):
        assert desk.run(*command).returncode == 2
    refused = desk.run("ls", "--server", "ftp://x")
    assert refused.returncode == 2
    assert b"ftp://x" in refused.stderr
    unknown = desk.run(
        "ingest",
        "p",
        data=b'{"hello": 1}\n',
    )
    assert unknown.returncode == 2
    assert b"cannot tell the format" in unknown.stderr


def test_help_documents_exit_codes(desk: Any) -> None:
    for command in ((), ("watch",), ("ingest",), ("demo",)):
        text = " ".join(desk.run(*command, "--help").stdout.decode().split())
        assert all(code in text for code in ("0", "1", "2", "3", "130")), command
        assert "no link to a server" in text


def test_config_tells_where_values_come_from(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "5001")
    path = desk.folder / "config.toml"
    path.write_text('server = "http://127.0.0.1:9"\nhots = "x"\n')
    monkeypatch.setenv("SENTRYVIBE_CONFIG", str(path))
    shown = desk.run("config")
    lines = shown.stdout.decode().splitlines()
    assert shown.returncode == 0
    assert str(path) in lines[0]
    assert [line.split()[-1] for line in lines if line.startswith("port")] == ["SENTRYVIBE_PORT"]
    assert [line.split()[1:] for line in lines if line.startswith("server")] == [
        ["'http://127.0.0.1:9'", "config", "file"]
    ]
    assert b"did you mean 'host'?" in shown.stderr


@pytest.mark.parametrize(("redirection", "why"), [(">/dev/full", b"No space left on device"), (">&-", b"it is closed")])
def test_an_output_that_cannot_be_written_is_told(desk: Any, server: str, redirection: str, why: bytes) -> None:
    command = f'exec "{sys.executable}" -m sentryvibe_tui ls {redirection}'
    failed = subprocess.run(["sh", "-c", command], capture_output=True, cwd=desk.folder, timeout=PATIENCE, check=False)
    assert (failed.returncode, failed.stderr) == (1, b"sentryvibe-tui: cannot write to stdout: " + why + b"\n")


def test_a_runtime_file_that_says_nonsense_is_no_server(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(desk.folder))
    row = {"url": "::bad::", "pid": os.getpid(), "dataDir": "", "startedAt": 1}
    (desk.folder / "server.json").write_text(json.dumps(row))
    shown = desk.run("config")
    assert shown.returncode == 0
    assert b"http://127.0.0.1:3000  (default)" in shown.stdout


def test_another_web_server_is_told_from_none(desk: Any) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        failed = desk.run("ls", "--server", url)
        other.shutdown()
    assert failed.returncode == 3
    assert f"{url} (--server) does not answer as a SentryVibe server: HTTP 501" in failed.stderr.decode()


def test_what_is_wrong_with_the_settings_is_told_once(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk.folder / "config.toml"
    config.write_text('servr = "x"\nserver = "::::"\n')
    monkeypatch.setenv("SENTRYVIBE_CONFIG", str(config))
    shown = desk.run("config")
    assert shown.returncode == 0
    assert b"'::::'" in shown.stdout
    assert [line.partition(b"config.toml: ")[2] for line in shown.stderr.splitlines()][:1] == [
        b"unknown setting 'servr'; did you mean 'server'?"
    ]
    assert shown.stderr.count(b"\n") == 2
