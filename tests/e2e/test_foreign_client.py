"""A client in another language, written from docs/protocol.md alone: docs/examples/client.mjs against a real server."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..patience import PATIENCE

CLIENT = Path(__file__).parents[2] / "docs/examples/client.mjs"
NODE = shutil.which("node")


def _flags() -> list[str] | None:
    """What makes this machine's Node know WebSocket; None when it cannot."""
    for flags in ([], ["--experimental-websocket", "--no-warnings"]):
        asked = [str(NODE), *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if NODE and subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return flags
    return None


class Foreign:
    """The JavaScript client's processes."""

    def __init__(self, flags: list[str]) -> None:
        self._flags = flags
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [str(NODE), *self._flags, str(CLIENT), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        return process


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    flags = _flags()
    if flags is None:
        pytest.skip("there is no Node with WebSocket here (20.10 or newer)")
    clients = Foreign(flags)
    yield clients
    for process in clients.started:
        process.kill()
        process.communicate()


def lines_of(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def say(process: subprocess.Popen[str], **event: Any) -> dict[str, Any]:
    """Publishes one event, and waits for its acknowledgement."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(event) + "\n")
    process.stdin.flush()
    return lines_of(process, 1)[0]


def end_of(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def as_shown(state: dict[str, Any]) -> tuple[Any, ...]:
    """What `show --json` says of the build, in the client's words."""
    tools = [*state.get("planningTools", []), *(tool for group in state["toolsByTodo"].values() for tool in group)]
    tools.sort(key=lambda tool: tool["seq"])
    return (
        state["status"],
        state["stateVersion"],
        state["activity"]["kind"],
        [(todo["content"], todo["status"]) for todo in state["todos"]],
        [(tool["id"], tool["name"], tool["state"]) for tool in tools],
        {note["id"]: note["text"] for group in state["textByTodo"].values() for note in group},
    )


def as_folded(end: dict[str, Any]) -> tuple[Any, ...]:
    return (
        end["status"],
        end["version"],
        end["activity"]["kind"],
        [(todo["content"], todo["status"]) for todo in end["todos"]],
        [(tool["id"], tool["name"], tool["state"]) for tool in end["tools"]],
        end["texts"],
    )


def todos(*statuses: str) -> dict[str, Any]:
    return {"type": "todos", "todos": [{"content": f"Step {n}", "status": one} for n, one in enumerate(statuses)]}


def test_a_build_that_javascript_publishes_is_what_javascript_follows(desk: Any, server: str, foreign: Foreign) -> None:
    watcher = foreign.start("watch", server, "js")
    publisher = foreign.start("publish", server, "js")
    assert say(publisher, type="start") == {"accepted": 1, "duplicates": 0, "version": 1}
    say(publisher, **todos("in_progress", "pending"))
    say(publisher, type="tool-input-available", toolCallId="a", toolName="Bash", input={"command": "ls"})
    say(publisher, type="tool-background", toolCallId="a", what="ls")
    say(publisher, type="tool-input-available", toolCallId="b", toolName="Edit", input={"file_path": "x"})
    say(publisher, type="tool-error", toolCallId="b", errorText="no such file")
    say(publisher, type="text-delta", id="m", delta="Hello, ")
    say(publisher, type="text-delta", id="m", delta="world")
    say(publisher, **todos("completed", "in_progress"))
    say(publisher, type="tool-output-available", toolCallId="a", output="x\n")
    say(publisher, type="tool-input-available", toolCallId="c", toolName="Bash")
    say(publisher, type="build-completed", summary="done")
    code, lines = end_of(watcher)
    assert code == 0
    assert as_folded(lines[-1]) == as_shown(desk.state("js"))
    assert [one["state"] for one in lines[-1]["tools"]] == ["output-available", "error", "interrupted"]
    assert end_of(publisher)[0] == 0


def test_a_javascript_watcher_goes_on_where_it_was_after_the_server_was_away(desk: Any, foreign: Foreign) -> None:
    process, url = desk.serve()
    publisher, watcher = foreign.start("publish", url, "js"), foreign.start("watch", url, "js")
    say(publisher, type="start")
    say(publisher, type="text-delta", id="m", delta="before ")
    seen = lines_of(watcher, 1)
    while seen[-1].get("version", 0) < 2:
        seen += lines_of(watcher, 1)
    assert process.stop(signal.SIGTERM) == 0
    desk.serve("--port", url.rpartition(":")[2])
    say(publisher, type="text-delta", id="m", delta="after")
    say(publisher, type="build-failed", error="no")
    code, rest = end_of(watcher)
    assert code == 1
    assert as_folded(rest[-1]) == as_shown(desk.state("js"))
    versions = [line["version"] for line in (*seen, *rest[:-1])]
    assert versions == sorted(versions)
    assert not [line for line in rest if line["type"] == "state"]  # what was missed came, not everything
    publisher.communicate()


def test_a_javascript_watcher_reads_a_large_state_and_what_follows_it(desk: Any, server: str, foreign: Foreign) -> None:
    about = {"projectId": "js", "sessionId": "s"}
    with httpx.Client(base_url=server, verify=False) as client:

        def post(*events: dict[str, Any]) -> None:
            client.post("/api/build-events", json=[about | {"event": event} for event in events]).raise_for_status()

        calls = [f"t{number}" for number in range(100)]
        post(*({"type": "tool-call", "toolCallId": call, "toolName": "Bash", "input": {}} for call in calls))
        post(*({"type": "tool-result", "toolCallId": call, "output": os.urandom(1000).hex()} for call in calls))
        watcher = foreign.start("watch", server, "js")
        assert lines_of(watcher, 1) == [{"type": "state", "version": 200}]
        post({"type": "text", "id": "m", "text": "all is here"}, {"type": "build-completed"})
    code, lines = end_of(watcher)
    assert code == 0
    assert as_folded(lines[-1]) == as_shown(desk.state("js"))
