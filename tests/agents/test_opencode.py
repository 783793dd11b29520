import json
from typing import Any

import pytest

from sentryvibe_tui.agents.opencode.serve import OpencodeServe
from sentryvibe_tui.agents.opencode.stream import OpencodeParts, OpencodeRun
from sentryvibe_tui.model.facts import TurnEnded
from sentryvibe_tui.model.state import Usage


def ran(kind: str, **part: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1_767_036_059_338, "sessionID": "ses1", "part": part}


def tool(call_id: str, name: str = "bash", status: str = "completed", **state: Any) -> dict[str, Any]:
    return ran("tool_use", type="tool", callID=call_id, tool=name, state={"status": status, "input": {"x": 1}} | state)


def step(reason: str, cost: float, part_id: str) -> dict[str, Any]:
    tokens = {"input": 10, "output": 2, "cache": {"read": 5}}
    return ran("step_finish", type="step-finish", id=part_id, reason=reason, cost=cost, tokens=tokens)


def test_a_run(fold: Any, run: Any) -> None:
    listed = {"todos": [{"content": "a", "status": "completed"}, {"content": "b", "status": "cancelled"}]}
    state = fold(run(
        OpencodeRun(), ran("step_start", type="step-start"), tool("c1", output="hi"),
        tool("c2", status="error", error="boom"), tool("c3", "todowrite", input=listed),
        step("tool-calls", 0.25, "p1"), step("tool-calls", 0.25, "p1"),
        ran("text", type="text", id="p2", text="done"), step("stop", 0.5, "p3"),
    ))  # fmt: skip
    assert [(tool.id, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("c1", "output-available", b'"hi"'),
        ("c2", "error", b'"boom"'),
    ]
    assert [(todo.content, todo.status) for todo in state.todos] == [("a", "completed"), ("b", "pending")]
    assert (state.usage, state.status) == (Usage(30, 4, 10, 0.75, None, 0, 0, 0), "completed")


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ({"type": "error", "sessionID": "ses1", "error": {"name": "X", "data": {"message": "quota"}}}, "failed"),
        (step("tool-calls", 0, "p9"), "interrupted"),
        (step("unknown", 0, "p9"), "interrupted"),
        (step("length", 0, "p9"), "failed"),
        (step("content-filter", 0, "p9"), "failed"),
        ({"type": "error", "sessionID": "ses1", "error": {"name": "MessageAbortedError"}}, "cancelled"),
        ({"type": "done", "sessionID": "ses1", "reason": "stop"}, "completed"),
    ],
)
def test_ends(last: dict[str, Any], status: str, fold: Any, run: Any) -> None:
    assert fold(run(OpencodeRun(), tool("c1", output="x"), last)).status == status


def test_a_call_lasts_from_its_own_start_to_its_own_end(fold: Any, run: Any) -> None:
    (call,) = fold(run(OpencodeRun(), tool("c1", time={"start": 1_000, "end": 4_000}))).tools()
    assert (call.started_at, call.ended_at) == (1_000, 4_000)


def test_parts_of_one_file_are_one_session(run: Any) -> None:
    said = {"type": "text", "text": "fix it", "_role": "user", "_ts": 1_767_036_059_338}
    names = {report.session for _ in range(2) for report in run(OpencodeParts(), said)}
    assert len(names - {""}) == len(names) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "completed"), ({"name": "APIError", "data": {"message": "x"}}, "failed"),
     ({"name": "MessageAbortedError"}, "cancelled")],
)  # fmt: skip
def test_parts_may_tell_an_error(error: Any, status: str, fold: Any, run: Any) -> None:
    end = {"type": "step-finish", "reason": "stop", "_role": "assistant", "_error": error}
    assert fold(run(OpencodeParts(), {"type": "text", "text": "hi", "_role": "assistant"}, end)).status == status


def event(kind: str, **properties: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, "properties": properties}).encode() + b"\n"


def part(session: str, **fields: Any) -> bytes:
    return event("message.part.updated", part={"sessionID": session} | fields)


def state(session: str, call_id: str, name: str, status: str, **more: Any) -> bytes:
    return part(session, id=f"p-{call_id}", type="tool", tool=name, callID=call_id, state={"status": status} | more)


