"""`follow`: session files that other processes write."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.processes import started_at

from ..patience import PATIENCE
from .conftest import said_by

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts"
SUBAGENTS = TRANSCRIPTS / "claude-session" / "irr-3-subagents"
SESSION = "64f42b5c-9da1-4e5f-9ec1-aae47ca0f4c8"


@pytest.fixture(autouse=True)
def home(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's agents but the test's."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    return desk.folder / "home"


@pytest.fixture
def session(desk: Any, home: Path) -> Path:
    """Where Claude Code would write the session of the test's directory."""
    folder = home / ".claude" / "projects" / re.sub(r"[^a-zA-Z0-9]", "-", str(desk.folder.resolve()))
    folder.mkdir(parents=True)
    enlist(home)
    return folder / f"{SESSION}.jsonl"


def enlist(home: Path) -> None:
    """The test's own process has the session, by the agent's register."""
    entry = {"pid": os.getpid(), "procStart": started_at(os.getpid()), "sessionId": SESSION}
    register(home).parent.mkdir(parents=True)
    register(home).write_text(json.dumps(entry))


def register(home: Path) -> Path:
    return home / ".claude" / "sessions" / f"{os.getpid()}.json"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def of_today(recorded: bytes) -> bytes:
    """A recorded session of one hour as if it were of the last one: what is a day old and unfinished is over."""
    hour = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 3600))
    return re.sub(rb'"timestamp":"[\d-]+T\d\d', f'"timestamp":"{hour}'.encode(), recorded)


def eventually(desk: Any, right: Callable[[dict[str, Any]], bool], project: str = "") -> dict[str, Any]:
    """The project's state, once it is `right`."""
    until, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < until:
        shown = desk.run("show", project or desk.folder.name, "--json")
        last = shown.stdout.decode() or shown.stderr.decode()
        if shown.returncode == 0 and right(json.loads(last)):
            return json.loads(last)
        time.sleep(0.05)
    raise AssertionError(last)


def tools(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        tool["id"]: tool
        for listed in [*state["toolsByTodo"].values(), state.get("planningTools", [])]
        for tool in listed
    }


def said(state: dict[str, Any]) -> list[str]:
    """Texts and prompts, in order."""
    notes = [*state["notes"], *(note for listed in state["textByTodo"].values() for note in listed)]
    return [note["text"] for note in sorted(notes, key=lambda note: note["seq"])]


def user(text: str, uuid: str) -> bytes:
    record = {"type": "user", "uuid": uuid, "sessionId": SESSION, "message": {"role": "user", "content": text}}
    return json.dumps(record).encode() + b"\n"


def test_a_session_grows_into_a_build_with_its_subagents(desk: Any, server: str, session: Path) -> None:
    whole = of_today((SUBAGENTS / "main.jsonl").read_bytes())
    follow = desk.start("follow", "--settled", "0.5")
    append(session, whole[:9000])
    eventually(desk, lambda state: state["status"] == "active")
    append(session, whole[9000:20000])
    append(session, whole[20000:])
    folder = session.with_suffix("") / "subagents"
    folder.mkdir(parents=True)
    for path in (SUBAGENTS / "subagents").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    state = eventually(desk, lambda state: state["status"] == "completed" and len(tools(state)) == 11)
    assert state["sessionId"] == SESSION
    agents = {tool["id"] for tool in tools(state).values() if tool["name"] == "Agent"}
    assert len(agents) == 3
    parents = [tool.get("parentId") for tool in tools(state).values() if tool["name"] != "Agent"]
    assert sorted(map(parents.count, agents)) == [1, 3, 4]

    append(session, user("and another thing", "more-1"))
    eventually(desk, lambda state: state["status"] == "active")
    assert follow.stop(signal.SIGTERM) == 0


def test_a_session_whose_process_is_gone_before_anyone_looks_has_ended(
    desk: Any, server: str, home: Path, session: Path
) -> None:
    """Not idle for half an hour; one that is written to has not, whatever processes there are."""
    register(home).unlink()
    append(session, of_today((SUBAGENTS / "main.jsonl").read_bytes()))
    os.utime(session, (time.time() - 60, time.time() - 60))
    follow = desk.start("follow", "--settled", "0.5")
    state = eventually(desk, lambda state: state["activity"]["kind"] == "ended")
    assert (state["status"], state["activity"]["source"]) == ("completed", "registry")
    now = time.strftime('{"timestamp":"%Y-%m-%dT%H:%M:%S.999Z",', time.gmtime()).encode()
    append(session, user("and another thing", "more-1").replace(b"{", now, 1))
    eventually(desk, lambda state: state["status"] == "active")
    assert follow.stop(signal.SIGTERM) == 0


