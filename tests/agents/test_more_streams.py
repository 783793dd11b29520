"""Streams of Cursor, Droid, Amp and Qwen Code, which resemble Claude Code's and are none. All values are invented."""

import json
from typing import Any

import pytest

from sentryvibe_tui.agents.detect import AutoReader
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.usage import Usage
from sentryvibe_tui.sources.run.argv import prepare_argv

SID = {"session_id": "c0ffee"}


def words(role: str, said: str, **fields: Any) -> dict[str, Any]:
    message = {"role": role, "content": [{"type": "text", "text": said}]}
    return {"type": role, "message": message, **SID, **fields}


def cursor_call(subtype: str, ident: str, tool: str, /, **inner: Any) -> dict[str, Any]:
    return {"type": "tool_call", "subtype": subtype, "call_id": ident, "tool_call": {tool: inner}, **SID}


CURSOR_INIT = {
    "type": "system",
    "subtype": "init",
    "apiKeySource": "login",
    "cwd": "/w",
    "model": "composer",
    "permissionMode": "default",
    **SID,
}
CURSOR = (
    CURSOR_INIT,
    words("user", "Run the tests"),
    {"type": "thinking", "subtype": "delta", "text": "I should ", "timestamp_ms": 1_795_165_201_000, **SID},
    {"type": "thinking", "subtype": "delta", "text": "run them", "timestamp_ms": 1_795_165_201_500, **SID},
    {"type": "thinking", "subtype": "completed", "timestamp_ms": 1_795_165_202_000, **SID},
    words("assistant", "Running.", model_call_id="m1", timestamp_ms=1_795_165_203_000),
    cursor_call("started", "c1", "shellToolCall", args={"command": "pytest"}),
    cursor_call("completed", "c1", "shellToolCall", args={}, result={"failure": {"exitCode": 1, "stdout": "1 failed"}}),
    cursor_call("started", "c2", "editToolCall", args={"path": "a.py"}),
    cursor_call("completed", "c2", "editToolCall", args={}, result={"success": {"linesAdded": 1}}),
    words("assistant", "Mended."),
    {"type": "result", "subtype": "success", "is_error": False, "result": "Mended.", "request_id": "r1", **SID},
)
DROID = (
    {"type": "system", "subtype": "init", "cwd": "/w", "tools": ["Read", "Execute"], "model": "m", **SID},
    {"type": "message", "role": "user", "id": "m1", "text": "Run ls", "timestamp": 1_795_165_200_000, **SID},
    {"type": "tool_call", "id": "c1", "messageId": "m2", "toolId": "Execute", "toolName": "Execute"}
    | {"parameters": {"command": "ls"}, "timestamp": 1_795_165_203_000, **SID},
    {"type": "tool_result", "id": "c1", "messageId": "m3", "toolId": "Execute", "isError": False, "value": "a b"}
    | {"timestamp": 1_795_165_204_000, **SID},
    {"type": "message", "role": "assistant", "id": "m4", "text": "Two files.", "timestamp": 1_795_165_205_000, **SID},
    {"type": "completion", "finalText": "Two files.", "numTurns": 1, "timestamp": 1_795_165_206_000, **SID},
)


