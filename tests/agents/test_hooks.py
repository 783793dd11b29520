import json
from typing import Any

import pytest

from sentryvibe_tui.agents.common.hook_reader import SESSIONS, HookLines, HookReader
from sentryvibe_tui.agents.registry import agent_kind
from sentryvibe_tui.errors import BadJson


def hook_reader(agent: str = "claude") -> HookReader:
    dialect = agent_kind(agent).hooks
    assert dialect is not None
    return HookReader(dialect())


def hook_lines(agent: str = "claude") -> HookLines:
    dialect = agent_kind(agent).hooks
    assert dialect is not None
    return HookLines(dialect())


def hook(name: str, session: str = "s1", **more: Any) -> dict[str, Any]:
    return {"session_id": session, "cwd": "/w", "hook_event_name": name} | more


def tool(name: str, tool_name: str = "Bash", **more: Any) -> dict[str, Any]:
    return hook(name, tool_name=tool_name, tool_input={"command": "ls", "a": 1}, **more)


def test_a_session(fold: Any, run: Any) -> None:
    todos = {"todos": [{"content": "a", "status": "in_progress"}]}
    state = fold(run(
        hook_lines(), hook("SessionStart", source="startup", model="opus"), hook("UserPromptSubmit", prompt="fix it"),
        hook("PreToolUse", tool_name="TodoWrite", tool_input=todos, tool_use_id="t0"),
        hook("PostToolUse", tool_name="TodoWrite", tool_input=todos, tool_use_id="t0", tool_response={}),
        tool("PreToolUse", tool_use_id="t1"),
        tool("PostToolUse", tool_use_id="t1", tool_response={"stdout": "x", "stderr": "y", "interrupted": False}),
        tool("PreToolUse", tool_use_id="t2"), tool("PostToolUseFailure", tool_use_id="t2", error="Exit code 1"),
        hook("TaskCreated", task_id="1"), hook("Stop", last_assistant_message="done"), hook("SessionEnd", reason="x"),
    ))  # fmt: skip
    assert [(tool.id, tool.state, bytes(tool.output)) for tool in state.tools()] == [
        ("t1", "output-available", b'"x\\ny"'),
        ("t2", "error", b'"Exit code 1"'),
    ]
    assert [(note.kind, note.text) for note in state.notes()] == [("prompt", "fix it"), ("text", "done")]
    assert [todo.content for todo in state.todos] == ["a"]
    assert (state.status, state.agent.title, state.agent.model, state.agent.cwd) == (
        "completed",
        "fix it",
        "opus",
        "/w",
    )


def test_a_turn_that_ended_completes_the_build_and_the_next_goes_on_with_it(fold: Any) -> None:
    reader = hook_reader()
    told: list[Any] = []

    def status(*payloads: dict[str, Any]) -> str:
        told.extend(report for payload in payloads for report in reader.read(payload))
        return fold(told).status

    assert status(hook("UserPromptSubmit", prompt="go"), tool("PreToolUse"), tool("PostToolUse")) == "active"
    assert status(hook("Stop")) == "completed"
    assert status(hook("Notification", message="Claude is waiting for your input")) == "completed"
    assert status(hook("UserPromptSubmit", prompt="go"), tool("PreToolUse")) == "active"
    assert status(tool("PostToolUse"), hook("Stop")) == "completed"
    assert status(tool("PreToolUse", tool_use_id="late")) == "active", "a stop hook sent it back to work"
    assert status(tool("PostToolUse", tool_use_id="late"), hook("Stop"), hook("SessionEnd")) == "completed"
    assert [tool.state for tool in fold(told).tools()] == ["output-available"] * 3
    assert [note.text for note in fold(told).notes() if note.kind == "prompt"] == ["go", "go"]