def test_a_session_that_is_over_before_its_register_is_read_has_ended(
    desk: Any, server: str, home: Path, session: Path
) -> None:
    """`claude -p` may take no longer than a look."""
    register(home).unlink()
    follow = desk.start("follow", "--settled", "0.5")
    said_by(follow.errors, "ctrl+c stops")
    append(session, of_today((SUBAGENTS / "main.jsonl").read_bytes()))
    state = eventually(desk, lambda state: state["activity"]["kind"] == "ended")
    assert (state["status"], state["activity"]["source"]) == ("completed", "registry")
    assert follow.stop(signal.SIGTERM) == 0


def test_without_a_past_only_what_is_written_from_now_on_is_followed(desk: Any, server: str, session: Path) -> None:
    old = session.with_name("0ld" + session.name[3:])
    append(old, user("long ago", "u0"))
    follow = desk.start("follow", "--live", "0", "--settled", "0")
    said_by(follow.errors, "ctrl+c stops")
    append(session, user("now", "u1"))
    assert said(eventually(desk, lambda state: "now" in said(state))) == ["now"]
    append(session, user("later", "u2"))
    assert said(eventually(desk, lambda state: "later" in said(state))) == ["now", "later"]
    assert follow.stop(signal.SIGTERM) == 0
    (project,) = json.loads(desk.run("ls", "--json").stdout)["projects"]
    assert [build["sessionId"] for build in project["builds"]] == [SESSION]


def test_a_new_start_changes_nothing_and_goes_on(desk: Any, server: str, session: Path) -> None:
    whole = (TRANSCRIPTS / "claude-session" / "irr-task-list-2.1.150.jsonl").read_bytes()
    cut = len(whole) * 2 // 3
    append(session, whole[:cut])
    first = desk.start("follow")
    before = eventually(desk, lambda state: len(tools(state)) > 0)
    assert first.stop(signal.SIGINT) == 0
    before = desk.state(desk.folder.name)

    second = desk.start("follow", "--settled", "0.5")
    append(session, whole[cut:])
    after = eventually(desk, lambda state: state["status"] == "completed")
    assert second.stop(signal.SIGINT) == 0
    assert after["startTime"] == before["startTime"]
    assert [todo["status"] for todo in after["todos"]] == ["completed"] * 3

    desk.start("follow", "--settled", "0.5")
    append(session, b"\n")
    marker = session.with_name("11111111-1111-4111-8111-111111111111.jsonl")
    append(marker, user("hello", "m-1").replace(SESSION.encode(), marker.stem.encode()))
    eventually(desk, lambda state: state["sessionId"] == marker.stem)
    assert desk.state(desk.folder.name, "--session", after["sessionId"]) == after


def test_a_file_that_is_written_anew_gives_nothing_twice(desk: Any, server: str, session: Path) -> None:
    whole = (TRANSCRIPTS / "claude-session" / "happy-task_sdk.jsonl").read_bytes()
    desk.start("follow")
    append(session, whole)
    state = eventually(desk, lambda state: len(tools(state)) > 0)
    session.write_bytes(b"")
    append(session, whole)
    append(session, user("the last word", "last-1"))
    again = eventually(desk, lambda state: "the last word" in said(state))
    assert list(tools(again)) == list(tools(state))
    assert said(again) == [*said(state), "the last word"]


def test_all_agents_of_all_directories(desk: Any, server: str, home: Path) -> None:
    codex = (TRANSCRIPTS / "codex-rollout" / "irr-0.130-interrupted.jsonl").read_bytes()
    gemini = (TRANSCRIPTS / "gemini-session" / "irr-write_todos.jsonl").read_bytes()
    rollout = home / ".codex/sessions/2026/05/16/rollout-2026-05-16T20-56-55-019e3293-eaed-75c1-ae74-5b96bc3076f0.jsonl"
    chat = home / ".gemini/tmp/shop/chats/session-2026-06-12T12-32-876f478d.jsonl"
    for path, data in ((rollout, codex), (chat, gemini)):
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    (home / ".gemini/tmp/shop/.project_root").write_text("/work/shop")
    follow = desk.start("follow", "--all", "--settled", "0.5")
    state = eventually(desk, lambda state: state["status"] == "completed", "cwd")
    assert (state["agentId"], state["sessionId"]) == ("openai-codex", "019e3293-eaed-75c1-ae74-5b96bc3076f0")
    state = eventually(desk, lambda state: state["status"] == "completed", "shop")
    assert (state["agentId"], len(state["todos"])) == ("gemini-cli", 3)
    assert follow.stop(signal.SIGTERM) == 0
    assert [line.split(" session ")[0] for line in follow.errors if "session" in line and "all" not in line]


