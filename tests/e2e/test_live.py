"""`follow` beside the agents' own registers of what runs, with nothing installed: real processes and files."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..patience import PATIENCE

SESSION = "5a1cb0de-7f3e-4a52-8c1b-4e2e9a7f0a1b"


class Claude:
    """A process that leaves the traces of Claude Code: its session's file, and its entry in the register."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.cwd = cwd
        self.entry = home / ".claude" / "sessions" / f"{self.process.pid}.json"
        self.file = home / ".claude" / "projects" / re.sub(r"[^a-zA-Z0-9]", "-", str(cwd)) / f"{SESSION}.jsonl"
        for path in (self.entry, self.file):
            path.parent.mkdir(parents=True)
        self._start = self._began()

    def _began(self) -> str:
        stat = Path(f"/proc/{self.process.pid}/stat")
        return stat.read_text().rpartition(")")[2].split()[19] if stat.exists() else ""

    def says(self, status: str, waiting_for: str | None = None) -> None:
        entry = {"pid": self.process.pid, "sessionId": SESSION, "cwd": str(self.cwd), "procStart": self._start}
        state = {"status": status, "waitingFor": waiting_for, "statusUpdatedAt": int(time.time() * 1000)}
        self.entry.write_text(json.dumps(entry | state))

    def writes(self, kind: str, uuid: str, content: object, **message: Any) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1000) % 1000:03}Z"
        record = {"type": kind, "uuid": uuid, "sessionId": SESSION, "cwd": str(self.cwd), "timestamp": at}
        with self.file.open("a") as file:
            file.write(json.dumps(record | {"message": {"role": kind, "content": content, **message}}) + "\n")


@pytest.fixture
def claude(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Claude]:
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(desk.folder / "home"))
    agent = Claude(desk.folder / "home", desk.folder.resolve())
    yield agent
    agent.process.kill()
    agent.process.communicate()


def eventually(desk: Any, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < until:
        shown = desk.run("show", desk.folder.name, "--json")
        last = shown.stdout.decode() or shown.stderr.decode()
        if shown.returncode == 0 and right(json.loads(last)):
            return json.loads(last)
        time.sleep(0.05)
    raise AssertionError(last)


CALL = [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "touch release.txt"}}]


def test_a_permission_that_no_file_tells_of_and_a_process_that_is_killed(
    desk: Any, server: str, claude: Claude
) -> None:
    claude.says("idle")
    desk.start("follow")
    claude.says("busy")
    claude.writes("user", "u1", "Please help")
    claude.writes("assistant", "a1", CALL, id="m1", stop_reason="tool_use")
    claude.says("waiting", "permission prompt")
    asked = eventually(desk, lambda state: bool(state.get("needsInput")))
    assert "Bash touch release.txt" in asked["needsInput"]
    assert asked["activity"]["kind"] == "waiting-person"
    claude.says("busy")
    eventually(desk, lambda state: not state.get("needsInput") and state["status"] == "active")
    os.kill(claude.process.pid, 9)
    claude.process.wait()
    gone = eventually(desk, lambda state: state["status"] != "active")
    assert (gone["status"], gone["error"]) == ("interrupted", "process gone")
    assert claude.entry.exists(), "it stays for ever"


def test_esc_fires_no_hook_and_exit_ends_the_session(desk: Any, server: str, claude: Claude) -> None:
    claude.says("busy")
    claude.writes("user", "u1", "Please help")
    claude.writes("assistant", "a1", CALL, id="m1", stop_reason="tool_use")
    desk.start("follow")
    eventually(desk, lambda state: state["status"] == "active")
    claude.says("idle")
    stopped = eventually(desk, lambda state: state["status"] != "active")
    assert (stopped["status"], stopped["activity"]["kind"]) == ("interrupted", "idle")
    claude.entry.unlink()
    ended = eventually(desk, lambda state: state["activity"]["kind"] == "ended")
    assert ended["status"] == "interrupted"


def test_a_session_at_its_first_prompt_is_seen_before_it_has_a_file_and_is_one_build(
    desk: Any, server: str, claude: Claude
) -> None:
    desk.start("follow")
    claude.says("busy")
    eventually(desk, lambda state: state["status"] == "active")
    claude.writes("user", "u1", "Please help")
    claude.writes("assistant", "a1", [{"type": "text", "text": "Helped."}], id="m1", stop_reason="end_turn")
    claude.says("idle")
    state = eventually(desk, lambda state: state["status"] == "completed")
    assert "Please help" in json.dumps(state), "the file goes on with the same build"
    listed = json.loads(desk.run("ls", "--json").stdout)
    assert [len(project["builds"]) for project in listed["projects"]] == [1], listed