def test_a_failed_turn_fails_the_build_until_the_next(fold: Any) -> None:
    reader = hook_reader()
    turns = hook("UserPromptSubmit", prompt="go"), hook("StopFailure", error="rate_limit")
    told = [report for payload in turns for report in reader.read(payload)]
    assert (fold(told).status, fold(told).error) == ("failed", "rate_limit")
    told += reader.read(hook("UserPromptSubmit", prompt="go"))
    assert fold(told).status == "active"


def test_calls_without_ids_are_paired_by_their_input(fold: Any) -> None:
    reader = hook_reader()
    other = hook("PreToolUse", tool_name="Bash", tool_input={"command": "pwd"})
    payloads = [tool("PreToolUse"), other, tool("PreToolUse"), tool("PostToolUse", tool_response={"stdout": "1"})]
    swapped = tool("PostToolUse", tool_response={"stdout": "2"}) | {"tool_input": {"a": 1, "command": "ls"}}
    state = fold([report for payload in [*payloads, swapped] for report in reader.read(payload)])
    assert [(tool.id[:6], tool.state) for tool in state.tools()] == [
        ("call-1", "output-available"),
        ("call-2", "input-available"),
        ("call-3", "output-available"),
    ]


def test_tasks_get_their_id_from_the_response(fold: Any) -> None:
    reader = hook_reader()
    given = {"tool_name": "TaskCreate", "tool_input": {"subject": "dig"}, "tool_use_id": "t1"}
    update = {"tool_name": "TaskUpdate", "tool_input": {"taskId": "1", "status": "completed"}, "tool_use_id": "t2"}
    payloads = [
        hook("PreToolUse", **given), hook("PostToolUse", **given, tool_response={"task": {"id": "1"}}),
        hook("PreToolUse", **update), hook("PostToolUse", **update, tool_response={"success": True}),
    ]  # fmt: skip
    state = fold([report for payload in payloads for report in reader.read(payload)])
    assert [(todo.id, todo.content, todo.status) for todo in state.todos] == [("1", "dig", "completed")]
    assert state.tool_count == 0


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (hook("Notification", message="permission for Bash?"), "permission for Bash?"),
        (hook("Notification", message="Claude is waiting for your input", notification_type="idle_prompt"), ""),
        (hook("Notification", message="Claude needs you", notification_type="permission_prompt"), "Claude needs you"),
        (hook("Notification", message="Signed in", notification_type="auth_success"), ""),
        (hook("Notification", message="Sent", notification_type="elicitation_complete"), ""),
        (hook("PermissionRequest", tool_name="Bash"), "permission: Bash"),
        (hook("PermissionRequest", tool_name="ExitPlanMode", tool_input={"plan": "x"}), "the plan waits for approval"),
        (hook("Elicitation", message="Your name?"), "Your name?"),
    ],
)  # fmt: skip
def test_needing_a_person(payload: dict[str, Any], message: str, fold: Any) -> None:
    reader = hook_reader()
    reports = [*reader.read(hook("SessionStart")), *reader.read(payload)]
    assert fold(reports).needs_input == message
    assert fold([*reports, *reader.read(tool("PreToolUse", tool_use_id="t"))]).needs_input == ""


MAIN, SUB = tool("PreToolUse", "Bash", tool_use_id="m1"), tool("PreToolUse", "Read", tool_use_id="s1", agent_id="a1")
ASKED = tool("PermissionRequest", "Bash")