def claude_like(init: dict[str, Any], session: str, tool: str, **fields: Any) -> tuple[dict[str, Any], ...]:
    common = {"session_id": session, "parent_tool_use_id": None, **fields}
    call = {"type": "tool_use", "id": "c1", "name": tool, "input": {"command": "ls"}}
    usage = {"input_tokens": 100, "output_tokens": 8}

    def said(number: int, role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
        ident = {"uuid": f"u{number}"} if fields else {}
        return {"type": role, "message": {"role": role, "content": list(blocks)}, **common, **ident}

    return (
        {"type": "system", "subtype": "init", "cwd": "/w", "session_id": session, **init},
        said(1, "assistant", {"type": "text", "text": "Again."}, call),
        said(2, "user", {"type": "tool_result", "tool_use_id": "c1", "content": "a.py"}),
        said(3, "assistant", {"type": "text", "text": "Again."}),
        {"type": "result", "subtype": "success", "is_error": False, "num_turns": 2, "result": "Again.", "usage": usage}
        | {"session_id": session},
    )


AMP = claude_like({"tools": ["Bash"], "mcp_servers": []}, "T-1111", "Bash")
QWEN_INIT = {"tools": [], "mcp_servers": [], "model": "coder", "permission_mode": "yolo", "qwen_code_version": "0.24.4"}
QWEN = claude_like(QWEN_INIT, "q1", "run_shell_command", uuid="u")


def read(*records: dict[str, Any]) -> tuple[str, list[Any], AutoReader]:
    reader = AutoReader()
    reports = reader.feed(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    reports += reader.finish()
    assert (reader.counts.unknown, reader.counts.broken) == ({}, 0)
    return reader.format, reports, reader


@pytest.mark.parametrize(
    ("records", "form", "agent", "calls"),
    [
        (CURSOR, "cursor-stream", "cursor", [("shell", "error"), ("edit", "output-available")]),
        (DROID, "droid-stream", "droid", [("Execute", "output-available")]),
        (AMP, "amp-stream", "amp", [("Bash", "output-available")]),
        (QWEN, "qwen-stream", "qwen-code", [("run_shell_command", "output-available")]),
    ],
)
def test_each_is_read_as_what_it_is(
    records: tuple[Any, ...], form: str, agent: str, calls: list[tuple[str, str]], fold: Any
) -> None:
    name, reports, _ = read(*records)
    state: BuildState = fold(reports)
    assert (name, state.agent.agent_id, state.status, state.agent.cwd) == (form, agent, "completed", "/w")
    assert [(tool.name, tool.state) for tool in state.tools()] == calls
    assert fold(read(*records[:-1])[1]).status == "interrupted", "without its last record it has no end"


@pytest.mark.parametrize("records", [CURSOR, DROID])
def test_each_of_their_records_gives_them_away(records: tuple[Any, ...]) -> None:
    forms = {read(record, *records)[0] for record in records if record != {**words("user", "x")}}
    assert len(forms) == 1


def test_pieces_of_cursors_words_are_one_text(fold: Any) -> None:
    pieces = [words("assistant", part, timestamp_ms=1_795_165_203_000) for part in ("Do", "ne.")]
    state = fold(read(*CURSOR[:5], *pieces, words("assistant", "Done."))[1])
    assert [(note.kind, note.text) for note in state.notes()] == [
        ("prompt", "Run the tests"),
        ("reasoning", "I should run them"),
        ("text", "Done."),
    ]


def test_cursors_todos_are_changed_one_by_one_or_all_together(fold: Any) -> None:
    todos = [{"id": "1", "content": "Parse", "status": "TODO_STATUS_IN_PROGRESS"}, {"id": "2", "content": "Test"}]
    whole = cursor_call("started", "t1", "updateTodosToolCall", args={"todos": todos, "merge": False})
    done = {"todos": [{"id": "1", "content": "Parse", "status": "TODO_STATUS_COMPLETED"}], "merge": True}
    changed = cursor_call("started", "t2", "updateTodosToolCall", args=done)
    state = fold(read(CURSOR_INIT, whole, changed)[1])
    assert [(todo.content, todo.status) for todo in state.todos] == [("Parse", "completed"), ("Test", "pending")]
    assert list(state.tools()) == []


def test_cursors_other_tools_and_ends(fold: Any) -> None:
    mcp = cursor_call("started", "c1", "mcpToolCall", args={"toolName": "create_issue"})
    function = {"function": {"name": "grep", "arguments": '{"pattern":"x"}'}}
    other = cursor_call("started", "c2", "x") | {"tool_call": function}
    failed = CURSOR[-1] | {"subtype": "error", "is_error": True, "result": "no credit"}
    state = fold(read(CURSOR_INIT, mcp, other, failed)[1])
    assert [tool.name for tool in state.tools()] == ["create_issue", "grep"]
    assert (state.status, state.error) == ("failed", "no credit")


def test_amps_equal_words_are_two_texts(fold: Any) -> None:
    state = fold(read(*AMP)[1])
    assert [note.text for note in state.notes() if note.kind == "text"] == ["Again.", "Again."]
    assert (state.usage.input_tokens, state.usage.output_tokens) == (100, 8)


def test_qwens_todo_list_and_early_beginning(fold: Any) -> None:
    begun = {"type": "system", "subtype": "session_start", "uuid": "u0", "session_id": "q1", "model": "coder"}
    todos = [{"id": "1", "content": "Parse", "status": "completed"}]
    call = {"type": "tool_use", "id": "t1", "name": "todo_write", "input": {"todos": todos}}
    listed = QWEN[1] | {"message": {"role": "assistant", "content": [call]}, "uuid": "u9"}
    name, reports, _ = read(begun, listed)
    state = fold(reports)
    assert (name, state.agent.model) == ("qwen-stream", "coder")
    assert [(todo.content, todo.status) for todo in state.todos] == [("Parse", "completed")]


def test_droids_errors(fold: Any) -> None:
    state = fold(read(*DROID[:2], {"type": "error", "message": "no credit", **SID})[1])
    assert (state.status, state.error, state.usage) == ("failed", "no credit", Usage())


@pytest.mark.parametrize(
    ("words", "added", "form"),
    [
        ("cursor-agent -p hello", "--output-format stream-json", "cursor-stream"),
        ("cursor-agent -p hello --output-format json", "", ""),
        ("amp -x hello", "--stream-json", "amp-stream"),
        ("qwen -p hello", "--output-format stream-json", "qwen-stream"),
        ("qwen -p hello -o text", "", ""),
        ("pi -p hello", "--mode json", "pi-session"),
        ("pi --mode rpc", "", ""),
        ("droid exec hello", "--output-format stream-json", "droid-stream"),
        ("droid", "", ""),
    ],
)
def test_their_command_lines(words: str, added: str, form: str) -> None:
    ready = prepare_argv(words.split())
    assert (" ".join(ready.added), ready.format) == (added, form)


@pytest.mark.parametrize(
    ("words", "opens"), [("cursor-agent", True), ("amp", True), ("qwen", True), ("pi", True), ("pi --mode rpc", False)]
)
def test_which_open_a_screen_of_their_own(words: str, opens: bool) -> None:
    assert prepare_argv(words.split()).interactive is opens
