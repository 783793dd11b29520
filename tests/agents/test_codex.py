import json
from typing import Any

import pytest

from sentryvibe_tui.agents.codex.session import CodexRollout
from sentryvibe_tui.agents.codex.stream import CodexExec
from sentryvibe_tui.model.state import Usage

THREAD = {"type": "thread.started", "thread_id": "th1"}
TURN = {"type": "turn.started"}
DONE = {"type": "turn.completed", "usage": {"input_tokens": 9, "cached_input_tokens": 4, "output_tokens": 2}}


def item(step: str, kind: str, item_id: str = "item_0", **more: Any) -> dict[str, Any]:
    return {"type": f"item.{step}", "item": {"id": item_id, "type": kind} | more}


def command(step: str, status: str, code: int | None = None, item_id: str = "item_0") -> dict[str, Any]:
    return item(
        step, "command_execution", item_id, command="ls", aggregated_output="out", exit_code=code, status=status
    )


# --------------------------------------------------------------------------- exec --json


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (command("completed", "completed", 0), "output-available"),
        (command("completed", "failed", 2), "error"),
        (command("completed", "declined"), "error"),
        (command("completed", "completed", None), "output-available"),
        (command("updated", "in_progress"), "interrupted"),
    ],
)
def test_commands(end: dict[str, Any], state: str, fold: Any, run: Any) -> None:
    folded = fold(run(CodexExec(), THREAD, TURN, command("started", "in_progress"), end, DONE))
    assert [(tool.name, tool.state) for tool in folded.tools()] == [("command_execution", state)]
    assert (folded.status, folded.agent.agent_id, folded.usage) == (
        "completed",
        "openai-codex",
        Usage(9, 2, 4, None, None, 0, 0, 0, unpriced="a model without a name"),
    )


def test_ids_that_start_again_are_other_calls(fold: Any, run: Any) -> None:
    process = [THREAD, TURN, command("completed", "completed", 0), DONE]
    reports = run(CodexExec(), *process, *process)
    assert fold(reports).tool_count == 2
    assert {report.session for report in reports} == {"th1"}


def test_every_kind_of_call(fold: Any, run: Any) -> None:
    mcp = {"server": "github", "tool": "search", "arguments": {"q": 1}}
    state = fold(run(
        CodexExec(), THREAD, TURN,
        item("completed", "file_change", "i1", changes=[{"path": "a", "kind": "add"}], status="completed"),
        item("completed", "mcp_tool_call", "i2", **mcp, result={"content": [{"type": "text", "text": "found"}]}),
        item("completed", "mcp_tool_call", "i3", **mcp, error={"message": "no"}, status="failed"),
        item("completed", "web_search", "i4", query="q"),
        item("started", "collab_tool_call", "i5", tool="spawn_agent", prompt="go", status="in_progress"),
        item("completed", "error", "i6", message="careful"),
        item("completed", "plan", "i7"), DONE,
    ))  # fmt: skip
    assert [(tool.name, tool.state) for tool in state.tools()] == [
        ("file_change", "output-available"),
        ("mcp__github__search", "output-available"),
        ("mcp__github__search", "error"),
        ("web_search", "output-available"),
        ("spawn_agent", "interrupted"),
    ]
    assert [note.text for note in state.notes()] == ["careful", "not read: 1 records of unknown kind (item plan ×1)"]


def test_the_first_open_todo_runs_while_the_turn_does(fold: Any, run: Any) -> None:
    def listed(step: str, *done: bool) -> dict[str, Any]:
        return item(step, "todo_list", "i0", items=[{"text": f"s{n}", "completed": d} for n, d in enumerate(done)])

    start = [THREAD, TURN, listed("started", False, False)]
    running = fold(CodexExec().feed(b"\n".join(json.dumps(line).encode() for line in start) + b"\n"))
    assert [todo.status for todo in running.todos] == ["in_progress", "pending"]
    ended = fold(run(CodexExec(), *start, listed("updated", True, False), listed("completed", True, False), DONE))
    assert [todo.status for todo in ended.todos] == ["completed", "pending"]
    assert ended.tool_count == 0