@pytest.mark.parametrize(
    ("then", "needs"),
    [
        ([], "permission: Bash: ls"),
        ([tool("PostToolUse", "Read", tool_use_id="s1", agent_id="a1")], "permission: Bash: ls"),
        ([tool("PreToolUse", "Write", tool_use_id="s2", agent_id="a1")], "permission: Bash: ls"),
        ([hook("Notification", message="Claude needs", notification_type="permission_prompt")], "permission: Bash: ls"),
        ([tool("PermissionRequest", "Write", agent_id="a1")], "permission: Bash: ls"),
        (
            [tool("PermissionRequest", "Write", agent_id="a1"), tool("PostToolUse", "Bash", tool_use_id="m1")],
            "permission: Write: ls",
        ),
        (
            [tool("PermissionRequest", "Write", agent_id="a1"), tool("PreToolUse", "Write", agent_id="a1")],
            "permission: Bash: ls",
        ),
        (
            [
                tool("PermissionRequest", "Write", agent_id="a1"),
                tool("PostToolUse", "Bash", tool_use_id="m1"),
                hook("SubagentStop", agent_id="a1"),
            ],
            "",
        ),
        ([tool("PostToolUse", "Bash", tool_use_id="m1")], ""),
        ([tool("PostToolUseFailure", "Bash", tool_use_id="m1", error="no")], ""),
        ([tool("PermissionDenied", "Bash", tool_use_id="m1", reason="not that")], ""),
        ([tool("PreToolUse", "Bash", tool_use_id="m2")], ""),
        ([hook("UserPromptSubmit", prompt="no, rather this")], ""),
        ([hook("Stop")], ""),
        ([tool("PostToolUse", "Bash", tool_use_id="m1"), tool("PostToolUse", "Read", agent_id="a1")], ""),
    ],
)
def test_a_permission_is_open_until_its_own_agent_goes_on(fold: Any, then: list[dict[str, Any]], needs: str) -> None:
    reader = hook_reader()
    reports = [report for payload in (MAIN, SUB, ASKED, *then) for report in reader.read(payload)]
    assert fold(reports).needs_input == needs


MAKE = {"tool_name": "Bash", "tool_input": {"command": "make all"}}


@pytest.mark.parametrize(
    ("payloads", "needs"),
    [
        ([hook("PermissionRequest", **MAKE)], "permission: Bash: make all"),
        (
            [
                hook("PreToolUse", **MAKE),
                hook("Notification", message="May I use Bash", notification_type="permission_prompt"),
            ],
            "May I use Bash: make all",
        ),
        (
            [
                hook("PreToolUse", **MAKE),
                hook("PostToolUse", **MAKE, tool_response="made"),
                hook("Notification", message="May I use Bash", notification_type="permission_prompt"),
            ],
            "May I use Bash",
        ),
    ],
)
def test_a_permission_says_what_for(fold: Any, payloads: list[dict[str, Any]], needs: str) -> None:
    reader = hook_reader()
    assert fold([report for payload in payloads for report in reader.read(payload)]).needs_input == needs


def test_an_elicitation_ends_with_its_result(fold: Any) -> None:
    reader = hook_reader()
    reports = [*reader.read(hook("Elicitation", message="Name?")), *reader.read(hook("ElicitationResult", action="ok"))]
    assert fold(reports).needs_input == ""


def test_a_denied_call_has_failed(fold: Any) -> None:
    reader = hook_reader()
    reports = [*reader.read(MAIN), *reader.read(tool("PermissionDenied", "Bash", tool_use_id="m1", reason="not that"))]
    assert [(tool.state, bytes(tool.output)) for tool in fold(reports).tools()] == [("error", b'"not that"')]


def test_a_reader_that_was_started_anew_goes_on_with_the_build(fold: Any) -> None:
    first = hook_reader()
    create = {"tool_name": "TaskCreate", "tool_input": {"subject": "dig"}, "tool_use_id": "t1"}
    told = [
        report
        for payload in (
            hook("UserPromptSubmit", prompt="go on"), hook("PreToolUse", **create),
            hook("PostToolUse", **create, tool_response={"task": {"id": "1"}}),
            hook("Stop", last_assistant_message="Done."),
        )
        for report in first.read(payload)
    ]  # fmt: skip
    again = hook_reader()
    again.resume("s1", fold(told))
    create = {"tool_name": "TaskCreate", "tool_input": {"subject": "fill"}, "tool_use_id": "t2"}
    for payload in (
        hook("UserPromptSubmit", prompt="go on"), hook("PreToolUse", **create),
        hook("PostToolUse", **create, tool_response={"task": {"id": "2"}}),
        hook("Stop", last_assistant_message="Done."), hook("UserPromptSubmit", prompt="another thing"),
    ):  # fmt: skip
        told += again.read(payload)
    state = fold(told)
    assert [note.text for note in state.notes()] == ["go on", "Done.", "go on", "Done.", "another thing"]
    assert [todo.content for todo in state.todos] == ["dig", "fill"]
    assert (state.agent.title, state.status) == ("go on", "active")