def test_it_serves_by_itself_when_nobody_does(desk: Any, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    append(session, (TRANSCRIPTS / "claude-session" / "irr-task-list-2.1.150.jsonl").read_bytes())
    follow = desk.start("follow", "--settled", "0.5")
    eventually(desk, lambda state: state["status"] == "completed")
    assert follow.stop(signal.SIGTERM) == 0
    assert any("no server runs here" in line for line in follow.errors)


@pytest.mark.parametrize("serves", [True, False], ids=["server", "no server"])
def test_a_watch_on_a_directory_follows_by_itself(
    desk: Any, session: Path, serves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    if serves:
        desk.serve()
    whole = (TRANSCRIPTS / "claude-session" / "irr-api-error.jsonl").read_bytes()
    append(session, whole[: len(whole) // 2])
    watch = desk.start("watch", ".", "--jsonl")
    watch.until('"snapshot"')
    fresh = desk.folder / "fresh"
    fresh.write_bytes(whole)
    os.utime(fresh, (time.time() - 60, time.time() - 60))
    fresh.replace(session)
    end = json.loads(watch.until('"type":"end"'))
    assert (end["status"], end["state"]["sessionId"]) == ("failed", "f8814b3b-b760-403c-b354-96849752cb78")
    assert watch.end() == 1


def test_what_is_watched_in_a_directory_is_said_once(
    desk: Any, home: Path, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    register(home).unlink()
    append(session, (TRANSCRIPTS / "claude-session" / "irr-api-error.jsonl").read_bytes())
    os.utime(session, (time.time() - 3 * 3_600,) * 2)
    done = desk.run("watch", ".", "--plain")
    lines = (done.stderr + done.stdout).decode().splitlines()
    assert sum("its last session, of claude, ended 3h ago" in line for line in lines) == 1
    assert not [line for line in lines if "following claude" in line or "waiting for a build" in line]


def test_a_first_session_that_begins_further_down_is_shown(
    desk: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    web = (desk.folder / "web").resolve()
    web.mkdir()
    watch = desk.start("watch", ".", "--jsonl")
    until = time.monotonic() + PATIENCE
    while not any("no server runs here" in line for line in watch.errors):
        assert time.monotonic() < until
        time.sleep(0.01)
    path = home / ".claude" / "projects" / re.sub(r"[^a-zA-Z0-9]", "-", str(web)) / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    record = {"type": "user", "uuid": "u", "sessionId": SESSION, "cwd": str(web), "message": {"content": "in the web"}}
    append(path, json.dumps(record).encode() + b"\n")
    assert "in the web" in watch.until("in the web")


def test_a_watch_outlives_the_command_that_served_it(desk: Any, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    append(session, user("hello", "u-1"))
    follow = desk.start("follow")
    eventually(desk, lambda state: "hello" in said(state))
    watch = desk.start("watch", ".", "--jsonl")
    watch.until("hello")
    follow.popen.kill()
    follow.end()
    append(session, user("are you still there", "u-2"))
    watch.until("are you still there")
    assert sum("no server runs here" in line for line in watch.errors) == 1


@pytest.mark.parametrize("arguments", [("follow",), ("watch", ".", "--plain"), ("run", "--", "true"), ("serve",)])
def test_a_pattern_that_is_none_is_told(desk: Any, arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRYVIBE_PORT", "0")
    monkeypatch.setenv("SENTRYVIBE_REDACT_PATTERNS", "fine\n[")
    done = desk.run(*arguments)
    assert done.returncode == 2
    told = done.stderr.decode().splitlines()
    assert told == [
        "sentryvibe-tui: redact_patterns: redaction pattern '[' is no regular expression: "
        "unterminated character set at position 1"
    ]
