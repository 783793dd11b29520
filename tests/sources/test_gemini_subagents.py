"""A session of Gemini CLI with subagents, in files of their own: read at once, and followed while they grow."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.agents.detect import AutoReader
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.event_ids import EventLabeler
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.sources.ingest.input import AgentInput
from sentryvibe_tui.sources.sessions import without_subagents
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.projects import project_named

ID = "6e6e0000-0000-4000-8000-000000000001"


def head(ident: str, kind: str) -> dict[str, Any]:
    return {"sessionId": ident, "projectHash": "ab" * 32, "startTime": "2026-11-20T09:00:00.000Z", "kind": kind}


def message(number: int, kind: str, content: str, *calls: dict[str, Any], **used: int) -> dict[str, Any]:
    record = {"id": f"m{number}", "timestamp": f"2026-11-20T09:00:{number:02}.000Z", "type": kind, "content": content}
    if used:
        record |= {"model": "gemini-3-pro", "tokens": {"cached": 0, "thoughts": 0, "tool": 0} | used}
    return record | ({"toolCalls": list(calls)} if calls else {})


def call(ident: str, name: str, status: str = "success", **given: str) -> dict[str, Any]:
    return {"id": ident, "name": name, "args": given, "status": status, "result": []}


def investigator(number: int, objective: str) -> dict[str, Any]:
    return call(f"look-{number}", "codebase_investigator", objective=objective)


def main() -> list[dict[str, Any]]:
    asked = [investigator(1, "Find the cart"), investigator(2, "Find the cart"), investigator(3, "Find the tax")]
    return [
        head(ID, "main"),
        message(1, "user", "Look around"),
        message(2, "gemini", "I ask.", *asked, input=1000, output=20),
        message(40, "gemini", "It is in cart.py.", input=1200, output=10),
    ]


def subagent(ident: str, prompt: str, tool: str) -> list[dict[str, Any]]:
    return [
        head(ident, "subagent"),
        message(4, "user", prompt),
        message(5, "gemini", "", call(tool, "search_file_content", pattern="x"), input=5000, output=50),
        message(6, "gemini", f"{tool} says so", input=6000, output=30),
    ]


SUBAGENTS = {"a": ("Find the cart", "grep-1"), "b": ("Find the cart", "grep-2"), "c": ("Find the tax", "grep-3")}


def session(folder: Path) -> Path:
    path = folder / "chats" / f"session-2026-11-20T09-00-{ID[:8]}.jsonl"
    files = {path: main()}
    for name, (prompt, tool) in SUBAGENTS.items():
        files[folder / "chats" / ID / f"{name}.jsonl"] = subagent(name, prompt, tool)
    for file, records in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(one) + "\n" for one in records))
        os.utime(file, (1, 1))
    return path


def read_whole(path: Path) -> list[EventEnvelope]:
    one = AgentInput(AutoReader(), EventLabeler("p", "p", "s"), path, None, {})
    posted = list(one.feed(path.read_bytes()))
    while parts := list(one.subagents()):
        for file, part in parts:
            posted += [*part.feed(file.read_bytes()), *part.finish()]
    return [*posted, *one.finish()]


def followed(path: Path) -> list[EventEnvelope]:
    following = SessionReader(Session("gemini", path, ID, "/w", 0.0), project_named("shop"))
    return [*following.pull(1.0)[0], *following.pull(60.0)[0]]


@pytest.mark.parametrize("read", [read_whole, followed])
def test_what_subagents_do_and_use_is_told_under_their_calls(read: Any, tmp_path: Path) -> None:
    state = BuildState()
    for one in read(session(tmp_path)):
        state, _ = reduce(state, one.event, one.at or 0, one.about)
    assert {tool.id: tool.parent_id for tool in state.tools()} == {
        "look-1": "", "look-2": "", "look-3": "", "grep-1": "look-1", "grep-2": "look-2", "grep-3": "look-3",
    }  # fmt: skip
    assert (state.usage.input_tokens, state.usage.output_tokens) == (2200 + 3 * 11_000, 30 + 3 * 80)
    assert [note.text for note in state.notes() if note.kind == "prompt"] == ["Look around"]
    assert (state.agent.title, state.status) == ("Look around", "completed")


def test_a_subagents_file_is_read_with_its_session(tmp_path: Path) -> None:
    path = session(tmp_path)
    aside = tmp_path / "chats" / ID / "a.jsonl"
    assert without_subagents([path, aside]) == [path]
    assert without_subagents([aside]) == [aside]
