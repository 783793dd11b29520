import json
from typing import Any

import pytest

from sentryvibe_tui.agents.gemini.session import GeminiSession
from sentryvibe_tui.agents.gemini.stream import GeminiStream
from sentryvibe_tui.model.state import Usage

INIT = {"type": "init", "session_id": "g1", "model": "gemini-3"}
DONE = {"type": "result", "status": "success", "stats": {"input_tokens": 9, "output_tokens": 2, "cached": 4}}


def text(content: str, role: str = "assistant", **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content} | more


def use(tool_id: str, name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "tool_use", "tool_name": name, "tool_id": tool_id, "parameters": parameters}


def result(tool_id: str, output: str | None = "ok", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_id": tool_id, "status": "success", "output": output} | more


def test_a_stream_with_noise(fold: Any, run: Any) -> None:
    failed = result("t2", None, status="error", error={"type": "x", "message": "no such file"})
    state = fold(run(
        GeminiStream(), b"(node:1) Warning: old", INIT, text("fix it\nnow", "user"),
        text("I ", delta=True), text("will", delta=True), use("t1", "read_file"), result("t1"),
        text("Next", delta=True), b"[STARTUP] took 3 ms", use("t2", "run_shell_command"), failed, DONE,
    ))  # fmt: skip
    assert [(note.kind, note.text) for note in state.notes()] == [
        ("prompt", "fix it\nnow"),
        ("text", "I will"),
        ("text", "Next"),
        ("notice", "not read: 2 lines that are no JSON"),
    ]
    assert [(tool.name, tool.state) for tool in state.tools()] == [
        ("read_file", "output-available"),
        ("run_shell_command", "error"),
    ]
    assert (state.status, state.agent.model, state.agent.title) == ("completed", "gemini-3", "fix it")
    assert state.usage == Usage(9, 2, 4, None, None, 0, 0, 0, unpriced="gemini-3")


@pytest.mark.parametrize(
    ("lines", "status", "error"),
    [
        ([INIT | {"model": "auto"}], "interrupted", ""),
        ([INIT, {"type": "result", "status": "error", "error": {"message": "turn limit"}}], "failed", "turn limit"),
        ([{"type": "error", "severity": "error", "message": "no key"}], "failed", "no key"),
        ([INIT, {"type": "error", "message": "no key"}], "failed", "no key"),
        ([INIT, {"type": "error", "severity": "warning", "message": "slow"}], "interrupted", ""),
        ([INIT, {"type": "error", "message": "x"}, text("on it")], "interrupted", ""),
    ],
)
def test_ends(lines: list[Any], status: str, error: str, fold: Any, run: Any) -> None:
    state = fold(run(GeminiStream(), *lines))
    assert (state.status, state.error, state.agent.model) == (status, error, "gemini-3" if lines[0] == INIT else "")


def test_the_model_that_auto_chose(fold: Any, run: Any) -> None:
    stats = {"models": {"flash": {"total_tokens": 3}, "pro": {"total_tokens": 9}}}
    ended = {"type": "result", "status": "success", "stats": stats}
    assert fold(run(GeminiStream(), INIT | {"model": "auto"}, ended)).agent.model == "pro"
    assert fold(run(GeminiStream(), INIT, ended)).agent.model == "gemini-3"


def test_todo_lists(fold: Any, run: Any) -> None:
    todos = [{"description": "a", "status": "completed"}, {"description": "b", "status": "cancelled"}]
    state = fold(run(GeminiStream(), INIT, use("w", "write_todos", todos=todos), result("w", None), DONE))
    assert [(todo.content, todo.status) for todo in state.todos] == [("a", "completed"), ("b", "pending")]
    assert state.tool_count == 0


@pytest.mark.parametrize("model", ["auto", "auto-gemini-3"])
def test_a_choice_of_models_is_no_model(model: str, fold: Any, run: Any) -> None:
    assert fold(run(GeminiStream(), INIT | {"model": model})).agent.model == ""
    answer = {"id": "m1", "type": "gemini", "content": "hi", "model": model}
    assert fold(run(GeminiSession(), {"sessionId": "g1", "projectHash": "x"}, answer)).agent.model == ""


def test_a_refused_list_is_taken_back(fold: Any, run: Any) -> None:
    def written(tool_id: str, status: str) -> dict[str, Any]:
        return use(tool_id, "write_todos", todos=[{"description": "a", "status": status}])

    refused = result("w2", None, status="error", error={"message": "only one task can be in_progress"})
    lines = [INIT, written("w1", "pending"), result("w1"), written("w2", "in_progress"), refused]
    assert [todo.status for todo in fold(run(GeminiStream(), *lines, DONE)).todos] == ["pending"]
    created = [use("c1", "tracker_create_task", title="dig"), result("c1", "Created task a1b2c3: dig")]
    closed = [use("u1", "tracker_update_task", id="a1b2c3", status="closed"), result("u1", None, status="error")]
    assert [todo.status for todo in fold(run(GeminiStream(), INIT, *created, *closed, DONE)).todos] == ["pending"]


def test_the_tracker_accumulates(fold: Any, run: Any) -> None:
    state = fold(run(
        GeminiStream(), INIT, use("c1", "tracker_create_task", title="dig"), result("c1", "Created task a1b2c3: dig"),
        use("c2", "tracker_create_task", title="fill"), result("c2", "Created task d4e5f6: fill"),
        use("u1", "tracker_update_task", id="a1b2c3", status="closed"), result("u1"),
        use("u2", "tracker_update_task", id="d4e5f6", status="in_progress"), result("u2"), DONE,
    ))  # fmt: skip
    assert [(todo.id, todo.content, todo.status) for todo in state.todos] == [
        ("a1b2c3", "dig", "completed"),
        ("d4e5f6", "fill", "in_progress"),
    ]


HEADER = {"sessionId": "g1", "projectHash": "x", "startTime": "2026-01-01T00:00:00Z"}
ANSWER = {
    "id": "m2", "type": "gemini", "content": "there", "model": "gemini-3", "timestamp": "2026-01-01T00:00:02Z",
    "thoughts": [{"subject": "Think", "description": "hard"}], "tokens": {"input": 5, "output": 2, "cached": 1},
    "toolCalls": [
        {"id": "t1", "name": "shell", "args": {"x": 1}, "status": "cancelled"},
        {"id": "t2", "name": "shell", "args": {}, "status": "executing"},
    ],
}  # fmt: skip
MESSAGES = [{"id": "m1", "type": "user", "content": [{"text": "hello"}]}, ANSWER]


def _same(state: Any) -> None:
    assert [(note.kind, note.text) for note in state.notes()] == [
        ("prompt", "hello"),
        ("reasoning", "**Think**\n\nhard"),
        ("text", "there"),
    ]
    assert [(tool.id, tool.state) for tool in state.tools()] == [("t1", "error"), ("t2", "interrupted")]
    usage = Usage(5, 2, 1, None, None, 0, 0, 0, unpriced="gemini-3")
    assert (state.usage, state.agent.model, state.status) == (usage, "gemini-3", "interrupted")


def test_a_message_written_again_counts_once(fold: Any, run: Any) -> None:
    early = ANSWER | {"content": "the", "toolCalls": [], "tokens": {"input": 5}}
    _same(fold(run(GeminiSession(), HEADER, {"$set": {"lastUpdated": "x"}}, MESSAGES[0], early, ANSWER, ANSWER)))


def test_the_older_document(fold: Any, run: Any) -> None:
    document = HEADER | {"messages": MESSAGES}
    _same(fold(run(GeminiSession(), document)))
    data = json.dumps(document, indent=2).encode()
    for size in (1, 7, len(data)):
        reader = GeminiSession()
        reports = [report for at in range(0, len(data), size) for report in reader.feed(data[at : at + size])]
        _same(fold([*reports, *reader.finish()]))
    reader = GeminiSession()
    assert reader.feed(data[:-20]) == []
    assert fold(reader.finish()).status == "interrupted"
    assert reader.counts.noise == 1
