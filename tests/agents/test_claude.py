import json
from typing import Any

import pytest

from sentryvibe_tui.agents.claude.session import ClaudeSession, first_prompt, subagent_prompt
from sentryvibe_tui.agents.claude.stream import ClaudeStream
from sentryvibe_tui.model.events import ToolStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.state import Usage

INIT = {
    "type": "system",
    "subtype": "init",
    "session_id": "s1",
    "model": "opus",
    "cwd": "/w",
    "claude_code_version": "2",
}


def said(*blocks: dict[str, Any], message: str = "m1", **more: Any) -> dict[str, Any]:
    content = {"id": message, "role": "assistant", "model": "opus", "content": list(blocks)}
    return {
        "type": "assistant",
        "session_id": "s1",
        "uuid": f"u-{message}-{len(str(blocks))}",
        "message": content,
    } | more


def call(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(call_id: str, content: Any = "ok", error: bool = False, structured: Any = None) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": error}
    message = {"role": "user", "content": [block]}
    return {"type": "user", "session_id": "s1", "message": message, "tool_use_result": structured}


def done(**more: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, "session_id": "s1", "result": "all good"} | more


def partial(**event: Any) -> dict[str, Any]:
    return {"type": "stream_event", "session_id": "s1", "event": event}


# --------------------------------------------------------------------------- how a build ends


@pytest.mark.parametrize(
    ("last", "status", "error"),
    [
        (done(), "completed", ""),
        (done(subtype="error_max_turns"), "failed", "all good"),
        (done(subtype="error_during_execution", result=None, errors=["a", "b"]), "failed", "a; b"),
        (done(subtype="error_max_budget_usd", result=None), "failed", "error max budget usd"),
        (done(is_error=True, result="API Error: 529"), "failed", "API Error: 529"),
        (done(terminal_reason="aborted_tools"), "cancelled", "aborted tools"),
        (said({"type": "text", "text": "still at it"}), "interrupted", ""),
    ],
)
def test_the_last_result_decides(last: dict[str, Any], status: str, error: str, fold: Any, run: Any) -> None:
    state = fold(run(ClaudeStream(), INIT, said(call("t1", "Bash")), last))
    assert (state.status, state.error) == (status, error)
    assert not state.open_tools


def test_work_after_a_result_is_another_turn(fold: Any, run: Any) -> None:
    again = said({"type": "text", "text": "more"}, message="m2")
    assert fold(run(ClaudeStream(), INIT, done(), again)).status == "interrupted"
    assert fold(run(ClaudeStream(), INIT, done(subtype="error_max_turns"), again, done())).status == "completed"


def test_another_session_is_another_build(run: Any) -> None:
    other = INIT | {"session_id": "s2"}
    reports = run(ClaudeStream(), INIT, done(), {"type": "conversation_reset", "session_id": "s1"}, other, done())
    ends = [(report.session, report.event.outcome) for report in reports if isinstance(report.event, BuildEnded)]
    assert ends == [("s1", "completed"), ("s2", "completed")]
    assert [report.session for report in run(ClaudeStream(), INIT, INIT, done())] == ["s1"] * 5


# --------------------------------------------------------------------------- usage


def test_usage_is_the_newest_total(fold: Any, run: Any) -> None:
    models = {
        "opus": {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 100, "contextWindow": 1000},
        "haiku": {"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "contextWindow": 1000},
    }
    message = said({"type": "text", "text": "x"})
    message["message"]["usage"] = {"input_tokens": 50, "cache_read_input_tokens": 200, "output_tokens": 1}
    first = done(modelUsage={"opus": {"inputTokens": 1}}, total_cost_usd=0.1)
    state = fold(run(ClaudeStream(), INIT, message, first, done(modelUsage=models, total_cost_usd=0.25)))
    assert state.usage == Usage(114, 7, 103, 0.25, 25.0, 0, 0, 0)


def test_until_the_result_it_is_told_what_goes_in_but_not_what_comes_out(fold: Any, run: Any) -> None:
    message = said({"type": "text", "text": "x"})
    written = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    message["message"] |= {"id": "m1", "usage": {
        "input_tokens": 50, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 7,
        "cache_creation": written, "output_tokens": 1,
    }}  # fmt: skip
    assert fold(run(ClaudeStream(), INIT, message, message)).usage == Usage(257, None, 200, None, None, 3, 4)


def test_without_totals_turns_are_added(fold: Any, run: Any) -> None:
    turn = done(usage={"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1})
    assert fold(run(ClaudeStream(), INIT, turn, turn)).usage == Usage(8, 4, 2, None, None, 0, 0, 0)


def test_what_a_result_leaves_out_is_not_zero(fold: Any, run: Any) -> None:
    assert fold(run(ClaudeStream(), INIT, done(total_cost_usd=0.5))).usage == Usage(cost_usd=0.5)
    assert fold(run(ClaudeStream(), INIT, done())).usage == Usage()


# --------------------------------------------------------------------------- text as it grows


def test_pieces_are_replaced_by_the_complete_block(fold: Any, run: Any) -> None:
    text = {"type": "text", "text": "Hello there, world"}
    lines = [
        INIT,
        partial(type="message_start", message={"id": "m1"}),
        partial(type="content_block_start", index=0, content_block={"type": "thinking"}),
        partial(type="content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
        said({"type": "thinking", "thinking": "hmm"}),
        partial(type="content_block_stop", index=0),
        partial(type="content_block_start", index=1, content_block={"type": "text"}),
        partial(type="content_block_delta", index=1, delta={"type": "text_delta", "text": "Hello "}),
        partial(type="content_block_delta", index=1, delta={"type": "text_delta", "text": "there"}),
        said(text),
        partial(type="content_block_stop", index=1),
        partial(type="content_block_start", index=2, content_block=call("t1", "Bash")),
        said(call("t1", "Bash", command="ls")),
        result("t1"),
        partial(type="message_stop"),
        done(),
    ]
    state = fold(run(ClaudeStream(), *lines))
    assert [(note.id, note.kind, note.text) for note in state.notes()] == [
        ("m1:0", "reasoning", "hmm"),
        ("m1:1", "text", "Hello there, world"),
    ]
    assert [(tool.id, tool.state) for tool in state.tools()] == [("t1", "output-available")]
    growing = fold(ClaudeStream().feed(b"\n".join(json.dumps(line).encode() for line in lines[:9]) + b"\n"))
    assert growing.note("m1:1").text == "Hello there"
    twice = fold([*run(ClaudeStream(), *lines), *run(ClaudeStream(), *lines)])
    assert [note.text for note in twice.notes()] == ["hmm", "Hello there, world"]


@pytest.mark.parametrize("late", [1, 3])
def test_a_complete_block_may_come_after_its_end(late: int, fold: Any, run: Any) -> None:
    text = {"type": "text", "text": "Hello there"}
    lines = [
        partial(type="content_block_stop", index=0),
        partial(type="content_block_start", index=1, content_block=call("t1", "Bash")),
        partial(type="message_stop"),
    ]
    lines.insert(late, said(text))
    state = fold(run(
        ClaudeStream(), INIT, partial(type="message_start", message={"id": "m1"}),
        partial(type="content_block_start", index=0, content_block={"type": "text"}),
        partial(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}), *lines, done(),
    ))  # fmt: skip
    assert [note.text for note in state.notes()] == ["Hello there"]


# --------------------------------------------------------------------------- tools


def test_lines_without_ids_of_their_own(fold: Any, run: Any) -> None:
    line = {"type": "text", "text": "Done."}
    one, two = (said(line, message=message) | {"uuid": ""} for message in ("m1", "m2"))
    state = fold(run(ClaudeStream(), INIT, one, one, two, done()))
    assert [note.text for note in state.notes() if note.kind == "text"] == ["Done.", "Done."]


def test_subagents_carry_their_call(fold: Any, run: Any) -> None:
    inner = said(call("t2", "Read"), message="m2", parent_tool_use_id="t1")
    inner["message"]["model"] = "haiku"
    prompt = {"type": "user", "parent_tool_use_id": "t1", "message": {"content": [{"type": "text", "text": "Look"}]}}
    state = fold(run(ClaudeStream(), INIT, said(call("t1", "Task", prompt="Look")), prompt, inner, done()))
    assert state.tool("t2").parent_id == "t1"
    assert state.agent.model == "opus"
    assert [note.kind for note in state.notes()] == []


def test_a_result_without_a_call_is_a_finished_call(fold: Any, run: Any) -> None:
    tool = fold(run(ClaudeStream(), INIT, result("lost", "out", error=True), done())).tool("lost")
    assert (tool.name, tool.state, bytes(tool.output)) == ("unknown", "error", b'"out"')


def test_calls_that_the_server_ran_itself(fold: Any, run: Any) -> None:
    def searched(call_id: str, content: Any) -> list[dict[str, Any]]:
        use = call(call_id, "web_search", query="x") | {"type": "server_tool_use"}
        return [use, {"type": "web_search_tool_result", "tool_use_id": call_id, "content": content}]

    failed = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    state = fold(run(ClaudeStream(), INIT, said(*searched("s1", []), *searched("s2", failed)), done()))
    assert [(tool.name, tool.state) for tool in state.tools()] == [
        ("web_search", "output-available"),
        ("web_search", "error"),
    ]


def test_pictures_become_labels(fold: Any, run: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 64_000}
    blocks = [{"type": "text", "text": "see"}, {"type": "image", "source": source}]
    state = fold(run(ClaudeStream(), INIT, said(call("t1", "Read", data="B" * 400)), result("t1", blocks), done()))
    assert bytes(state.tool("t1").output) == b'"see\\n<image/png 48 kB>"'
    assert bytes(state.tool("t1").input) == b'{"data":"<data 300 B>"}'


def test_very_deep_input_is_kept_as_text(fold: Any, run: Any) -> None:
    deep: Any = "x"
    for _ in range(90):
        deep = [deep]
    tool = fold(run(ClaudeStream(), INIT, said(call("t1", "Odd", deep=deep)), done())).tool("t1")
    assert isinstance(json.loads(bytes(tool.input)), str)


def test_notices(fold: Any, run: Any) -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 10, "error": "rate_limit",
             "error_status": 429, "session_id": "s1"}  # fmt: skip
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "rateLimitType": "five_hour"}}
    compact = {
        "type": "system",
        "subtype": "compact_boundary",
        "compact_metadata": {"trigger": "auto", "pre_tokens": 9},
    }
    later = retry | {"subtype": "api_error", "max_retries": 0, "error": {"formatted": "Connection error."}}
    busy = later | {"error": {"formatted": "529 overloaded", "status": 529}, "error_status": 529}
    refused = {"type": "system", "subtype": "model_refusal_fallback", "content": "Switched.", "session_id": "s1"}
    alone = {"type": "system", "subtype": "model_refusal_no_fallback", "session_id": "s1"}
    cleared = {"type": "system", "subtype": "conversation_reset", "session_id": "s1"}
    quiet = [{"type": "tool_use_summary"}, *({"type": "system", "subtype": subtype} for subtype in (
        "memory_recall", "plugin_install", "commands_changed", "control_request_progress", "worker_shutting_down",
    ))]  # fmt: skip
    told = {"type": "system", "subtype": "informational", "level": "info", "content": "a tip"}
    warned = told | {"level": "warning", "content": "a warning"}
    lost = {"type": "system", "subtype": "session_writes_lost", "error_code": "ENOSPC"}
    odd = {"type": "brand_new", "session_id": "s1"}
    state = fold(run(
        ClaudeStream(), INIT, retry, later, busy, limit, compact, refused, alone, cleared, *quiet, told, warned, lost,
        odd, done(),
    ))  # fmt: skip
    assert [note.text for note in state.notes()] == [
        "API retry 2/10: rate_limit (429)",
        "API retry 2: Connection error. (429)",
        "API retry 2: 529 overloaded",
        "rate limit reached (five hour)",
        "conversation compacted (auto, 9 tokens before)",
        "model refusal fallback: Switched.",
        "model refusal no fallback",
        "a warning",
        "the session's file is not complete: ENOSPC",
        "not read: 1 records of unknown kind (brand_new ×1)",
    ]


@pytest.mark.parametrize(
    "odd", [None, 3, 10**400, -(2**63), "text", [], {}, [1], {"content": 3}, {"content": [None, 1, {}]}]
)
def test_fields_of_other_types_do_no_harm(odd: Any, fold: Any, run: Any) -> None:
    records = [
        {"type": kind, "message": odd, "session_id": odd, "uuid": odd, "timestamp": odd, "event": odd, "usage": odd,
         "subtype": odd, "parent_tool_use_id": odd, "result": odd, "modelUsage": odd, "rate_limit_info": odd}
        for kind in ("assistant", "user", "system", "stream_event", "rate_limit_event", "result", odd)
    ]  # fmt: skip
    records += [said({"type": "tool_use", "id": odd, "name": odd, "input": odd}), said({"type": "text", "text": odd})]
    for reader in (ClaudeStream(), ClaudeSession()):
        assert not fold(run(reader, *records)).is_active


# --------------------------------------------------------------------------- todo lists


def todos(*statuses: str) -> list[dict[str, str]]:
    return [{"content": f"step {n}", "activeForm": f"doing {n}", "status": s} for n, s in enumerate(statuses)]


def _listed(state: Any) -> list[tuple[str, str]]:
    return [(todo.content, todo.status) for todo in state.todos]


def test_todo_write_replaces_the_list(fold: Any, run: Any) -> None:
    state = fold(run(
        ClaudeStream(), INIT,
        said(call("t1", "TodoWrite", todos=todos("in_progress", "pending"))), result("t1"),
        said(call("t2", "Bash"), message="m2"), result("t2"),
        said(call("t3", "TodoWrite", todos=todos("completed", "in_progress")), message="m3"), result("t3"), done(),
    ))  # fmt: skip
    assert _listed(state) == [("step 0", "completed"), ("step 1", "in_progress")]
    assert [(tool.name, tool.todo) for tool in state.tools()] == [("Bash", state.todos[0].key)]


def test_a_refused_list_is_taken_back(fold: Any, run: Any) -> None:
    state = fold(run(
        ClaudeStream(), INIT,
        said(call("t1", "TodoWrite", todos=todos("in_progress"))), result("t1"),
        said(call("t2", "TodoWrite", todos=todos("completed", "pending")), message="m2"),
        result("t2", "no", error=True), done(),
    ))  # fmt: skip
    assert _listed(state) == [("step 0", "in_progress")]


def test_a_subagents_list_is_its_own(fold: Any, run: Any) -> None:
    inner = said(call("t2", "TodoWrite", todos=todos("pending", "pending")), message="m2", parent_tool_use_id="t0")
    state = fold(run(ClaudeStream(), INIT, said(call("t1", "TodoWrite", todos=todos("pending"))), inner, done()))
    assert _listed(state) == [("step 0", "pending")]


def test_tasks_accumulate(fold: Any, run: Any) -> None:
    lines = [
        INIT,
        said(call("c1", "TaskCreate", subject="explore"), call("c2", "TaskCreate", subject="build")),
        result("c2", "Task #2 created successfully: build"),
        result("c1", structured={"task": {"id": "1", "subject": "explore"}}),
        said(call("c3", "TaskCreate", subject="never"), message="m2"),
        result("c3", "Sibling tool call errored", error=True),
        said(call("c4", "TaskUpdate", taskId="1", status="in_progress"), message="m3"),
        said(call("t1", "Bash"), message="m4"),
        result("c4"),
        result("t1"),
        said(call("c5", "TaskUpdate", taskId="2", status="completed", subject="build it"), message="m5"),
        result("c5"),
        said(call("c6", "TaskUpdate", taskId="1", status="completed"), message="m6"),
        result("c6", "Task not found", error=True),
        said(call("c7", "TaskUpdate", taskId=9, status="in_progress"), message="m7"),
        result("c7"),
        said(call("c8", "TaskList"), message="m8"),
        result("c8", structured={"tasks": [{"id": "9", "subject": "ninth", "status": "pending"}]}),
        done(),
    ]
    state = fold(run(ClaudeStream(), *lines))
    assert [(todo.id, todo.content, todo.status) for todo in state.todos] == [
        ("2", "build it", "completed"),
        ("1", "explore", "in_progress"),
        ("9", "ninth", "pending"),
    ]
    assert [(tool.name, tool.todo) for tool in state.tools()] == [("Bash", state.todos[1].key)]
    deleted = said(call("c9", "TaskUpdate", taskId="2", status="deleted"), message="m9")
    state = fold(run(ClaudeStream(), *lines[:-1], deleted, result("c9"), done()))
    assert [todo.id for todo in state.todos] == ["1", "9"]


def test_a_refused_update_takes_back_no_other(fold: Any, run: Any) -> None:
    state = fold(run(
        ClaudeStream(), INIT, said(call("c1", "TaskCreate", subject="a"), call("c2", "TaskCreate", subject="b")),
        result("c1", "Task #1 created"), result("c2", "Task #2 created"),
        said(call("u1", "TaskUpdate", taskId="1", status="completed"), message="m2"),
        said(call("u2", "TaskUpdate", taskId="2", status="in_progress"), message="m2"),
        result("u1", "Sibling tool call errored", error=True), result("u2"), done(),
    ))  # fmt: skip
    assert _listed(state) == [("a", "pending"), ("b", "in_progress")]


def test_many_unanswered_updates_are_cheap(fold: Any, run: Any) -> None:
    updates = [said(call(f"u{n}", "TaskUpdate", taskId="1", subject=f"s{n}"), message=f"m{n}") for n in range(2_000)]
    state = fold(run(ClaudeStream(), INIT, *updates, result("u1999", "no", error=True), done()))
    assert _listed(state) == [("s1998", "pending")]


# --------------------------------------------------------------------------- session files


def record(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content} | more.pop("message", {})
    return {
        "type": kind,
        "uuid": f"u-{content}"[:40],
        "sessionId": "s1",
        "isSidechain": False,
        "message": message,
    } | more


def test_titles_and_prompts(fold: Any, run: Any) -> None:
    reports = run(
        ClaudeSession(),
        record("user", "<local-command-stdout>x</local-command-stdout>"),
        record("user", "injected", isMeta=True),
        record("user", "<command-name>/review</command-name><command-args>the parser</command-args>"),
        record("user", "and then\nfix it"),
        record("user", '<teammate-message teammate_id="lead">\nlook here\n</teammate-message>'),
        record("user", '<teammate-message teammate_id="a">{"type":"idle_notification"}</teammate-message>'),
        *(
            {"type": "attachment", "uuid": mode, "attachment": {"type": "queued_command", "prompt": said} | extra}
            for mode, said, extra in (
                ("q1", "and tests", {"commandMode": "prompt"}),
                ("q2", [{"type": "text", "text": "and docs"}], {}),
                ("q3", "<task-notification>x", {"commandMode": "task-notification"}),
            )
        ),
        {"type": "ai-title", "aiTitle": "Review of the parser", "sessionId": "s1"},
    )
    state = fold(reports)
    assert [note.text for note in state.notes()] == [
        "/review the parser",
        "and then\nfix it",
        "look here",
        "and tests",
        "and docs",
    ]
    assert state.agent.title == "Review of the parser"
    assert {report.session for report in reports} == {"s1"}


def test_a_summary_ahead_of_the_session_waits_for_it(run: Any) -> None:
    reports = run(ClaudeSession(), {"type": "summary", "summary": "Old talk", "leafUuid": "x"}, record("user", "go"))
    assert {report.session for report in reports} == {"s1"}


def test_a_summary_names_the_session_of_its_leaf(fold: Any, run: Any) -> None:
    other = {"type": "summary", "summary": "Another talk", "leafUuid": "elsewhere"}
    own = {"type": "summary", "summary": "This talk", "leafUuid": "u2"}
    talk = [record("user", "go"), record("assistant", [{"type": "text", "text": "ok"}], uuid="u2")]
    assert fold(run(ClaudeSession(), own, other, *talk)).agent.title == "This talk"
    assert fold(run(ClaudeSession(), other, *talk)).agent.title == "go"
    assert fold(run(ClaudeSession(), *talk, other)).agent.title == "Another talk"


def test_an_api_error_at_the_end_is_a_failure(fold: Any, run: Any) -> None:
    error = record("assistant", [{"type": "text", "text": "API Error: 500"}], isApiErrorMessage=True,
                   message={"model": "<synthetic>"})  # fmt: skip
    state = fold(run(ClaudeSession(), record("user", "go"), error))
    assert (state.status, state.error, state.agent.model) == ("failed", "API Error: 500", "")
    later = record("assistant", [{"type": "text", "text": "fine"}])
    assert fold(run(ClaudeSession(), record("user", "go"), error, later)).status == "completed"


def test_inline_sidechains_find_their_call(fold: Any, run: Any) -> None:
    ask = [call("a1", "Task", prompt="look left"), call("a2", "Task", prompt="look right")]
    state = fold(run(
        ClaudeSession(), record("user", "go"), record("assistant", ask, message={"id": "m1"}),
        record("user", "look left", isSidechain=True, uuid="r1"),
        record("user", "look right", isSidechain=True, uuid="r2"),
        record("assistant", [call("l1", "Read")], isSidechain=True, uuid="l", parentUuid="r1"),
        record("assistant", [call("x1", "Grep")], isSidechain=True, uuid="x", parentUuid="r2"),
        record("user", [result("l1")["message"]["content"][0]], isSidechain=True, uuid="y", parentUuid="l"),
    ))  # fmt: skip
    assert [(tool.id, tool.parent_id) for tool in state.tools()] == [("a1", ""), ("a2", ""), ("l1", "a1"), ("x1", "a2")]


def test_inline_sidechains_with_the_same_prompt_take_a_call_each(fold: Any, run: Any) -> None:
    ask = [call("a1", "Task", prompt="look"), call("a2", "Task", prompt="look")]
    asides = [
        aside
        for name in ("x", "y")
        for aside in (
            record("user", "look", isSidechain=True, uuid=name),
            record("assistant", [call(f"{name}1", "Read")], isSidechain=True, uuid=f"{name}2", parentUuid=name),
        )
    ]
    state = fold(run(ClaudeSession(), record("user", "go"), record("assistant", ask, message={"id": "m1"}), *asides))
    assert {tool.id: tool.parent_id for tool in state.tools() if tool.parent_id} == {"x1": "a1", "y1": "a2"}


def test_a_subagents_file_joins_its_parents_build(samples: Any, run: Any, fold: Any) -> None:
    folder = samples / "claude-session" / "irr-3-subagents"
    main = ClaudeSession()
    reports = main.feed((folder / "main.jsonl").read_bytes())
    calls = {
        subagent_prompt(report.event): report.event.id
        for report in reports
        if isinstance(report.event, ToolStarted) and subagent_prompt(report.event)
    }
    assert len(calls) == 3
    for path in sorted((folder / "subagents").iterdir()):
        data = path.read_bytes()
        reader = ClaudeSession(parent_id=calls[first_prompt(data)])
        inner = [*reader.feed(data), *reader.finish()]
        assert not any(isinstance(report.event, BuildEnded) for report in inner)
        reports += inner
    state = fold([*reports, *main.finish()])
    assert state.agent.model == "claude-opus-4-7"
    assert sorted(sum(tool.parent_id == call_id for tool in state.tools()) for call_id in calls.values()) == [1, 3, 4]


def test_usage_counts_each_message_once(fold: Any, run: Any) -> None:
    def used(message: str, out: int, text: str) -> dict[str, Any]:
        usage = {"input_tokens": 10, "output_tokens": out, "cache_read_input_tokens": 5}
        return record("assistant", [{"type": "text", "text": text}], message={"id": message, "usage": usage})

    state = fold(run(ClaudeSession(), used("m1", 1, "a"), used("m1", 7, "b"), used("m2", 3, "c")))
    assert state.usage == Usage(30, 10, 10, None, None, 0, 0, 0, unpriced="a model without a name")


@pytest.mark.parametrize(("unknown", "unpriced"), [(False, ""), (True, "a model without a name")])
def test_what_a_session_cost_so_far(unknown: bool, unpriced: str, fold: Any, run: Any) -> None:
    spent = {"type": "cost-state", "sessionId": "s1", "totalCostUSD": 0.5, "hasUnknownModelCost": unknown}
    state = fold(run(ClaudeSession(), record("user", "hi"), spent))
    assert (state.usage.cost_usd, state.usage.unpriced) == (0.5, unpriced)
    assert [note.text for note in state.notes()] == ["hi"]
