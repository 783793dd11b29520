"""Agents whose session files are found and followed like those of the first three. All values are invented."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.registry import agent_kind
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.wire.projects import project_named

ID = "7d3f0a52-8c1b-4e2e-9a7f-0a1b2c3d4e5f"
NOW = 1_800_000_000.0


def copilot(kind: str, second: int, **data: Any) -> dict[str, Any]:
    stamp = f"2027-01-15T08:00:{second:02}.000Z"
    return {"type": kind, "data": data, "id": f"e{second}", "timestamp": stamp, "parentId": None}


COPILOT = (
    copilot("session.start", 0, sessionId=ID, context={"cwd": "DIRECTORY"}),
    copilot("user.message", 1, content="Mark it", messageId="m1"),
    copilot("tool.execution_start", 2, toolCallId="c1", toolName="bash", arguments={"command": "touch r"}),
    copilot(
        "permission.requested",
        3,
        requestId="r1",
        permissionRequest={"kind": "shell", "toolCallId": "c1", "fullCommandText": "touch r"},
    ),
    copilot("permission.completed", 4, requestId="r1", result={"kind": "approved"}),
    copilot("tool.execution_complete", 5, toolCallId="c1", success=True),
    copilot("assistant.message", 6, messageId="m2", content="Done.", toolRequests=[]),
    copilot("assistant.turn_end", 7, turnId="1"),
)
"""With the activity after so many of its records."""


def qwen(kind: str, second: int, *parts: dict[str, Any]) -> dict[str, Any]:
    ident = {
        "uuid": f"u{second}",
        "parentUuid": None,
        "sessionId": ID,
        "timestamp": f"2027-01-15T08:00:{second:02}.000Z",
    }
    return ident | {"type": kind, "cwd": "DIRECTORY", "message": {"parts": list(parts)}}


QWEN = (
    qwen("user", 1, {"text": "Show the files"}),
    qwen("assistant", 2, {"functionCall": {"id": "c1", "name": "ls", "args": {}}}),
    qwen("tool_result", 3, {"functionResponse": {"id": "c1", "name": "ls", "response": {"output": "a"}}}),
    qwen("assistant", 4, {"text": "One file."}),
)


def pi(kind: str, second: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": f"e{second}", "timestamp": f"2027-01-15T08:00:{second:02}.000Z", **fields}


PI = (
    pi("session", 0, version=3, cwd="DIRECTORY") | {"id": ID},
    pi("message", 1, parentId=None, message={"role": "user", "content": "Show the files"}),
    pi("message", 2, parentId="e1", message={"role": "assistant", "stopReason": "stop", "content": []}),
)

CASES = [
    pytest.param(
        "copilot",
        f"{ID}/events.jsonl",
        COPILOT,
        {2: "working", 3: "working", 4: "waiting-person", 5: "working", 7: "working", 8: "idle"},
        id="copilot",
    ),
    pytest.param("qwen", f"-srv-shop/chats/{ID}.jsonl", QWEN, {1: "working", 3: "working", 4: "idle"}, id="qwen"),
    pytest.param("pi", f"--srv-shop--/2027-01-15T08-00-00-000Z_{ID}.jsonl", PI, {2: "working", 3: "idle"}, id="pi"),
]


@pytest.mark.parametrize(("agent", "place", "records", "activities"), CASES)
def test_found_by_its_directory_and_followed_to_the_end_of_its_turn(
    agent: str, place: str, records: tuple[Any, ...], activities: dict[int, str], tmp_path: Path
) -> None:
    project, root = tmp_path / "shop", tmp_path / "root"
    project.mkdir()
    path = root / place
    path.parent.mkdir(parents=True)
    files, state = agent_kind(agent).sessions, BuildState()
    assert files is not None
    following: SessionReader | None = None
    for number, record in enumerate(records, 1):
        with path.open("a") as file:
            file.write(json.dumps(record).replace("DIRECTORY", str(project)) + "\n")
        os.utime(path, (NOW, NOW))
        if following is None:
            found = list(files().folder(root, str(project)).changed_since(NOW - 1))
            assert [(one.agent, one.path, one.id, one.directory) for one in found] == [(agent, path, ID, str(project))]
            following = SessionReader(found[0], project_named("shop"))
        for posted in following.pull(NOW)[0]:
            state, _ = reduce(state, posted.event, posted.at or 0, posted.about)
        if number in activities:
            assert (number, state.activity.kind) == (number, activities[number])
    assert state.status == "completed"
    assert list(files().folder(root, str(tmp_path / "other")).changed_since(NOW - 1)) == []
    assert list(files().folder(root, "").changed_since(NOW + 1)) == []