@pytest.mark.parametrize(
    ("last", "status", "error"),
    [
        ([DONE], "completed", ""),
        ([{"type": "error", "message": "Reconnecting... 1/5"}, DONE], "completed", ""),
        ([{"type": "turn.failed", "error": {"message": "quota"}}], "failed", "quota"),
        ([{"type": "error", "message": "quota"}], "interrupted", ""),
        ([DONE, TURN], "interrupted", ""),
    ],
)
def test_ends_of_turns(last: list[Any], status: str, error: str, fold: Any, run: Any) -> None:
    state = fold(run(CodexExec(), THREAD, TURN, *last))
    assert (state.status, state.error) == (status, error)


def test_names_of_september_2025(fold: Any, run: Any) -> None:
    old = {"type": "item.completed", "item": {"id": "itm_0", "item_type": "assistant_message", "text": "hi"}}
    state = fold(run(CodexExec(), {"type": "session.created", "session_id": "x"}, old))
    assert [note.text for note in state.notes()] == ["hi"]


def test_events_before_september_2025(fold: Any, run: Any) -> None:
    def msg(kind: str, **more: Any) -> dict[str, Any]:
        return {"id": "0", "msg": {"type": kind} | more}

    state = fold(run(
        CodexExec(), {"model": "gpt-5", "workdir": "/w"}, {"prompt": "do it"}, msg("task_started"),
        msg("exec_command_begin", call_id="c1", command=["ls"]),
        msg("exec_command_output_delta", call_id="c1", chunk="eA=="),
        msg("exec_command_end", call_id="c1", exit_code=1, stdout="x", stderr="y"),
        msg("plan_update", plan=[{"step": "a", "status": "in_progress"}]),
        msg("agent_message", message="done"), msg("task_complete", last_agent_message="done"),
    ))  # fmt: skip
    assert (state.status, state.agent.model, state.agent.cwd) == ("completed", "gpt-5", "/w")
    assert [(tool.name, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("command_execution", "error", b'"xy"')
    ]
    assert [todo.content for todo in state.todos] == ["a"]
    assert [note.text for note in state.notes()] == ["do it", "done"]


def test_items_without_ids_are_told_apart(fold: Any, run: Any) -> None:
    def nameless(step: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": f"item.{step}", "item": {"type": kind} | more}

    state = fold(run(
        CodexExec(), THREAD, TURN, nameless("completed", "agent_message", text="a"),
        nameless("started", "collab_tool_call", tool="wait"), nameless("completed", "collab_tool_call", tool="wait"),
        nameless("completed", "agent_message", text="b"), nameless("started", "collab_tool_call", tool="wait"), DONE,
    ))  # fmt: skip
    assert [note.text for note in state.notes()] == ["a", "b"]
    assert [tool.state for tool in state.tools()] == ["output-available", "interrupted"]


def test_an_old_stream_names_its_session_and_repeats_itself(fold: Any, run: Any) -> None:
    def msg(kind: str, **more: Any) -> dict[str, Any]:
        return {"id": "0", "msg": {"type": kind} | more}

    invocation = {"server": "s", "tool": "t", "arguments": {}}
    reports = run(
        CodexExec(), msg("session_configured", session_id="old1", model="o4"), msg("task_started"),
        msg("agent_message", message="Trying."), msg("agent_message", message="Trying."),
        msg("mcp_tool_call_begin", call_id="c1", invocation=invocation),
        msg("mcp_tool_call_end", call_id="c1", invocation=invocation, result={"Err": "no such tool"}),
        msg("stream_error", message="retrying 1/5"),
    )  # fmt: skip
    assert {report.session for report in reports} == {"old1"}
    state = fold(reports)
    assert [note.text for note in state.notes()] == ["Trying.", "Trying.", "retrying 1/5"]
    assert [(tool.name, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("mcp__s__t", "error", b'"no such tool"')
    ]
    assert state.agent.model == "o4"


def test_what_a_turn_leaves_out_is_not_zero(fold: Any, run: Any) -> None:
    declined = command("completed", "declined")
    state = fold(run(CodexExec(), THREAD, TURN, declined, {"type": "turn.completed", "usage": None}))
    assert state.usage == Usage()
    assert [bytes(tool.output) for tool in state.tools()] == [b'"out"']


# --------------------------------------------------------------------------- rollout files


def line(kind: str, at: str = "2026-01-01T00:00:10Z", **payload: Any) -> dict[str, Any]:
    return {"timestamp": at, "type": kind, "payload": payload}


META = line(
    "session_meta", id="th1", timestamp="2026-01-01T00:00:05Z", cwd="/w", cli_version="0.130.0", git={"branch": "b"}
)


def called(call_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return line("response_item", type="function_call", name=name, call_id=call_id, arguments=json.dumps(arguments))


def returned(call_id: str, output: Any) -> dict[str, Any]:
    return line("response_item", type="function_call_output", call_id=call_id, output=output)


@pytest.mark.parametrize(
    ("output", "shown", "failed"),
    [
        ("plain", "plain", False),
        (json.dumps({"output": "x", "metadata": {"exit_code": 0}}), "x", False),
        (json.dumps({"output": "x", "metadata": {"exit_code": 3}}), "x", True),
        ("Wall time: 1\nProcess exited with code 2\nOutput:\nboo", None, True),
        ("Process exited with code 0\nOutput:\nProcess exited with code 7", None, False),
        ("Process running with session ID 4", "Process running with session ID 4", False),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb", False),
        ({"content": "no", "success": False}, "no", True),
        ('{"broken', '{"broken', False),
        ("exec command rejected by user", None, True),
        ("rejected by configuration", None, True),
        ("Automatic approval review denied the action", None, True),
        ("Wall time: 1.2 seconds\naborted by user", None, True),
        ("the patch was not rejected by user", None, False),
        ([{"type": "input_text", "text": "Process exited with code 4"}], None, True),
        ("exec_command failed for `rm`: CreateProcess { message: \"Rejected\" }", None, True),
        ([{"type": "input_text", "text": "Script failed\nWall time 0.1 seconds\nOutput:\n"}], None, True),
        ([{"type": "input_text", "text": "Script completed\nOutput:\n"}], None, False),
    ],
)  # fmt: skip
def test_forms_of_output(output: Any, shown: str | None, failed: bool, fold: Any, run: Any) -> None:
    tool = fold(run(CodexRollout(), META, called("c1", "exec_command", cmd="x"), returned("c1", output))).tool("c1")
    assert tool.state == ("error" if failed else "output-available")
    if shown is not None:
        assert json.loads(bytes(tool.output)) == shown


def test_a_plan_set_by_a_script(fold: Any, run: Any) -> None:
    script = """// tools.update_plan({plan: [{step: "no", status: 'pending'}]}) in words
    await tools.exec_command({cmd: "ls"});
    await tools.update_plan({ explanation: 'it\\'s ) and "so"', "plan": [
      { step: `one {a: b}`, status: 'completed' }, { step: "two: \\u00e9", status: "in_progress", }, ] });
    tools.update_plan(later);"""
    item = line("response_item", type="custom_tool_call", call_id="c1", name="exec", input=script)
    state = fold(run(CodexRollout(), META, item, returned("c1", "{}")))
    assert [(tool.name, tool.state) for tool in state.tools()] == [("exec", "output-available")]
    assert [(todo.content, todo.status) for todo in state.todos] == [
        ("one {a: b}", "completed"),
        ("two: é", "in_progress"),
    ]


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ({"type": "search", "queries": ["a", "b"]}, {"query": "a, b"}),
        ({"type": "open_page", "url": "https://x.dev"}, {"url": "https://x.dev"}),
        ({"type": "find_in_page", "url": "https://x.dev", "pattern": "p"}, {"url": "https://x.dev", "pattern": "p"}),
        ({"type": "other"}, {}),
    ],
)
def test_searches_of_the_web(action: dict[str, Any], given: dict[str, str], fold: Any, run: Any) -> None:
    started = item("started", "web_search", "ws", query="", action={"type": "other"})
    ended = item("completed", "web_search", "ws", query="", action=action)
    (tool,) = fold(run(CodexExec(), THREAD, TURN, started, ended, DONE)).tools()
    assert (json.loads(bytes(tool.input)), tool.state) == (given, "output-available")


def test_an_error_of_the_api_is_told_in_its_words(fold: Any, run: Any) -> None:
    said = json.dumps({"type": "error", "error": {"message": "no such model"}, "status": 400})
    failed = {"type": "turn.failed", "error": {"message": said}}
    state = fold(run(CodexExec(), {"type": "error", "message": said}, failed))
    assert (state.status, state.error, state.agent.agent_id) == ("failed", "no such model", "openai-codex")
    assert [note.text for note in state.notes()] == ["no such model"]


def test_a_failure_told_by_the_event_counts(fold: Any, run: Any) -> None:
    ended = line("event_msg", type="exec_command_end", call_id="c1", exit_code=1)
    assert (
        fold(run(CodexRollout(), META, called("c1", "shell"), ended, returned("c1", "x"))).tool("c1").state == "error"
    )


def test_a_rollout(fold: Any, run: Any) -> None:
    def user(text: str) -> dict[str, Any]:
        return line("response_item", type="message", role="user", content=[{"type": "input_text", "text": text}])

    tokens = {"total_token_usage": {"input_tokens": 90, "output_tokens": 5, "cached_input_tokens": 80},
              "last_token_usage": {"total_tokens": 50}, "model_context_window": 200}  # fmt: skip
    state = fold(run(
        CodexRollout(), META,
        line("response_item", at="2026-01-01T00:00:01Z", type="function_call", name="copied", call_id="old"),
        line("session_meta", id="parent", timestamp="2025-12-01T00:00:00Z", cwd="/other"),
        line("event_msg", type="task_started"), line("turn_context", model="gpt-5.5", cwd="/w"),
        user("<environment_context>x"), user("# AGENTS.md instructions for x"),
        user("# Context from my IDE setup:\n## My request for Codex:\nFix the parser\nplease"),
        called("p1", "update_plan", plan=[{"step": "a", "status": "completed"}, {"step": "b", "status": "pending"}]),
        returned("p1", "Plan updated"),
        line("response_item", type="custom_tool_call", name="apply_patch", call_id="c2", input="*** Begin"),
        line("response_item", type="custom_tool_call_output", call_id="c2", output="ok"),
        line("response_item", type="reasoning", summary=[{"type": "summary_text", "text": "why"}]),
        line("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": "Done"}]),
        line("event_msg", type="agent_message", message="Done"),
        line("event_msg", type="token_count", info=None), line("event_msg", type="token_count", info=tokens),
        line("event_msg", type="item_completed", item={"type": "Plan", "text": "the plan"}),
        line("world_state"), line("event_msg", type="task_complete", last_agent_message="Done"),
    ))  # fmt: skip
    agent = state.agent
    assert (agent.title, agent.model, agent.cwd, agent.branch) == ("Fix the parser", "gpt-5.5", "/w", "b")
    assert [(tool.id, tool.name) for tool in state.tools()] == [("c2", "apply_patch")]
    assert [(todo.content, todo.status) for todo in state.todos] == [("a", "completed"), ("b", "pending")]
    assert [(n.kind, n.text) for n in state.notes()] == [
        ("prompt", "Fix the parser\nplease"), ("reasoning", "why"), ("text", "Done"),
    ]  # fmt: skip
    usage = Usage(90, 5, 80, state.usage.cost_usd, 25.0, 0, 0, 0, True, state.usage.price_table)
    assert (state.status, state.plan, state.usage) == ("completed", "the plan", usage)
    assert (usage.cost_usd or 0) > 0


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        ({"Err": "server gone"}, True),
        ({"Ok": {"content": [], "isError": True}}, True),
        ({"Ok": {"content": [], "isError": False}}, False),
        (None, False),
    ],
)
def test_an_mcp_call_that_failed(result: Any, failed: bool, fold: Any, run: Any) -> None:
    ended = line("event_msg", type="mcp_tool_call_end", call_id="c1", invocation={}, result=result)
    state = fold(run(CodexRollout(), META, called("c1", "docs__search", q="x"), ended, returned("c1", "gone")))
    assert state.tool("c1").state == ("error" if failed else "output-available")


