"""Copilot CLI: one reader for its session files and for what one process prints. All values are invented."""

import json
from typing import Any

import pytest

from sentryvibe_tui.agents.copilot.command import prepared
from sentryvibe_tui.agents.copilot.events import CopilotEvents
from sentryvibe_tui.agents.detect import detect
from sentryvibe_tui.model.usage import Usage

SHOP = "/srv/shop"
_moment = iter(range(1_000, 10_000))


def event(kind: str, agent: str = "", /, **data: Any) -> dict[str, Any]:
    moment = next(_moment)
    whose = {"agentId": agent} if agent else {}
    stamp = f"2026-11-28T05:{moment // 1000:02}:{moment % 60:02}.000Z"
    return {"type": kind, "data": data, "id": f"e{moment}", "timestamp": stamp, "parentId": None, **whose}


START = event(
    "session.start",
    sessionId="s-1",
    producer="copilot-agent",
    copilotVersion="1.0.102",
    selectedModel="gpt-9",
    context={"cwd": SHOP},
)
ASKED = event("user.message", content="Mark the release\nnow", messageId="m1")
TURN, TURN_OVER = event("assistant.turn_start", turnId="0"), event("assistant.turn_end", turnId="0")
TOUCH = {"command": "touch /srv/shop/r.txt"}
CALLS = event("assistant.message", messageId="m2", content="I mark it.", toolRequests=[{"toolCallId": "c1"}])
CALL = event("tool.execution_start", toolCallId="c1", toolName="bash", arguments=TOUCH)
PERMISSION = event(
    "permission.requested",
    requestId="r1",
    permissionRequest={
        "kind": "shell",
        "toolCallId": "c1",
        "fullCommandText": TOUCH["command"],
        "intention": "Mark it",
    },
)
ALLOWED = event("permission.completed", requestId="r1", result={"kind": "approved"}, decisionSource="human_response")
RETURNED = event("tool.execution_complete", toolCallId="c1", success=True, result={"content": "ok"})
ANSWER = event("assistant.message", messageId="m3", content="Done.", toolRequests=[])
SHUT = event("session.shutdown", shutdownType="routine")
UP_TO_ASKING = (START, ASKED, TURN, CALLS, CALL, PERMISSION)
ONE_TURN = (*UP_TO_ASKING, ALLOWED, RETURNED, TURN_OVER, TURN, ANSWER, TURN_OVER)


def state_after(fold: Any, *records: dict[str, Any]) -> Any:
    """As it stands while the file is open."""
    reader = CopilotEvents()
    return fold(reader.feed(b"".join(json.dumps(record).encode() + b"\n" for record in records)))


def test_a_permission_is_waited_for_until_a_person_answers(fold: Any) -> None:
    waiting = state_after(fold, *UP_TO_ASKING)
    assert (waiting.activity.kind, waiting.agent.model, waiting.agent.cwd) == ("waiting-person", "gpt-9", SHOP)
    assert waiting.agent.title == "Mark the release"
    assert [(one.title, one.tool, one.reason) for one in waiting.requests] == [
        ("permission: bash: touch /srv/shop/r.txt", "bash", "Mark it")
    ]
    going_on = state_after(fold, *UP_TO_ASKING, ALLOWED)
    assert (going_on.activity.kind, going_on.requests) == ("working", ())


def test_a_question_with_the_form_of_its_answer(fold: Any) -> None:
    schema = {"properties": {"color": {"type": "string", "enum": ["Red", "Blue"]}}}
    asking = event(
        "tool.execution_start",
        toolCallId="q1",
        toolName="ask_user",
        arguments={"message": "Which color?", "requestedSchema": schema},
    )
    waiting = state_after(fold, START, ASKED, TURN, asking)
    assert [(one.kind, one.title, len(one.options)) for one in waiting.requests] == [
        ("question", "Which color? (Red, Blue)", 2)
    ]
    answered = event("human_response.recorded", requestId="x", toolCallId="q1", actor="human_response")
    assert state_after(fold, START, ASKED, TURN, asking, answered).requests == ()


@pytest.mark.parametrize(
    ("records", "outcome", "error"),
    [
        (ONE_TURN, "completed", ""),
        ((*ONE_TURN, SHUT), "completed", ""),
        ((*ONE_TURN, ASKED, TURN, CALLS, TURN_OVER), None, ""),
        ((*UP_TO_ASKING, SHUT), "interrupted", "the user left"),
        ((*UP_TO_ASKING, event("abort", reason="user initiated")), "interrupted", "interrupted by the user"),
        ((START, ASKED, TURN, event("session.error", message="quota"), TURN_OVER), "failed", "quota"),
        ((START, ASKED, TURN, event("session.shutdown", shutdownType="error", errorReason="boom")), "failed", "boom"),
        ((*UP_TO_ASKING, event("assistant.turn_end", "sub"), event("assistant.idle", "sub")), None, ""),
    ],
)
def test_how_a_turn_ends(records: tuple[Any, ...], outcome: str | None, error: str, run: Any) -> None:
    reader = CopilotEvents()
    run(reader, *records)
    end = reader.turn.end
    assert (end and (end.outcome, end.error)) == (outcome and (outcome, error))