def test_memory_is_bounded(fold: Any) -> None:
    reader = hook_reader()
    for number in range(SESSIONS + 1):
        reader.read(hook("SessionStart", f"s{number}"))
    assert [reader.knows(f"s{number}") for number in (0, 1, SESSIONS)] == [False, True, True]


def test_a_question_is_open_until_its_answer(fold: Any, run: Any) -> None:
    given = {"tool_name": "AskUserQuestion", "tool_input": {"questions": [{"question": "Which?"}]}, "tool_use_id": "q"}
    reader = hook_reader()
    reports = [*reader.read(hook("PreToolUse", **given)), *reader.read(tool("PreToolUse", tool_use_id="t"))]
    assert fold(reports).needs_input == "Which?"
    assert fold([*reports, *reader.read(hook("PostToolUse", **given, tool_response="A"))]).needs_input == ""


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"message": "Allow ls?"}, "Allow ls?"),
        (
            {"message": "Allow?", "details": {"type": "exec", "title": "Confirm", "command": "rm -r dist"}},
            "Allow?: rm -r dist",
        ),
    ],
)
def test_gemini_needs_a_person(fields: dict[str, Any], message: str, fold: Any) -> None:
    reader = hook_reader("gemini")
    told = [
        *reader.read(hook("BeforeAgent", prompt="go")),
        *reader.read(hook("Notification", notification_type="ToolPermission", **fields)),
    ]
    assert fold(told).needs_input == message
    told += reader.read(hook("Notification", notification_type="other", message="Signed in"))
    assert fold(told).needs_input == message


def test_gemini_and_codex(fold: Any, run: Any) -> None:
    todos = {"todos": [{"description": "a", "status": "completed"}]}
    state = fold(run(
        hook_lines("gemini"), hook("BeforeAgent", prompt="go"),
        hook("BeforeTool", tool_name="write_todos", tool_input=todos),
        hook("AfterTool", tool_name="write_todos", tool_input=todos),
        tool("BeforeTool", "run_shell_command"), tool("AfterTool", "run_shell_command", tool_response={"error": "no"}),
        tool("AfterTool", "read_file", tool_response={"llmContent": [{"text": "x"}], "error": None}),
        hook("AfterAgent", prompt_response="ok"), hook("SessionEnd"),
    ))  # fmt: skip
    assert (state.agent.agent_id, state.status, [todo.status for todo in state.todos]) == (
        "gemini-cli", "completed", ["completed"],
    )  # fmt: skip
    assert [(tool.name, tool.state) for tool in state.tools()] == [
        ("run_shell_command", "error"),
        ("read_file", "output-available"),
    ]
    assert fold(hook_reader("codex").read(hook("SessionStart"))).agent.agent_id == "openai-codex"
    failed = tool("PostToolUse", tool_use_id="t1", tool_response={"exit_code": 1, "output": "FAIL"})
    assert fold(hook_reader("codex").read(failed)).tool("t1").state == "error"
    plan = {"tool_name": "update_plan", "tool_input": {"plan": [{"step": "Draw", "status": "in_progress"}]}}
    listed = fold(run(hook_lines("codex"), hook("PreToolUse", **plan), hook("PostToolUse", **plan, tool_response="ok")))
    assert ([todo.content for todo in listed.todos], listed.tool_count) == (["Draw"], 0)


def test_sessions_stand_apart_and_end(run: Any) -> None:
    reader = hook_reader()
    reports = [*reader.read(hook("SessionStart")), *reader.read(hook("SessionStart", "s2")), *reader.finish()]
    assert [report.session for report in reports] == ["s1", "s1", "s2", "s2", "s1", "s2"]