def test_what_a_subagent_inherited_is_left_out(fold: Any, run: Any) -> None:
    payload = META["payload"] | {"subagent_history_start_ordinal": 2}
    inherited = called("c1", "exec_command", cmd="old") | {"ordinal": 1}
    own = called("c2", "exec_command", cmd="new") | {"ordinal": 2}
    state = fold(run(CodexRollout(), META | {"payload": payload, "ordinal": 0}, inherited, own))
    assert [tool.id for tool in state.tools()] == ["c2"]


def test_an_item_that_was_declined(fold: Any, run: Any) -> None:
    ended = line("event_msg", type="item_completed", item={"type": "FileChange", "id": "c1", "status": "declined"})
    state = fold(run(CodexRollout(), META, called("c1", "apply_patch", input="x"), ended, returned("c1", "no")))
    assert state.tool("c1").state == "error"


def test_a_question_waits_for_its_answer(fold: Any, run: Any) -> None:
    asked = called("c1", "request_user_input", questions=[{"question": "Which one?"}])
    assert fold(run(CodexRollout(), META, asked)[:-1]).needs_input == "Which one?"
    state = fold(run(CodexRollout(), META, asked, returned("c1", "B"))[:-1])
    assert (state.needs_input, state.tool("c1").state) == ("", "output-available")