def test_served_sessions(fold: Any, run: Any) -> None:
    reports = run(
        OpencodeServe(), event("server.connected"),
        event("session.created", info={"id": "A", "title": "Fix it", "directory": "/w"}),
        event("message.updated", info={"id": "u1", "sessionID": "A", "role": "user"}),
        part("A", id="p0", messageID="u1", type="text", text="please"),
        event("message.updated", info={"id": "m1", "sessionID": "A", "role": "assistant", "modelID": "big"}),
        part("A", id="p1", messageID="m1", type="text", text="I"),
        event("message.part.delta", sessionID="A", partID="p1", field="text", delta=" will"),
        state("A", "c1", "task", "pending", input={}),
        state("A", "c1", "task", "running", input={"p": 1}),
        event("session.created", info={"id": "B", "parentID": "A"}),
        state("B", "c2", "read", "completed", output="x"),
        event("session.idle", sessionID="B"),
        event("permission.asked", sessionID="A", permission="bash"),
        event("todo.updated", sessionID="A", todos=[{"content": "a", "status": "in_progress"}]),
        state("A", "c1", "task", "completed", output="y"),
        event("session.idle", sessionID="A"),
        event("session.created", info={"id": "C"}),
        event("session.error", sessionID="C", error={"name": "MessageAbortedError"}),
        event("brand.new", sessionID="A"),
    )  # fmt: skip
    assert {report.session for report in reports} == {"A", "C"}
    first = fold(report for report in reports if report.session == "A")
    assert (first.status, first.agent.title, first.agent.model, first.agent.cwd) == ("completed", "Fix it", "big", "/w")
    assert [(note.kind, note.text) for note in first.notes()] == [("prompt", "please"), ("text", "I will")]
    assert [(tool.id, tool.parent_id, tool.state) for tool in first.tools()] == [
        ("c1", "", "output-available"),
        ("c2", "c1", "output-available"),
    ]
    assert bytes(first.tool("c1").input) == b'{"p":1}'
    assert [todo.content for todo in first.todos] == ["a"]
    assert fold(report for report in reports if report.session == "C").status == "cancelled"


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("permission.v2", {"action": "bash", "resources": ["git push", 1]}, "permission: bash: git push 1"),
        ("permission", {"permission": "bash", "metadata": {"command": "rm -r x"}}, "permission: bash: rm -r x"),
        (
            "question",
            {"questions": [{"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]}]},
            "Which? (A, B)",
        ),
        ("permission", {}, "permission"),
    ],
)
def test_what_a_person_is_asked(kind: str, asked: dict[str, Any], message: str, fold: Any, run: Any) -> None:
    question = event(f"{kind}.asked", sessionID="A", **asked)
    assert fold(run(OpencodeServe(), question)[:-1]).needs_input == message
    assert fold(run(OpencodeServe(), question, event(f"{kind}.replied", sessionID="A"))[:-1]).needs_input == ""


def test_subagents_at_the_same_time_find_their_calls(fold: Any, run: Any) -> None:
    def works_in(call_id: str, session: str) -> bytes:
        return state("A", call_id, "task", "running", input={"p": call_id}, metadata={"sessionId": session})

    reports = run(
        OpencodeServe(), event("session.created", info={"id": "A"}),
        state("A", "c1", "task", "running", input={"p": "c1"}), state("A", "c2", "task", "running", input={"p": "c2"}),
        event("session.created", info={"id": "B", "parentID": "A"}), works_in("c2", "B"),
        event("session.created", info={"id": "C", "parentID": "A"}), works_in("c1", "C"),
        event("message.updated", info={"id": "u1", "sessionID": "B", "role": "user"}),
        part("B", id="p0", messageID="u1", type="text", text="what its agent was asked"),
        state("B", "b1", "read", "completed", output="x"), state("C", "x1", "grep", "completed", output="x"),
        event("session.created", info={"id": "D", "parentID": "B"}),
        state("B", "c3", "task", "running", metadata={"sessionId": "D"}),
        state("D", "d1", "bash", "completed", output="x"),
    )  # fmt: skip
    folded = fold(reports)
    assert {tool.id: tool.parent_id for tool in folded.tools()} == {
        "c1": "", "c2": "", "b1": "c2", "x1": "c1", "c3": "c2", "d1": "c3"
    }  # fmt: skip
    assert [note.text for note in folded.notes()] == []


def test_a_session_ends_when_it_is_idle_and_goes_on_when_it_is_asked_for_more(fold: Any) -> None:
    reader = OpencodeServe()
    created = event("session.created", info={"id": "A"})
    once = reader.feed(
        created + state("A", "c1", "bash", "completed", output="x") + event("session.idle", sessionID="A")
    )
    assert fold(once).status == "completed"
    assert reader.feed(event("session.status", sessionID="A", status={"type": "idle"})) == []
    asked = event("message.updated", info={"id": "u1", "sessionID": "A", "role": "user"})
    more = reader.feed(asked + part("A", id="p1", messageID="u1", type="text", text="more"))
    assert fold([*once, *more]).status == "active"
    assert fold([*once, *more, *reader.finish()]).status == "interrupted"


def message(session: str, ident: str, role: str = "assistant", **more: Any) -> bytes:
    return event("message.updated", info={"id": ident, "sessionID": session, "role": role} | more)


ABORTED = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}


