"""What Claude Code's stream and session files say of requests, of work in the background, and of whose turn it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.claude.files import FILES
from sentryvibe_tui.agents.claude.session import ClaudeSession
from sentryvibe_tui.agents.claude.stream import ClaudeStream
from sentryvibe_tui.model.state import BuildState

CALL = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "rm -r build"}}


def stream(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "session_id": "s1", **more}


def said(*blocks: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return stream("assistant", uuid=f"a{number}", message={"id": f"m{number}", "content": list(blocks)})


def words(text: str, number: int = 1) -> dict[str, Any]:
    return said({"type": "text", "text": text}, number=number)


def system(subtype: str, **more: Any) -> dict[str, Any]:
    return stream("system", subtype=subtype, **more)


def asking(**more: Any) -> dict[str, Any]:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": CALL["input"], "tool_use_id": "t1"}
    return {"type": "control_request", "request_id": "r1", "request": request | more}


RESULT = stream("result", subtype="success", is_error=False, num_turns=1, result="done")
ANSWERED = stream("user", message={"content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]})


def after(fold: Any, *records: dict[str, Any], reader: Any = None) -> BuildState:
    """The state while the input goes on."""
    data = "".join(json.dumps(record) + "\n" for record in records)
    return fold((reader or ClaudeStream()).feed(data.encode()))


def test_a_program_that_is_asked_by_the_stream_has_the_whole_command(fold: Any) -> None:
    state = after(fold, said(CALL), asking(default_to_no=True, decision_reason="outside"))
    (request,) = state.requests
    assert (request.id, request.kind, request.title) == ("r1", "permission", "permission: Bash: rm -r build")
    assert (request.tool_call_id, request.default_to_no, request.reason) == ("t1", True, "outside")
    assert after(fold, said(CALL), asking(), ANSWERED).requests == ()
    cancelled = {"type": "control_cancel_request", "request_id": "r1"}
    assert after(fold, said(CALL), asking(), cancelled).requests == ()
    assert after(fold, said(CALL), asking(subtype="set_model")).requests == ()


def test_a_result_ends_the_turn_while_the_input_stays_open(fold: Any) -> None:
    state = after(fold, words("hi"), RESULT)
    assert (state.status, state.activity.kind, state.summary) == ("completed", "idle", "done")
    assert after(fold, words("hi"), RESULT, words("again", 2)).status == "active"


@pytest.mark.parametrize(("state", "kind"), [("running", "working"), ("idle", "idle")])
def test_whose_turn_it_is_is_told(fold: Any, state: str, kind: str) -> None:
    assert after(fold, words("hi"), system("session_state_changed", state=state)).activity.kind == kind


def test_a_denied_call_is_told(fold: Any) -> None:
    state = after(fold, said(CALL), system("permission_denied", tool_name="Bash", message="not asked for"))
    assert [note.text for note in state.notes()] == ["denied: Bash: not asked for"]


STARTED = system("task_started", task_id="b1", tool_use_id="t1", description="Watch", is_backgrounded=True)


@pytest.mark.parametrize(("status", "end"), [("completed", "output-available"), ("failed", "error")])
def test_a_task_in_the_background_of_a_stream_ends_with_its_notice(fold: Any, status: str, end: str) -> None:
    launched = ANSWERED | {"tool_use_result": {"backgroundTaskId": "b1"}}
    running = (said(CALL), STARTED, launched, RESULT)
    state = after(fold, *running)
    assert (state.status, state.activity.kind, state.activity.what) == ("active", "waiting-machine", "Watch")
    notice = system("task_notification", task_id="b1", tool_use_id="t1", status=status, summary="exit code")
    woken = after(fold, *running, notice)
    assert (woken.status, woken.activity.kind, woken.tool("t1").state) == ("active", "working", end)
    assert after(fold, *running, notice, words("so be it", 2), RESULT).status == "completed"


def test_a_workflow_says_where_it_is(fold: Any) -> None:
    begun = system("task_started", task_id="w1", tool_use_id="t1", description="Count", task_type="local_workflow")
    state = after(fold, said(CALL), begun, system("task_progress", task_id="w1", description="Scan: a"), RESULT)
    assert (state.activity.kind, state.activity.what) == ("waiting-machine", "Scan: a")


# --------------------------------------------------------------------------- session files


def record(kind: str, uuid: str, content: object, **more: Any) -> dict[str, Any]:
    message = {"id": f"m{uuid}", "content": content} | more.pop("message", {})
    return {"type": kind, "uuid": uuid, "sessionId": "s1", "message": message, **more}


def test_the_end_of_a_task_is_told_when_it_is_queued_and_begins_a_turn(fold: Any) -> None:
    notice = "<task-notification><task-id>b1</task-id><status>completed</status><summary>ok</summary>"
    reader = ClaudeSession()
    result = [{"type": "tool_result", "tool_use_id": "t1", "content": "runs"}]
    state = after(
        fold,
        record("assistant", "1", [CALL]),
        record("user", "2", result, toolUseResult={"backgroundTaskId": "b1"}),
        record("assistant", "3", [{"type": "text", "text": "It runs."}], message={"stop_reason": "end_turn"}),
        {"type": "queue-operation", "operation": "enqueue", "sessionId": "s1", "content": notice},
        reader=reader,
    )
    assert (state.tool("t1").state, state.activity.kind) == ("output-available", "working")
    assert reader.turn.end is None
    assert not [*after(fold, record("user", "4", notice), reader=reader).notes()]


@pytest.mark.parametrize("kind", ["tools-used", "api-request", "api-request-shape", "api-request-blob", "mode"])
def test_what_the_program_keeps_for_itself_tells_of_no_build(kind: str, fold: Any) -> None:
    reader = ClaudeSession()
    state = after(fold, {"type": kind, "sessionId": "s1", "timestamp": "2026-11-28T05:34:33.425Z"}, reader=reader)
    assert (state.id, reader.counts.unknown.total()) == ("", 0)


def test_a_picture_is_a_prompt_and_a_blank_text_is_nothing(fold: Any) -> None:
    picture = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]
    reader = ClaudeSession()
    state = after(
        fold, record("user", "1", picture), record("assistant", "2", [{"type": "text", "text": "\n\n"}]), reader=reader
    )
    assert [(note.kind, note.text) for note in state.notes()] == [("prompt", "<image>")]
    both = [*picture, {"type": "text", "text": "What is it?"}]
    assert [note.text for note in after(fold, record("user", "1", both), reader=ClaudeSession()).notes()] == [
        "What is it?"
    ]


def test_what_a_subagent_says_stands_below_its_call(fold: Any) -> None:
    aside = said({"type": "text", "text": "I dig."}, {"type": "thinking", "thinking": "Where?"}, number=2)
    state = after(fold, said(CALL), {**aside, "parent_tool_use_id": "t1"}, words("Done.", 3))
    assert [(note.text, note.parent_id) for note in state.notes()] == [
        ("I dig.", "t1"),
        ("Where?", "t1"),
        ("Done.", ""),
    ]
    own = record("assistant", "2", [{"type": "text", "text": "I dig."}])
    (note,) = after(fold, own, reader=ClaudeSession("t1")).notes()
    assert note.parent_id == "t1"


@pytest.mark.parametrize(("told", "branch"), [("main", "main"), ("HEAD", "")])
def test_a_directory_without_a_branch_has_none(told: str, branch: str, fold: Any) -> None:
    state = after(fold, record("user", "1", "hello", gitBranch=told), reader=ClaudeSession())
    assert state.agent.branch == branch


def test_a_subagents_file_is_found_by_the_call_that_stands_beside_it(tmp_path: Path, fold: Any) -> None:
    session = tmp_path / "s1.jsonl"
    folder = tmp_path / "s1" / "subagents"
    folder.mkdir(parents=True)
    for agent, call in (("x", "t2"), ("y", "t1")):
        (folder / f"agent-{agent}.jsonl").write_text(json.dumps(record("user", "u", "dig")) + "\n")
        (folder / f"agent-{agent}.meta.json").write_text(json.dumps({"agentType": "Explore", "toolUseId": call}))
    assert FILES.subagents is not None
    reader = ClaudeSession()
    agents = FILES.subagents(session, reader, None)
    assert agents is not None
    spawn = [CALL | {"id": ident, "name": "Agent", "input": {"prompt": "dig"}} for ident in ("t1", "t2")]
    reports = reader.feed(json.dumps(record("assistant", "1", spawn)).encode() + b"\n")
    agents.heard(reader, (report.event for report in reports))
    assert {path.stem: call for path, call in agents.new()} == {"agent-x": "t2", "agent-y": "t1"}