@pytest.mark.parametrize(
    ("parts", "asked"),
    [
        (["fix it", "<environment_context>\n<cwd>/w</cwd>"], "fix it"),
        (["<environment_context>", "fix it"], "fix it"),
        (["<permissions instructions> x"], ""),
        (["<image name=[Image #1]>", "</image>", "what is this?"], "what is this?"),
        (["<div> is broken"], "<div> is broken"),
        (['<p class="a_b c"> is broken'], '<p class="a_b c"> is broken'),
    ],
)
def test_machine_text_beside_a_prompt_is_left_out(parts: list[str], asked: str, fold: Any, run: Any) -> None:
    content = [{"type": "input_text", "text": part} for part in parts]
    state = fold(run(CodexRollout(), META, line("response_item", type="message", role="user", content=content)))
    assert ([note.text for note in state.notes()], state.agent.title) == ([asked] if asked else [], asked)


def test_words_of_another_agent_are_a_prompt(fold: Any, run: Any) -> None:
    content = [{"type": "output_text", "text": "run the script"}]
    message = line("response_item", type="agent_message", author="/root", recipient="/root/child", content=content)
    meta = line("inter_agent_communication_metadata", trigger_turn=True)
    state = fold(run(CodexRollout(), META, meta, message))
    assert [(note.kind, note.text) for note in state.notes()] == [("prompt", "run the script")]


