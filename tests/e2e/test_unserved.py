"""Kept builds without a server, beside one, and session files of agents: `ls`, `show`, `watch`."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import said_by

LINES = [
    {"type": "user", "uuid": "u1", "sessionId": "s-9", "cwd": "/w", "timestamp": "2026-11-01T10:00:00Z",
     "version": "2.1.98", "message": {"role": "user", "content": "list the files"}},
    {"type": "assistant", "uuid": "a1", "sessionId": "s-9", "timestamp": "2026-11-01T10:00:01Z", "version": "2.1.98",
     "message": {"id": "m1", "role": "assistant", "model": "claude-x", "usage": {}, "content": [
         {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]}},
]  # fmt: skip
END = [
    {"type": "user", "uuid": "u2", "sessionId": "s-9", "timestamp": "2026-11-01T10:00:02Z", "version": "2.1.98",
     "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a b"}]}},
    {"type": "assistant", "uuid": "a2", "sessionId": "s-9", "timestamp": "2026-11-01T10:00:03Z", "version": "2.1.98",
     "message": {"id": "m2", "role": "assistant", "model": "claude-x", "usage": {}, "stop_reason": "end_turn",
                 "content": [{"type": "text", "text": "There are two."}]}},
]  # fmt: skip


def written(path: Path, lines: list[dict[str, Any]], age: float = 3_600) -> Path:
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_what_is_kept_is_read_without_a_server_and_is_as_it_was(desk: Any, claude: Any) -> None:
    serve, _ = desk.serve()
    desk.run("ingest", "shop", data=claude.init + claude.calls(1, "Bash", command="ls") + claude.done)
    desk.run("ingest", "docs", "--session", "s-2", data=claude.init)
    served, state = json.loads(desk.run("ls", "--json").stdout), desk.state("shop")
    assert serve.stop(signal.SIGTERM) == 0
    kept = desk.run("ls", "--json")
    assert json.loads(kept.stdout)["projects"][0]["builds"] == served["projects"][0]["builds"]
    assert b"no server runs" in kept.stderr
    assert desk.state("shop") == state
    assert desk.state("shop", "--session", "s-")["sessionId"] == "s-1"
    watched = desk.run("watch", "shop", "--plain")
    assert watched.returncode == 0
    assert b"build completed" in watched.stdout
    assert b"--next" not in watched.stderr
    assert b"--next goes on where a server runs" in desk.run("watch", "shop", "--plain", "--next").stderr
    missing = desk.run("show", "nothing")
    assert missing.returncode == 2
    assert b"docs" in missing.stderr


def test_a_list_is_narrowed(desk: Any, server: str, claude: Any) -> None:
    desk.run("ingest", "shop", data=claude.init + claude.done)
    running = desk.start("ingest", "docs", "--session", "s-2")
    running.feed(claude.init + claude.calls(1, "Bash", command="make"))
    until = time.monotonic() + 20
    while b"docs" not in desk.run("ls", "--active").stdout:
        assert time.monotonic() < until
    table = desk.run("ls", "--active").stdout.decode()
    assert "Bash make" in table
    assert "shop" not in table
    assert len(json.loads(desk.run("ls", "--json", "--limit", "1").stdout)["projects"]) == 1
    assert b"no such builds" in desk.run("ls", "--since", "2999-01-01").stdout
    assert desk.run("ls", "--since", "soon").returncode == 2


def test_a_session_file_is_shown_without_a_server(desk: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "s-9.jsonl", LINES + END)
    state = desk.state(str(path))
    assert (state["status"], state["agentId"], state["sessionId"]) == ("completed", "claude-code", "s-9")
    watched = desk.run("watch", str(path), "--plain")
    assert watched.returncode == 0
    assert b"There are two." in watched.stdout
    assert not (Path(os.environ["SENTRYVIBE_DATA_DIR"]) / "builds.db").exists()


def test_a_session_file_is_watched_while_it_grows(desk: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "s-9.jsonl", LINES, age=0)
    watch = desk.start("watch", str(path), "--plain")
    watch.until("ls")
    written(path, END, age=0)
    watch.until("There are two.")
    assert watch.end() == 0


@pytest.mark.parametrize("content", ["", "no session\n"])
def test_a_file_that_is_no_session_is_told(desk: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))  # nobody writes it any more
    for command in ("show", "watch"):
        done = desk.run(command, str(path), *(["--plain"] if command == "watch" else []))
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.count(b"x.jsonl") == 1
        assert b"no server" not in done.stderr


@pytest.mark.parametrize("name", ["/nowhere/s-9.jsonl", "./s-9.jsonl", "s-9.jsonl", "~/nowhere", "~nobody-here/s"])
def test_a_file_that_is_not_there_is_no_project(desk: Any, name: str) -> None:
    for command in (("show", name), ("watch", name, "--plain")):
        done = desk.run(*command)
        assert done.returncode == 2
        assert f"there is no file or directory {name}" in done.stderr.decode()


def test_a_path_that_the_system_refuses_is_told_with_its_reason(desk: Any, tmp_path: Path) -> None:
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop)
    for name in (f"{tmp_path}/{'x' * 300}.jsonl", str(loop)):
        for command in (("show", name), ("watch", name, "--plain")):
            done = desk.run(*command)
            assert done.returncode == 2
            assert done.stderr.count(name.encode()) == 1
            assert b"Errno" not in done.stderr


def test_what_is_no_file_is_no_project(desk: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    for command in (("show", str(pipe)), ("watch", str(pipe), "--plain")):
        done = desk.run(*command)
        assert done.returncode == 2
        assert b"is no file that a session could be in" in done.stderr
    done = desk.run("show", str(tmp_path))
    assert done.returncode == 2
    assert f"`watch {tmp_path}` shows" in done.stderr.decode()


def test_the_project_of_a_session_file_is_its_agents_directory(desk: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "s-9.jsonl", here(LINES + END, Path("/work/shop")))
    assert desk.run("show", str(path)).stdout.startswith(b"shop ")


@pytest.fixture
def folder(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Claude Code keeps the sessions of the test's directory; no other agent has any."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    name = re.sub(r"[^a-zA-Z0-9]", "-", str(desk.folder.resolve()))
    folder = desk.folder / "home" / ".claude" / "projects" / name
    folder.mkdir(parents=True)
    return folder


def here(lines: list[dict[str, Any]], directory: Path) -> list[dict[str, Any]]:
    return [line | {"cwd": str(directory.resolve())} for line in lines]


def test_in_a_directory_without_an_agent_the_last_session_is_shown_and_said_to_be_over(desk: Any, folder: Path) -> None:
    written(folder / "s-9.jsonl", here(LINES + END, desk.folder), age=22 * 60)
    watch = desk.start("watch", ".", "--plain")
    watch.until("There are two.")
    assert watch.end() == 0
    assert any("no agent is at work" in line and "of claude, ended 22m ago" in line for line in watch.errors)


def test_a_session_that_is_silent_since_its_agent_waits_is_not_called_over(desk: Any, folder: Path) -> None:
    """A permission that nobody answered: the register names a process that lives."""
    written(folder / "s-9.jsonl", here(LINES, desk.folder), age=22 * 60)
    register = folder.parents[1] / "sessions"
    register.mkdir()
    entry = {"pid": os.getpid(), "sessionId": "s-9", "status": "waiting", "waitingFor": "permission prompt"}
    (register / f"{os.getpid()}.json").write_text(json.dumps(entry | {"cwd": str(desk.folder.resolve())}))
    watch = desk.start("watch", ".", "--plain")
    watch.until("needs input")
    watch.stop(signal.SIGINT)
    assert not any("no agent is at work" in line or "ended" in line for line in watch.errors)


def test_who_waits_is_told_for_what_and_where(desk: Any, folder: Path) -> None:
    watch = desk.start("watch", ".", "--plain")
    said_by(watch.errors, "waiting for an agent in")
    words = next(line for line in watch.errors if "waiting for an agent" in line)
    assert str(desk.folder.resolve()) in words
    assert "claude, " in words
    assert "opencode" in words
    assert "30 days" in words
    watch.stop(signal.SIGINT)


def test_lines_keep_their_build_and_go_on_with_the_next_only_when_asked_to(desk: Any, server: str, claude: Any) -> None:
    desk.run("ingest", "shop", "--session", "one", data=claude.init)
    keeps = desk.start("watch", "shop", "--plain")
    goes_on = desk.start("watch", "shop", "--plain", "--next")
    for watch in (keeps, goes_on):
        watch.until("interrupted")
    assert keeps.end() == 1
    desk.run("ingest", "shop", "--session", "two", data=claude.init + claude.text(1, "second one") + claude.done)
    goes_on.until("second one")
    goes_on.stop(signal.SIGINT)
    assert not any("second one" in line for line in keeps.lines)


def test_who_waits_for_a_name_hears_which_there_are(desk: Any, server: str, claude: Any) -> None:
    desk.run("ingest", "shop", data=claude.init)
    watch = desk.start("watch", "shpo", "--plain")
    said_by(watch.errors, "no project 'shpo'; there are: shop; waiting for it")
    watch.stop(signal.SIGINT)


def test_without_a_terminal_other_servers_are_listed_and_one_out_of_reach_is_named(desk: Any, server: str) -> None:
    listed = desk.run("--server", server)
    assert (listed.returncode, listed.stdout.decode().split("\n")[-3:]) == (0, [f"{server}:", "no agent is active", ""])
    away = desk.run("--server", "http://127.0.0.1:1")
    assert (away.returncode, "no server at http://127.0.0.1:1" in away.stderr.decode()) == (3, True)
    wrong = desk.run("--server", "ftp://x")
    assert (wrong.returncode, wrong.stdout) == (2, b"")


@pytest.mark.parametrize(("flags", "words"), [(("--session", "s-9"), b"--session goes"), (("--next",), b"--next goes")])
def test_what_a_file_has_not_is_refused(desk: Any, flags: tuple[str, ...], words: bytes) -> None:
    path = written(desk.folder / "s-9.jsonl", LINES + END)
    done = desk.run("watch", str(path), "--plain", *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == b""


def test_a_directory_whose_builds_cannot_be_kept_is_told_once(desk: Any, tmp_path: Path) -> None:
    data = Path(os.environ["SENTRYVIBE_DATA_DIR"])
    data.mkdir(parents=True, exist_ok=True)
    (data / "builds.db").write_bytes(b"no database, whatever its name says\n" * 100)
    done = desk.run("watch", str(tmp_path), "--plain")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"builds.db is damaged") == 1
