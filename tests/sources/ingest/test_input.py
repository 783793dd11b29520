"""A session is read with the files of its subagents, each under its call."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.agents.detect import AutoReader
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.event_ids import EventLabeler
from sentryvibe_tui.sources.follow.session_reader import ORPHANED, SessionReader
from sentryvibe_tui.sources.ingest.input import AgentInput
from sentryvibe_tui.sources.sessions import without_subagents
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.projects import project_named

DAY = "2026/07/14"


def thread(name: str) -> str:
    return f"019f6249-055d-76d3-b381-{name:0>12}"


def rollout(sessions: Path, name: str, *records: dict[str, Any], parent: str = "", **meta: Any) -> Path:
    """The file of a thread; with a `parent`, one that it spawned."""
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": parent, "depth": 1, "agent_path": f"/root/{name}"}}}
    head = {"id": thread(name), "cwd": "/w", "cli_version": "0.153.4", "source": spawn if parent else "cli"} | meta
    path = sessions / DAY / f"rollout-{DAY.replace('/', '-')}T20-21-30-{thread(name)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"type": "session_meta", "payload": head}, *records]
    path.write_text("".join(json.dumps({"timestamp": "2026-07-14T20:21:30Z"} | line) + "\n" for line in lines))
    return path


def called(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    item = {"type": "function_call", "name": name, "call_id": call_id, "arguments": json.dumps(given)}
    return {"type": "response_item", "payload": item}


def returned(call_id: str, output: object) -> dict[str, Any]:
    said = output if isinstance(output, str) else json.dumps(output)
    return {"type": "response_item", "payload": {"type": "function_call_output", "call_id": call_id, "output": said}}


def event(kind: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": "event_msg", "payload": {"type": kind, **fields}}


def said(words: str, role: str = "assistant") -> dict[str, Any]:
    item = {"type": "message", "role": role, "content": [{"type": "output_text", "text": words}]}
    return {"type": "response_item", "payload": item}


def whole(path: Path, redactor: Redactor | None = None) -> tuple[BuildState, list[EventEnvelope]]:
    """Everything that reading it publishes, and the state of it."""
    one = AgentInput(AutoReader(), EventLabeler("p", "p", "s"), path, redactor, {"codex": path})
    posted = list(one.feed(path.read_bytes()))
    while parts := list(one.subagents()):
        for file, part in parts:
            posted += [*part.feed(file.read_bytes()), *part.finish()]
    posted += one.finish()
    return folded(posted), posted


def folded(posted: list[EventEnvelope]) -> BuildState:
    state = BuildState()
    for one in posted:
        state, _ = reduce(state, one.event, one.at or 0, one.about)
    return state


def parents(state: BuildState) -> dict[str, str]:
    return {tool.id: tool.parent_id for tool in state.tools()}


def family(sessions: Path) -> Path:
    """A thread that spawns one by its id and one by its path, which spawns a third in a script."""
    rollout(
        sessions, "2", said("do it", "user"), said("two here"), called("c2", "exec_command", cmd="ls"),
        event("token_count", info={"total_token_usage": {"input_tokens": 7}}), event("task_complete"),
        parent=thread("1"),
    )  # fmt: skip
    script = {"type": "custom_tool_call", "name": "exec", "call_id": "e3", "input": "tools.spawn_agent({})"}
    rollout(
        sessions, "3", {"type": "response_item", "payload": script},
        event("sub_agent_activity", kind="started", event_id="inner", agent_thread_id=thread("4")),
        parent=thread("1"),
    )  # fmt: skip
    rollout(sessions, "4", called("c4", "update_plan", plan=[]), called("c5", "shell"), parent=thread("3"))
    rollout(sessions, "5", called("c6", "shell"), parent=thread("another"))
    return rollout(
        sessions, "1", said("go", "user"),
        called("s2", "spawn_agent", message="x"), returned("s2", {"agent_id": thread("2"), "nickname": "Boyle"}),
        called("s3", "collaboration__spawn_agent", task_name="3"), called("w", "exec_command"),
        returned("s3", {"task_name": "/root/3"}), returned("w", "ok"),
        event("task_complete", last_agent_message="done"),
    )  # fmt: skip


def test_codex_subagents_stand_under_the_calls_that_spawned_them(tmp_path: Path) -> None:
    state, posted = whole(family(tmp_path))
    assert parents(state) == {"s2": "", "s3": "", "w": "", "c2": "s2", "e3": "s3", "c5": "e3"}
    assert (state.status, state.agent.title, state.usage.input_tokens, state.todos) == ("completed", "go", 7, ())
    assert [(note.kind, note.text) for note in state.notes()] == [("prompt", "go"), ("text", "two here")]
    assert {one.about.session_id for one in posted} == {thread("1")}


def test_reading_them_again_publishes_the_same(tmp_path: Path) -> None:
    path = family(tmp_path)
    assert [one.event_id for one in whole(path)[1]] == [one.event_id for one in whole(path)[1]]


def test_following_finds_them_too(tmp_path: Path) -> None:
    path = family(tmp_path)
    following = SessionReader(Session("codex", path, thread("1"), "/w", 0.0), project_named("p"))
    posted = [one for now in (0.0, 1.0, 2.0) for one in following.pull(now)[0]]
    assert parents(folded(posted)) == parents(whole(path)[0])


@pytest.mark.parametrize(
    "link",
    [
        event("collab_agent_spawn_end", call_id="s1", new_thread_id=thread("2")),
        event("sub_agent_activity", kind="started", event_id="s1", agent_path="/root/2"),
    ],
)
def test_a_link_may_be_an_event(tmp_path: Path, link: dict[str, Any]) -> None:
    rollout(tmp_path, "2", called("c2", "shell"), parent=thread("1"))
    path = rollout(tmp_path, "1", called("s1", "spawn_agent"), called("x", "shell"), link)
    assert parents(whole(path)[0])["c2"] == "s1"


def test_a_codex_subagent_without_a_known_call_is_shown_all_the_same(tmp_path: Path) -> None:
    child = rollout(tmp_path, "2", called("c2", "shell"), parent=thread("1"))
    path = rollout(tmp_path, "1", said("go", "user"))
    assert parents(whole(path)[0]) == {"c2": child.stem}
    following = SessionReader(Session("codex", path, thread("1"), "/w", 0.0), project_named("p"))
    posted = [one for now in (0.0, ORPHANED - 1, ORPHANED) for one in following.pull(now)[0]]
    assert parents(folded(posted)) == {"c2": child.stem}


def claude(path: Path, *blocks: dict[str, Any], prompt: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [
        {"type": "user", "uuid": f"{path.stem}-u", "message": {"content": prompt}},
        {"type": "assistant", "uuid": f"{path.stem}-a", "message": {"id": path.stem, "content": list(blocks)}},
    ]
    path.write_text("".join(json.dumps({"sessionId": "main"} | record) + "\n" for record in records))
    return path


def use(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def test_claude_subagents_are_read_with_their_session(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    main = claude(tmp_path / "main.jsonl", use("t1", "Task", prompt=f"dig {secret}"), prompt="go")
    nested = use("s1", "Agent", prompt="deeper")
    claude(tmp_path / "main/subagents/agent-1.jsonl", nested, prompt=f"dig {secret}")
    claude(tmp_path / "main/subagents/workflows/wf/agent-2.jsonl", use("s2", "Bash"), prompt="deeper")
    claude(tmp_path / "agent-3.jsonl", use("s3", "Bash"), prompt="Warmup")
    os.utime(tmp_path / "agent-3.jsonl", (1, 1))
    state, _ = whole(main, Redactor())
    assert parents(state) == {"t1": "", "s1": "t1", "s2": "s1"}


def test_files_of_subagents_are_no_sessions_of_their_own(tmp_path: Path) -> None:
    root = family(tmp_path / "codex")
    files = sorted((tmp_path / "codex").rglob("*.jsonl"))
    other = next(path for path in files if path.stem.endswith("0005"))
    assert without_subagents([None, *files]) == [None, root, other]
    main = claude(tmp_path / "main.jsonl", prompt="go")
    aside = claude(tmp_path / "main/subagents/agent-1.jsonl", prompt="dig")
    assert without_subagents([aside, main]) == [main]
    assert without_subagents([aside]) == [aside]


def test_a_file_in_which_nothing_began_is_no_build(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    path.write_text('{"type":"summary","summary":"Another talk","leafUuid":"x"}\n{"type":"odd"}\n')
    assert whole(path)[1] == []
    path.write_text('{"type":"thread.started","thread_id":"t"}\n')
    assert (whole(path)[0].status, whole(path)[0].error) == ("interrupted", "")
    path.write_text('{"type":"error","severity":"error","message":"no key"}\n')
    assert whole(path)[0].error == "no key"