def test_an_aborted_turn_is_interrupted(fold: Any, run: Any) -> None:
    start, stop = line("event_msg", type="task_started"), line("event_msg", type="turn_aborted", reason="interrupted")
    assert fold(run(CodexRollout(), META, start, stop)).status == "interrupted"
    assert fold(run(CodexRollout(), META, start, stop, start)).status == "interrupted"


def test_items_without_an_envelope(fold: Any, run: Any) -> None:
    state = fold(run(
        CodexRollout(), {"id": "th1", "timestamp": "2025-08-01T00:00:00Z", "instructions": "x", "git": {"branch": "b"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
    ))  # fmt: skip
    assert (state.agent.title, state.agent.branch, state.tool("c1").state) == ("go", "b", "output-available")


@pytest.mark.parametrize("odd", [None, 3, "text", [], [1], {"a": 1}])
def test_fields_of_other_types_do_no_harm(odd: Any, fold: Any, run: Any) -> None:
    kinds = ("message", "reasoning", "function_call", "function_call_output", "web_search_call", odd)
    fields = dict.fromkeys(("name", "arguments", "output", "content", "summary", "input", "action"), odd)
    rollout = [line("response_item", type=kind, call_id="c", **fields) for kind in kinds]
    rollout += [line(kind, type=odd) for kind in ("event_msg", "turn_context", "session_meta", "compacted")]
    rollout += [{"timestamp": odd, "type": odd, "payload": odd}, called("p", "update_plan", plan=odd)]
    assert not fold(run(CodexRollout(), *rollout)).is_active
    fields = dict.fromkeys(("items", "changes", "result", "error", "exit_code", "text", "command"), odd)
    kinds = ("command_execution", "todo_list", "mcp_tool_call", "agent_message", "file_change")
    stream = [item("completed", kind, **fields) for kind in kinds]
    stream += [
        {"type": "turn.completed", "usage": odd},
        {"type": "turn.failed", "error": odd},
        {"type": "item.x", "item": odd},
    ]
    assert not fold(run(CodexExec(), *stream)).is_active


def event(kind: str, /, **fields: Any) -> dict[str, Any]:
    return line("event_msg", type=kind, **fields)


@pytest.mark.parametrize(
    ("events", "status", "error"),
    [
        ([event("error", message="quota"), event("task_complete")], "failed", "quota"),
        ([event("error", message="quota")], "failed", "quota"),
        ([event("error", message="slow"), event("task_complete", last_agent_message="done")], "completed", ""),
        ([event("error", message="quota"), event("task_complete"), event("task_started")], "interrupted", ""),
    ],
)
def test_a_turn_that_an_error_ended_failed(events: list[Any], status: str, error: str, fold: Any, run: Any) -> None:
    state = fold(run(CodexRollout(), META, event("task_started"), *events))
    assert (state.status, state.error) == (status, error)


def test_a_search_for_tools_is_a_call_like_others(fold: Any, run: Any) -> None:
    search = line("response_item", type="tool_search_call", call_id="s1", arguments={"query": "calendar"})
    found = line("response_item", type="tool_search_output", call_id="s1", status="completed", tools=[{"name": "cal"}])
    state = fold(run(CodexRollout(), META, search, found))
    assert [(tool.name, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("tool_search", "output-available", b'[{"name":"cal"}]')
    ]


def test_a_plan_that_is_none_leaves_the_list(fold: Any, run: Any) -> None:
    broken = line("response_item", type="function_call", name="update_plan", call_id="p2", arguments="{broken")
    plan = called("p1", "update_plan", plan=[{"step": "a", "status": "pending"}])
    failed = returned("p2", "failed to parse function arguments: EOF")
    state = fold(run(CodexRollout(), META, plan, returned("p1", "Plan updated"), broken, failed))
    assert ([todo.content for todo in state.todos], state.tool_count) == (["a"], 0)


def test_records_read_again_add_no_notes(fold: Any, run: Any) -> None:
    said = line("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": "hi"}])
    later = said | {"timestamp": "2026-01-01T00:00:11Z"}
    state = fold(run(CodexRollout(), META, said, later, META, said, later))
    assert [note.text for note in state.notes()] == ["hi", "hi"]


def timed(number: int) -> str:
    """An id that begins with the time: a greater number was made later."""
    return f"019e{number:04x}-e0fb-7d81-898c-c4c112fa627d"


def fork(*records: dict[str, Any]) -> list[dict[str, Any]]:
    """Copied history has the times of the copying; only its turns tell that they are older."""
    words = [
        line("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": text}])
        for text in ("theirs", "own")
    ]
    own = line("session_meta", id=timed(5), timestamp="2026-01-01T00:00:05Z", cwd="/w", cli_version="0.135.0")
    theirs = line("session_meta", id=timed(1), timestamp="2026-01-01T00:00:01Z", cwd="/else", cli_version="0.135.0")
    return [own, theirs, *records[:1], words[0], called("c1", "shell"), *records[1:], words[1], called("c2", "shell")]