@pytest.mark.parametrize("odd", [None, 3, "x", [], [1], {}])
def test_fields_of_other_types_do_no_harm(odd: Any) -> None:
    reader = hook_reader()
    for name in ("SessionStart", "PreToolUse", "PostToolUse", "PostToolUseFailure", "Notification", "Stop", odd):
        reader.read({"hook_event_name": name, "session_id": odd, "tool_name": odd, "tool_input": odd, "message": odd,
                     "tool_use_id": odd, "tool_response": odd, "error": odd, "prompt": odd, "cwd": odd})  # fmt: skip
    assert reader.counts.unknown.total() == 1


def test_bytes_are_decoded() -> None:
    assert hook_reader().read(json.dumps(hook("SessionStart")).encode())[0].session == "s1"
    with pytest.raises(BadJson):
        hook_reader().read(b"[1]")


# --------------------------------------------------------------------------- the turn is over, and what runs on


def told(*payloads: dict[str, Any]) -> list[Any]:
    reader = hook_reader()
    return [report for payload in (hook("UserPromptSubmit", prompt="go"), *payloads) for report in reader.read(payload)]


def bash(name: str, **more: Any) -> dict[str, Any]:
    return tool(name, "Bash", tool_use_id="b1", **more)


WATCH = {"id": "bq1", "type": "shell", "status": "running", "description": "Watch the build"}
STARTED = bash("PreToolUse"), bash("PostToolUse", tool_response={"stdout": "", "backgroundTaskId": "bq1"})
NOTICE = (
    "<task-notification><task-id>bq1</task-id><tool-use-id>b1</tool-use-id>"
    "<status>{}</status><summary>exit code 2</summary></task-notification>"
)


def test_a_turn_is_not_the_end_while_something_runs_on(fold: Any) -> None:
    stopped = told(*STARTED, hook("Stop", background_tasks=[WATCH], session_crons=[]))
    state = fold(stopped)
    assert (state.status, state.activity.kind, state.activity.what) == ("active", "waiting-machine", "Watch the build")
    assert state.tool("b1").state == "input-available"
    assert fold(told(*STARTED, hook("Stop", background_tasks=[], session_crons=[]))).status == "completed"


@pytest.mark.parametrize(("status", "end"), [("completed", "output-available"), ("failed", "error")])
def test_the_agent_that_hears_of_the_end_works_again_until_its_next_stop(fold: Any, status: str, end: str) -> None:
    woken = (*STARTED, hook("Stop", background_tasks=[WATCH]), hook("UserPromptSubmit", prompt=NOTICE.format(status)))
    state = fold(told(*woken))
    assert (state.status, state.activity.kind, state.tool("b1").state) == ("active", "working", end)
    assert [note.text for note in state.notes()] == ["go"], "a notice is no prompt"
    assert fold(told(*woken, hook("Stop", background_tasks=[]))).status == "completed"


def test_a_task_that_nobody_saw_begin_and_a_wake_up_are_calls_too(fold: Any) -> None:
    cron = {"id": "c1", "prompt": "look again"}
    state = fold(told(hook("Stop", background_tasks=[WATCH], session_crons=[cron])))
    assert [(call.name, call.state) for call in state.tools()] == [
        ("Bash", "input-available"),
        ("ScheduleWakeup", "input-available"),
    ]
    after = told(hook("Stop", background_tasks=[WATCH], session_crons=[cron]), hook("Stop", background_tasks=[]))
    assert fold(after).status == "completed"


def test_a_server_that_starts_anew_takes_up_what_runs_on(fold: Any) -> None:
    before = told(*STARTED, hook("Stop", background_tasks=[WATCH]))
    reader = hook_reader()
    reader.resume("s1", fold(before))
    state = fold([*before, *reader.read(hook("Stop", background_tasks=[WATCH]))])
    assert [call.id for call in state.tools()] == ["b1"]
    assert fold([*before, *reader.read(hook("Stop", background_tasks=[]))]).status == "completed"