def test_what_a_stopped_message_says_afterwards_undoes_nothing(fold: Any, run: Any) -> None:
    idle = event("session.status", sessionID="A", status={"type": "idle"}) + event("session.idle", sessionID="A")
    reports = OpencodeServe().feed(
        event("session.created", info={"id": "A"}) + message("A", "u1", "user") + message("A", "m1")
        + part("A", id="p-c1", messageID="m1", type="tool", tool="bash", callID="c1",
               state={"status": "running", "input": {"command": "sleep 20"}})
        + event("session.error", sessionID="A", error=ABORTED) + idle
        + part("A", id="p-c1", messageID="m1", type="tool", tool="bash", callID="c1",
               state={"status": "completed", "output": "", "metadata": {"exit": None}})
        + message("A", "m1", error=ABORTED, time={"created": 1, "completed": 2}) + idle
    )  # fmt: skip
    folded = fold(reports)
    assert (folded.status, folded.activity.kind, folded.error) == ("cancelled", "idle", "Aborted")
    assert len([report for report in reports if isinstance(report.event, TurnEnded)]) == 1


def test_a_turn_is_over_with_its_last_message_and_the_session_with_its_agent(fold: Any) -> None:
    reader = OpencodeServe()
    reports = reader.feed(
        event("session.created", info={"id": "A", "directory": "/w"}) + message("A", "u1", "user")
        + message("A", "m1", finish="tool-calls", time={"completed": 1_767_036_059_000})
        + message("A", "m2", finish="stop", time={"completed": 1_767_036_060_000})
    )  # fmt: skip
    assert (fold(reports).status, fold(reports).activity.kind) == ("completed", "idle")
    reports += reader.feed(message("A", "m3", time={"created": 1_767_036_061_000}))
    assert (fold(reports).status, fold(reports).activity.kind) == ("active", "working")
    reports += reader.feed(message("A", "m3", finish="stop", time={"completed": 1_767_036_062_000}))
    reports += reader.feed(event("server.instance.disposed", directory="/w"))
    assert (fold(reports).status, fold(reports).activity.kind) == ("completed", "ended")
    assert reader.finish() == []


def test_a_refusal_ends_the_turn_unless_it_came_with_words(fold: Any) -> None:
    def after(error: str) -> str:
        failed = {"status": "error", "error": error}
        call = part("A", messageID="m1", type="tool", tool="bash", callID="c1", state=failed)
        done = message("A", "m1", finish="tool-calls", time={"completed": 5})
        begin = event("session.created", info={"id": "A"}) + message("A", "m1")
        return fold(OpencodeServe().feed(begin + call + done)).status

    refused = "The user rejected permission to use this specific tool call"
    assert after(f"{refused}.") == "cancelled"
    assert after(f"{refused} with the following feedback: no") == "active"


def test_a_childs_end_is_not_its_parents_and_its_request_names_the_call(fold: Any) -> None:
    folded = fold(OpencodeServe().feed(
        event("session.created", info={"id": "A"}) + message("A", "m1")
        + state("A", "c1", "task", "running", input={"p": 1}, metadata={"sessionId": "B"})
        + event("session.created", info={"id": "B", "parentID": "A"})
        + state("B", "b1", "bash", "running", input={"command": "touch x"})
        + event("permission.asked", id="per1", sessionID="B", permission="bash", metadata={"command": "touch x"},
                always=["touch *"], tool={"callID": "b1"})
        + message("B", "mb", finish="stop", time={"completed": 5}) + event("session.idle", sessionID="B")
    ))  # fmt: skip
    (request,) = folded.requests
    assert (folded.status, folded.activity.kind) == ("active", "waiting-person")
    assert (request.id, request.kind, request.title, request.tool_call_id, request.parent_id) == (
        "per1", "permission", "permission: bash: touch x", "b1", "c1"
    )  # fmt: skip
    assert ([option.id for option in request.options], bytes(request.suggestions)) == (
        ["once", "always", "reject"], b'["touch *"]'
    )  # fmt: skip


def test_a_limit_is_waited_for_until_the_model_is_asked_again(fold: Any) -> None:
    reader = OpencodeServe()
    wait = {"type": "retry", "attempt": 1, "message": "overloaded", "next": 1_767_036_069_000}
    reports = reader.feed(
        event("session.created", info={"id": "A"}) + message("A", "m1")
        + event("session.status", sessionID="A", status=wait)
    )  # fmt: skip
    activity = fold(reports).activity
    assert (activity.kind, activity.what, activity.until) == ("waiting-machine", "overloaded", 1_767_036_069_000)
    reports += reader.feed(event("session.status", sessionID="A", status={"type": "busy"}))
    assert fold(reports).activity.kind == "working"


@pytest.mark.parametrize(
    ("name", "more", "is_error"),
    [
        ("invalid", {"input": {"tool": "browser_fill"}, "output": "unavailable"}, True),
        ("bash", {"metadata": {"exit": 1}}, True),
        ("bash", {"metadata": {"exit": None}}, True),
        ("bash", {"metadata": {"exit": 0}}, False),
        ("bash", {"metadata": {}}, False),
    ],
)
def test_calls_that_failed_though_they_are_completed(name: str, more: Any, is_error: bool, fold: Any, run: Any) -> None:
    (call,) = fold(run(OpencodeRun(), tool("c1", name, **more))).tools()
    assert (call.state == "error") is is_error