@pytest.mark.parametrize(
    "records",
    [
        fork(event("task_started", turn_id=timed(2)), event("task_started", turn_id=timed(6))),
        fork(line("turn_context", turn_id=timed(2), model="theirs"), line("turn_context", turn_id=timed(6))),
        fork(event("user_message", message="x"), line("turn_context", turn_id=timed(6))),
    ],
)
def test_what_a_fork_copied_is_left_out(records: list[Any], fold: Any, run: Any) -> None:
    state = fold(run(CodexRollout(), *records))
    assert [note.text for note in state.notes()] == ["own"]
    assert [tool.id for tool in state.tools()] == ["c2"]
    assert (state.agent.cwd, state.agent.model) == ("/w", "")


def test_turns_without_times_are_not_taken_for_copies(fold: Any, run: Any) -> None:
    records = fork(event("task_started", turn_id="1"), line("turn_context", model="m"))
    assert [tool.id for tool in fold(run(CodexRollout(), *records)).tools()] == ["c1", "c2"]
    counted = META | {"payload": META["payload"] | {"history_base": {"end_ordinal_exclusive": 3}}}
    old, new = (called(name, "shell") | {"ordinal": at} for name, at in (("c1", 2), ("c2", 3)))
    assert [tool.id for tool in fold(run(CodexRollout(), counted, old, new)).tools()] == ["c2"]
