"""Session files of Qwen Code and pi. All values are invented."""

import json
from typing import Any

import pytest

from sentryvibe_tui.agents.detect import AutoReader, detect
from sentryvibe_tui.agents.pi.session import PiSession
from sentryvibe_tui.agents.qwen.session import QwenSession
from sentryvibe_tui.model.usage import Usage


def stamp(second: int) -> str:
    return f"2027-01-15T08:00:{second:02}.000Z"


def spent(usage: Usage) -> tuple[int | None, int | None, int | None]:
    return usage.input_tokens, usage.output_tokens, usage.cache_read_tokens


def qwen(second: int, kind: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    message = {"message": {"role": "model" if kind == "assistant" else "user", "parts": list(parts)}} if parts else {}
    common = {"uuid": f"u{second}", "parentUuid": None, "sessionId": "q1", "timestamp": stamp(second)}
    return {**common, "type": kind, "cwd": "/w", "version": "0.24.4", **message, **fields}


def noted(second: int, subtype: str, **payload: Any) -> dict[str, Any]:
    return qwen(second, "system", subtype=subtype, systemPayload=payload)


USED = {"promptTokenCount": 1_000, "candidatesTokenCount": 40, "totalTokenCount": 1_060, "cachedContentTokenCount": 600}
CALL = {"functionCall": {"id": "c1", "name": "run_shell_command", "args": {"command": "ls"}}}
RESULT = {"functionResponse": {"id": "c1", "name": "run_shell_command", "response": {"output": "a.py"}}}
ASKED = qwen(1, "user", {"text": "Show the files"})
CALLED = qwen(2, "assistant", {"text": "I look.", "thought": True}, CALL, model="coder", usageMetadata=USED)
RETURNED = qwen(3, "tool_result", RESULT, toolCallResult={"callId": "c1", "status": "success"})
ANSWERED = qwen(4, "assistant", {"text": "One file."}, model="coder", usageMetadata=USED)
QWEN = (ASKED, CALLED, RETURNED, ANSWERED)


def test_a_session_of_qwen(fold: Any, run: Any) -> None:
    reader = AutoReader()
    state = fold(run(reader, *QWEN))
    assert (reader.format, state.agent.agent_id, state.agent.model) == ("qwen-session", "qwen-code", "coder")
    assert (state.status, state.agent.title, spent(state.usage)) == ("completed", "Show the files", (2_000, 120, 1_200))
    assert [(tool.name, tool.state) for tool in state.tools()] == [("run_shell_command", "output-available")]
    assert [note.kind for note in state.notes()] == ["prompt", "reasoning", "text"]


@pytest.mark.parametrize(
    ("records", "outcome", "error"),
    [
        (QWEN, "completed", ""),
        (QWEN[:3], None, ""),
        ((*QWEN, noted(5, "ui_telemetry")), "completed", ""),
        (
            (ASKED, CALLED, noted(5, "slash_command", phase="invocation", rawCommand="/quit")),
            "interrupted",
            "the user left",
        ),
        ((*QWEN, noted(5, "slash_command", phase="invocation", rawCommand="/quit")), "completed", ""),
        ((ASKED, noted(5, "turn_result", state="cancelled")), "interrupted", "cancelled by the user"),
        ((ASKED, noted(5, "turn_result", state="error", error={"message": "no key"})), "failed", "no key"),
        ((ASKED, CALLED, noted(5, "turn_result", state="completed")), "completed", ""),
    ],
)
def test_how_a_turn_of_qwen_ends(records: tuple[Any, ...], outcome: str | None, error: str, run: Any) -> None:
    reader = QwenSession()
    run(reader, *records)
    end = reader.turn.end
    assert (end and (end.outcome, end.error)) == (outcome and (outcome, error))


def test_what_is_not_qwens_own_or_no_persons(fold: Any, run: Any) -> None:
    todos = {"functionCall": {"id": "t1", "name": "todo_write", "args": {"todos": [{"id": "1", "content": "Parse"}]}}}
    others = (
        qwen(2, "assistant", CALL, isSidechain=True, agentId="a1"),
        qwen(3, "user", {"text": "of the parent"}, forkedFrom={"sessionId": "q0", "messageUuid": "u3"}),
        qwen(4, "user", {"text": "a task has ended"}, subtype="notification"),
        qwen(5, "assistant", todos),
        noted(6, "chat_compression", info={}),
        noted(7, "custom_title", customTitle="Files"),
    )
    state = fold(run(QwenSession(), ASKED, *others))
    assert (list(state.tools()), state.agent.title) == ([], "Files")
    assert [todo.content for todo in state.todos] == ["Parse"]
    assert [note.text for note in state.notes()] == ["Show the files", "conversation compacted"]


@pytest.mark.parametrize(
    ("response", "state"),
    [({"status": "error"}, "error"), ({"status": "cancelled"}, "error"), ({"status": "success"}, "output-available")],
)
def test_failed_calls_of_qwen(response: dict[str, Any], state: str, fold: Any, run: Any) -> None:
    after = fold(run(QwenSession(), ASKED, CALLED, RETURNED | {"toolCallResult": response}))
    assert [tool.state for tool in after.tools()] == [state]


# --------------------------------------------------------------------------- pi


def pi(second: int, role: str, content: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **fields}
    common = {"id": f"e{second}", "parentId": None, "timestamp": stamp(second)}
    return {"type": "message", **common, "message": message}


HEADER = {"type": "session", "version": 3, "id": "p1", "timestamp": stamp(0), "cwd": "/w"}
SPENT = {"input": 100, "output": 20, "cacheRead": 800, "cacheWrite": 50, "cost": {"total": 0.25}}
PI_ASKED = pi(1, "user", "Show the files")
BLOCKS = [{"type": "thinking", "thinking": "ls"}, {"type": "toolCall", "id": "c1", "name": "bash", "arguments": {}}]
PI_CALLED = pi(2, "assistant", BLOCKS, stopReason="toolUse", model="opus", usage=SPENT)
PI_RETURNED = pi(3, "toolResult", [{"type": "text", "text": "a.py"}], toolCallId="c1", toolName="bash", isError=False)
PI_ANSWERED = pi(4, "assistant", [{"type": "text", "text": "One file."}], stopReason="stop", model="opus", usage=SPENT)
PI = (HEADER, PI_ASKED, PI_CALLED, PI_RETURNED, PI_ANSWERED)


def test_a_session_of_pi(fold: Any, run: Any) -> None:
    reader = AutoReader()
    state = fold(run(reader, *PI))
    assert (reader.format, state.agent.agent_id, state.agent.cwd, state.agent.model) == (
        "pi-session",
        "pi",
        "/w",
        "opus",
    )
    assert (state.status, state.agent.title) == ("completed", "Show the files")
    assert (spent(state.usage), state.usage.cost_usd) == ((1_900, 40, 1_600), 0.5)
    assert [(tool.name, tool.state) for tool in state.tools()] == [("bash", "output-available")]
    assert [note.kind for note in state.notes()] == ["prompt", "reasoning", "text"]


def test_what_pi_prints_is_read_likewise(fold: Any, run: Any) -> None:
    printed = [{"type": "message_end", "message": record["message"]} for record in PI[1:]]
    noise = [{"type": kind} for kind in ("agent_start", "turn_start", "message_update", "turn_end", "agent_end")]
    reader = AutoReader()
    state = fold(run(reader, HEADER, *noise[:3], *printed, *noise[3:]))
    assert (reader.format, state.status, len(list(state.notes()))) == ("pi-session", "completed", 3)
    assert not reader.counts.unknown


@pytest.mark.parametrize(
    ("stopped", "outcome", "error", "certain"),
    [
        ("stop", "completed", "", True),
        ("length", "failed", "the model was cut at its token limit", True),
        ("aborted", "interrupted", "interrupted by the user", True),
        ("error", "failed", "error", False),
    ],
)
def test_how_a_turn_of_pi_ends(stopped: str, outcome: str, error: str, certain: bool, run: Any) -> None:
    reader = PiSession()
    run(reader, *PI[:2], pi(2, "assistant", [], stopReason=stopped))
    assert reader.turn.end is not None
    assert (reader.turn.end.outcome, reader.turn.end.error, reader.turn.end.certain) == (outcome, error, certain)
    for goes_on in (PI_CALLED, PI_ASKED):
        more = PiSession()
        run(more, *PI, goes_on)
        assert more.turn.end is None


def test_a_fork_of_pi_shows_only_its_own_part(fold: Any, run: Any) -> None:
    fork = HEADER | {"timestamp": stamp(4), "parentSession": "/h/old.jsonl"}
    state = fold(run(PiSession(), fork, *PI[1:]))
    assert ([note.text for note in state.notes()], list(state.tools())) == (["One file."], [])
    assert state.usage.input_tokens == 950


def test_pis_bookkeeping(fold: Any, run: Any) -> None:
    reader = PiSession()
    more = (
        {"type": "session_info", "id": "e5", "parentId": None, "timestamp": stamp(5), "name": "Files"},
        {"type": "model_change", "id": "e6", "parentId": None, "timestamp": stamp(6), "modelId": "gpt-9"},
        {"type": "compaction", "id": "e7", "parentId": None, "timestamp": stamp(7), "summary": "…"},
        pi(8, "bashExecution", None, command="ls"),
        {"type": "brand_new", "timestamp": stamp(9)},
    )
    state = fold(run(reader, *PI, *more))
    assert (state.agent.title, state.agent.model, state.status) == ("Files", "gpt-9", "completed")
    assert dict(reader.counts.unknown) == {"brand_new": 1}


def test_a_header_alone_says_whose_it_is() -> None:
    assert detect(json.dumps(HEADER).encode() + b"\n") == "pi-session"
