from typing import Any

import pytest

from sentryvibe_tui.agents.ai_sdk import AiSdk, BuildEvents
from sentryvibe_tui.model.facts import BuildEnded

STREAM: list[Any] = [
    {"type": "start", "messageId": "m"}, {"type": "start-step"},
    {"type": "reasoning-start", "id": "0"}, {"type": "reasoning-delta", "id": "0", "delta": "hm"},
    {"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "I "},
    {"type": "text-delta", "id": "0", "delta": "will"}, {"type": "text-end", "id": "0"},
    {"type": "tool-input-start", "toolCallId": "c1", "toolName": "read"},
    {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "{"},
    {"type": "tool-input-available", "toolCallId": "c1", "toolName": "read", "input": {"p": 1}},
    {"type": "tool-output-available", "toolCallId": "c1", "output": {"data": "A" * 800, "mediaType": "image/png"}},
    {"type": "tool-call", "toolCallId": "c2", "toolName": "run", "args": {"q": 2}},
    {"type": "tool-output-error", "toolCallId": "c2", "errorText": "boom"},
    {"type": "tool-input-available", "toolCallId": "c3", "toolName": "TodoWrite",
     "input": {"todos": [{"content": "a", "status": "in_progress"}]}},
    {"type": "data-weather", "data": 1}, {"type": "source-url", "url": "x"},
    {"type": "finish-step"}, {"type": "start-step"},
    {"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "Done"}, {"type": "finish-step"},
]  # fmt: skip


def test_the_ui_message_stream(fold: Any, run: Any) -> None:
    state = fold(run(AiSdk(), *STREAM, {"type": "finish"}, b"data: [DONE]"))
    assert [(note.kind, note.text) for note in state.notes()] == [
        ("reasoning", "hm"), ("text", "I will"), ("text", "Done"),
    ]  # fmt: skip
    assert [(tool.id, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("c1", "output-available", b'{"data":"<image/png 600 B>","mediaType":"image/png"}'),
        ("c2", "error", b'"boom"'),
    ]
    assert [todo.content for todo in state.todos] == ["a"]
    assert state.status == "completed"


@pytest.mark.parametrize(
    ("last", "status", "error"),
    [
        ([], "interrupted", ""),
        ([{"type": "error", "errorText": "quota"}], "failed", "quota"),
        ([{"type": "abort"}], "cancelled", ""),
        ([{"type": "build-failed", "error": "x"}], "failed", "x"),
        ([{"type": "build-completed"}, {"type": "finish"}], "completed", ""),
    ],
)
def test_ends(last: list[Any], status: str, error: str, fold: Any, run: Any) -> None:
    state = fold(run(AiSdk(), *STREAM, *last))
    assert (state.status, state.error) == (status, error)


def test_finish_of_a_message_is_no_end_of_a_build(fold: Any, run: Any) -> None:
    original = [{"type": "start"}, {"type": "text-delta", "id": "u1", "delta": "x"}, {"type": "finish"}]
    assert fold(run(AiSdk(), *original, *original)).status == "interrupted"


def test_a_server_sent_stream_reads_the_same(fold: Any, run: Any) -> None:
    import json

    lines = [b"data: " + json.dumps(record).encode() + b"\n" for record in STREAM]
    assert run(AiSdk(), *lines) == run(AiSdk(), *STREAM)


def test_recorded_posts(fold: Any, run: Any) -> None:
    def posted(build: str, **event: Any) -> dict[str, Any]:
        return {"commandId": "c", "projectId": "p", "sessionId": "s", "buildId": build, "agentId": "claude-code",
                "claudeModelId": "sonnet", "at": "2026-01-01T00:00:00Z", "event": event}  # fmt: skip

    reports = run(
        BuildEvents(), posted("b1", type="start"),
        posted("b1", type="tool-input-available", toolCallId="t", toolName="Bash", input={}),
        posted("b1", type="finish"), posted("b1", type="build-completed"),
        posted("b2", type="start"), posted("b2", type="nonsense"), {"event": {"type": "start"}},
    )  # fmt: skip
    ends = {report.session: report.event.outcome for report in reports if isinstance(report.event, BuildEnded)}
    assert ends == {"b1": "completed", "b2": "interrupted"}
    state = fold(report for report in reports if report.session == "b1")
    assert (state.agent.agent_id, state.agent.model, state.tool_count) == ("claude-code", "sonnet", 1)
    assert state.started_at == 1_767_225_600_000


def test_a_call_that_needs_approval(fold: Any, run: Any) -> None:
    asked = {"type": "tool-approval-request", "approvalId": "a", "toolCallId": "c1", "reason": "Deletes files"}
    assert fold(run(AiSdk(), *STREAM, asked)[:-1]).needs_input == "Deletes files"
    answered = {"type": "tool-approval-response", "approvalId": "a", "approved": True}
    assert fold(run(AiSdk(), *STREAM, asked, answered)[:-1]).needs_input == ""


def test_an_output_that_still_grows_ends_nothing(fold: Any, run: Any) -> None:
    started = {"type": "tool-input-available", "toolCallId": "c1", "toolName": "Bash", "input": {}}
    growing = {"type": "tool-output-available", "toolCallId": "c1", "output": "so far", "preliminary": True}
    assert [tool.state for tool in fold(run(AiSdk(), started, growing)).tools()] == ["interrupted"]
    whole = growing | {"output": "all of it", "preliminary": False}
    assert [bytes(tool.output) for tool in fold(run(AiSdk(), started, growing, whole)).tools()] == [b'"all of it"']


def test_an_input_that_does_not_fit_is_shown(fold: Any, run: Any) -> None:
    refused = {"type": "tool-input-error", "toolCallId": "c1", "toolName": "Read", "input": {"p": 1}, "errorText": "no"}
    (tool,) = fold(run(AiSdk(), refused)).tools()
    assert (tool.name, tool.state, bytes(tool.input), bytes(tool.output)) == ("Read", "error", b'{"p":1}', b'"no"')