def test_after_the_shutdown_the_session_is_over_and_may_go_on(fold: Any, run: Any) -> None:
    assert fold(run(CopilotEvents(), *ONE_TURN)).activity.kind == "idle"
    over = state_after(fold, *ONE_TURN, SHUT)
    assert (over.activity.kind, over.status) == ("ended", "completed")
    again = event("user.message", content="And now?", messageId="m9")
    assert state_after(fold, *ONE_TURN, SHUT, event("session.resume"), again).status == "active"


def test_a_subagents_calls_are_under_its_call_and_its_words_are_not_the_agents(fold: Any) -> None:
    task = event("tool.execution_start", toolCallId="t1", toolName="task", arguments={"prompt": "Count"})
    call = event("tool.execution_start", "sub", toolCallId="c9", toolName="bash", parentToolCallId="t1")
    back = event("tool.execution_complete", "sub", toolCallId="c9", success=True, parentToolCallId="t1")
    sub = (
        event("subagent.started", "sub", toolCallId="t1"),
        event("user.message", "sub", content="Count the tests"),
        call,
        back,
        event("assistant.message", "sub", content="Twelve.", messageId="m8"),
    )
    done = event("subagent.completed", "sub", toolCallId="t1")
    answer = event("tool.execution_complete", toolCallId="t1", success=True, result={"content": "Twelve."})
    state = state_after(fold, START, ASKED, TURN, task, *sub, done, answer)
    assert [(tool.name, tool.parent_id, tool.state) for tool in state.tools()] == [
        ("task", "", "output-available"),
        ("bash", "t1", "output-available"),
    ]
    assert [note.text for note in state.notes()] == ["Mark the release\nnow"]
    # One that goes on after its call was answered keeps the build from being over.
    early = (START, ASKED, TURN, task, *sub, answer, TURN, ANSWER, TURN_OVER)
    assert state_after(fold, *early).open_tools == {"t1"}
    later = done | {"timestamp": "2026-11-28T06:00:00.000Z"}
    assert state_after(fold, *early, later).open_tools == frozenset()


@pytest.mark.parametrize(
    "result", [{"success": False, "error": {"message": "no"}}, {"success": True, "shellExecution": {"exitCode": 1}}]
)
def test_a_failed_call(result: dict[str, Any], fold: Any) -> None:
    state = state_after(fold, START, ASKED, CALL, event("tool.execution_complete", toolCallId="c1", **result))
    assert state.error_count == 1


def test_tokens_are_told_by_each_request_or_at_the_end(fold: Any) -> None:
    usage = {"inputTokens": 4700, "outputTokens": 40, "cacheReadTokens": 3000}
    records = [event("session.usage_record", usage=usage | {"apiCallId": f"a{number}"}) for number in (1, 2, 2)]
    total = event("session.shutdown", accountingSnapshot={"modelMetrics": {"m": {"usage": usage}}})
    assert state_after(fold, START, *records, total).usage == Usage(
        9400, 80, 6000, None, None, 0, 0, 0, unpriced="gpt-9"
    )
    assert state_after(fold, START, total).usage == Usage(4700, 40, 3000, None, None, 0, 0, 0, unpriced="m")


def test_a_stream_grows_and_ends_with_its_exit_code(fold: Any, run: Any) -> None:
    pieces = [event("assistant.message_delta", messageId="m3", deltaContent=part) for part in ("Do", "ne.")]
    records = (event("session.skills_loaded", skills=[]), ASKED, TURN, *pieces, ANSWER, TURN_OVER)
    assert [note.text for note in fold(run(CopilotEvents(), *records)).notes()][-1] == "Done."
    result = {"type": "result", "timestamp": "2026-11-28T05:59:00.000Z", "sessionId": "s-1", "exitCode": 0}
    assert fold(run(CopilotEvents(), *records, result)).activity.kind == "ended"
    failed = fold(run(CopilotEvents(), *records, result | {"exitCode": 1}))
    assert (failed.status, failed.error) == ("failed", "exit code 1")


def test_unknown_kinds_are_counted(run: Any) -> None:
    reader = CopilotEvents()
    run(reader, START, event("session.brand_new"))
    assert dict(reader.counts.unknown) == {"session.brand_new": 1}


def test_its_sign() -> None:
    assert detect(json.dumps(START).encode() + b"\n") == "copilot-events"


@pytest.mark.parametrize(
    ("words", "added", "interactive"),
    [
        ("copilot -p hello", ("--output-format", "json"), False),
        ("copilot -p hello --output-format text", (), False),
        ("copilot --output-format=json -p hello", (), False),
        ("copilot", (), True),
        ("copilot --version", (), False),
    ],
)
def test_its_command_line(words: str, added: tuple[str, ...], interactive: bool) -> None:
    ready = prepared(tuple(words.split()), "copilot")
    assert (ready.added, ready.interactive) == (added, interactive)
    assert (ready.format == "copilot-events") == ("text" not in words and "-p" in words)