SPAWN = {"tool_name": "Agent", "tool_input": {"prompt": "dig", "subagent_type": "Explore"}, "tool_use_id": "ag"}


def test_a_subagents_calls_and_requests_are_under_its_call(fold: Any) -> None:
    inner = {"agent_id": "a1", "agent_type": "Explore"}
    payloads = [
        hook("PreToolUse", **SPAWN),
        hook("SubagentStart", **inner),
        tool("PreToolUse", "Bash", tool_use_id="s1", **inner),
        tool("PermissionRequest", "Bash", **inner),
    ]
    state = fold(told(*payloads))
    assert state.tool("s1").parent_id == "ag"
    assert [(one.title, one.parent_id, one.tool_call_id) for one in state.requests] == [
        ("permission: Bash: ls", "ag", "s1")
    ]
    ended = fold(told(*payloads, tool("PostToolUse", "Bash", tool_use_id="s1", tool_response="a", **inner)))
    assert (ended.requests, ended.tool("s1").parent_id) == ((), "ag")


def test_two_subagents_in_the_background_are_told_apart_by_the_answers_of_their_calls(fold: Any) -> None:
    calls = [SPAWN | {"tool_use_id": ident} for ident in ("ag", "ah")]
    payloads = [
        *(hook("PreToolUse", **call) for call in calls),
        *(
            hook("PostToolUse", **call, tool_response={"status": "async_launched", "agentId": agent})
            for call, agent in zip(calls, ("a1", "a2"), strict=True)
        ),
        tool("PreToolUse", "Bash", tool_use_id="s2", agent_id="a2", agent_type="Explore"),
        tool("PreToolUse", "Bash", tool_use_id="s1", agent_id="a1", agent_type="Explore"),
    ]
    state = fold(told(*payloads))
    assert (state.tool("s1").parent_id, state.tool("s2").parent_id) == ("ag", "ah")
    running = [{"id": agent, "type": "subagent", "status": "running"} for agent in ("a1", "a2")]
    assert fold(told(*payloads, hook("Stop", background_tasks=running))).activity.kind == "waiting-machine"


def test_esc_is_no_stop_but_an_idle_agent_or_an_interrupted_call(fold: Any) -> None:
    idle = hook("Notification", message="Claude is waiting for your input", notification_type="idle_prompt")
    assert fold(told(bash("PreToolUse"))).status == "active"
    assert fold(told(bash("PreToolUse"), idle)).status == "interrupted"
    stopped = fold(told(bash("PreToolUse"), bash("PostToolUseFailure", error="stopped", is_interrupt=True)))
    assert (stopped.status, stopped.error) == ("interrupted", "interrupted by the user")


def test_what_auto_mode_denies_is_told(fold: Any) -> None:
    state = fold(told(bash("PreToolUse"), bash("PermissionDenied", reason="not asked for")))
    assert [note.text for note in state.notes() if note.kind == "notice"] == ["denied: Bash: ls: not asked for"]


def test_a_form_is_open_until_its_answer(fold: Any) -> None:
    form = {"message": "Your name?", "mcp_server_name": "crm", "elicitation_id": "e1"}
    state = fold(told(hook("Elicitation", **form)))
    assert [(one.kind, one.title) for one in state.requests] == [("form", "Your name?")]
    assert fold(told(hook("Elicitation", **form), hook("ElicitationResult", action="accept", **form))).requests == ()


def test_a_session_that_has_ended_is_not_interrupted_besides(run: Any, fold: Any) -> None:
    assert fold(run(hook_lines(), hook("UserPromptSubmit", prompt="go"), hook("Stop"))).status == "completed"
    assert fold(run(hook_lines(), hook("UserPromptSubmit", prompt="go"))).status == "interrupted"
