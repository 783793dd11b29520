"""The Agent Client Protocol: what an editor and an agent say becomes builds. All values are invented."""

import json
from typing import Any

import pytest

from sentryvibe_tui.agents.acp.wire import AcpLines, AcpWire, Side
from sentryvibe_tui.agents.detect import detect
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.usage import Usage

SHOP = "/srv/shop"
Said = tuple[Side, dict[str, Any]]


def request(side: Side, ident: int, method: str, **params: Any) -> Said:
    return side, {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}


def answer(side: Side, ident: int, result: Any = None, **error: Any) -> Said:
    return side, {"jsonrpc": "2.0", "id": ident, **({"error": error} if error else {"result": result})}


def update(kind: str, session: str = "s1", /, **fields: Any) -> Said:
    params = {"sessionId": session, "update": {"sessionUpdate": kind, **fields}}
    return "agent", {"jsonrpc": "2.0", "method": "session/update", "params": params}


def said(words: str, kind: str = "agent_message_chunk") -> Said:
    return update(kind, content={"type": "text", "text": words})


BEGUN = (
    request("client", 0, "initialize", protocolVersion=1),
    answer("agent", 0, {"protocolVersion": 1, "agentInfo": {"name": "parrot", "version": "1.2"}}),
    request("client", 1, "session/new", cwd=SHOP, mcpServers=[]),
    answer("agent", 1, {"sessionId": "s1", "models": {"currentModelId": "m-9"}}),
    request("client", 2, "session/prompt", sessionId="s1", prompt=[{"type": "text", "text": "Mark the release"}]),
)
CALL = update(
    "tool_call",
    toolCallId="c1",
    title="touch r.txt",
    kind="execute",
    status="pending",
    rawInput={"command": "touch r.txt"},
)
OPTIONS = [{"optionId": "yes", "name": "Allow", "kind": "allow_once"}]
# The agent numbers its requests by itself: this 2 is not the client's.
ASKED = request(
    "agent",
    2,
    "session/request_permission",
    sessionId="s1",
    toolCall={"toolCallId": "c1", "title": "touch r.txt", "kind": "execute"},
    options=OPTIONS,
)
ALLOWED = answer("client", 2, {"outcome": {"outcome": "selected", "optionId": "yes"}})
RETURNED = update(
    "tool_call_update",
    toolCallId="c1",
    status="completed",
    content=[{"type": "content", "content": {"type": "text", "text": "ok"}}],
)
OVER = answer("agent", 2, {"stopReason": "end_turn"})


@pytest.fixture
def read(fold: Any) -> Any:
    """The state of session `of` after what was said, and (`over`) after the process' end."""

    def state(*conversation: Said, of: str = "s1", over: bool = False, error: str = "") -> BuildState:
        wire, reports = AcpWire("t"), list[Any]()
        for side, record in conversation:
            reports += wire.feed(side, json.dumps(record).encode() + b"\n")
        reports += wire.finish(error) if over else []
        assert not wire.counts.broken
        return fold(report for report in reports if report.session == of)

    return state


def test_a_turn_from_its_prompt_to_its_end(read: Any) -> None:
    state = read(*BEGUN, said("I "), said("mark it."), CALL)
    assert (state.agent.agent_id, state.agent.version, state.agent.cwd, state.agent.model) == (
        "parrot",
        "1.2",
        SHOP,
        "m-9",
    )
    assert (state.activity.kind, state.agent.title) == ("working", "Mark the release")
    assert [(note.kind, note.text) for note in state.notes()] == [
        ("prompt", "Mark the release"),
        ("text", "I mark it."),
    ]
    over = read(*BEGUN, CALL, RETURNED, said("Done."), OVER)
    assert (over.status, over.activity.kind) == ("completed", "idle")
    assert [(tool.name, bytes(tool.input), tool.state) for tool in over.tools()] == [
        ("execute", b'{"command":"touch r.txt"}', "output-available")
    ]


def test_a_permission_waits_for_its_own_answer(read: Any) -> None:
    waiting = read(*BEGUN, CALL, ASKED)
    assert waiting.activity.kind == "waiting-person"
    assert [(one.title, one.tool_call_id, one.options[0].kind) for one in waiting.requests] == [
        ("permission: touch r.txt", "c1", "allow_once")
    ]
    assert read(*BEGUN, CALL, ASKED, ALLOWED).activity.kind == "working"
    cancelled = answer("client", 2, {"outcome": {"outcome": "cancelled"}})
    assert read(*BEGUN, CALL, ASKED, cancelled).requests == ()


def test_a_permission_says_the_whole_command(read: Any) -> None:
    call = {"toolCallId": "c9", "title": "Mark the release", "kind": "execute", "rawInput": {"command": "touch r"}}
    asked = request("agent", 8, "session/request_permission", sessionId="s1", toolCall=call, options=OPTIONS)
    assert [one.title for one in read(*BEGUN, asked).requests] == ["permission: Mark the release: touch r"]


def test_an_agent_that_speaks_before_its_session_is_answered(read: Any) -> None:
    early = read(*BEGUN[:3], update("session_info_update", title="Shop"), *BEGUN[3:])
    assert (early.agent.cwd, early.agent.model) == (SHOP, "m-9")


def test_a_permission_for_a_call_that_was_not_told_of_begins_it(read: Any) -> None:
    assert [tool.name for tool in read(*BEGUN, ASKED).tools()] == ["execute"]


def test_a_form_waits_too(read: Any) -> None:
    form = request("agent", 7, "elicitation/create", sessionId="s1", mode="form", message="Which port?")
    assert [(one.kind, one.title) for one in read(*BEGUN, form).requests] == [("form", "Which port?")]
    assert read(*BEGUN, form, answer("client", 7, {"action": "accept", "content": {}})).requests == ()


def test_plans_are_todos_and_replace_each_other(read: Any) -> None:
    plans = [
        update(
            "plan",
            entries=[{"content": "Parse", "priority": "high", "status": one}, {"content": "Test", "status": "pending"}],
        )
        for one in ("in_progress", "completed")
    ]
    assert [(todo.content, todo.status) for todo in read(*BEGUN, *plans).todos] == [
        ("Parse", "completed"),
        ("Test", "pending"),
    ]


def test_a_changed_file_is_shown_as_its_change(read: Any) -> None:
    diff = {"type": "diff", "path": "/srv/shop/a.py", "oldText": "a", "newText": "b"}
    call = update("tool_call", toolCallId="e1", title="Edit a.py", kind="edit", status="in_progress")
    done = update("tool_call_update", toolCallId="e1", status="completed", content=[diff])
    (tool,) = read(*BEGUN, call, done).tools()
    given = json.loads(bytes(tool.input))
    assert (given["file_path"], given["old_string"], given["new_string"]) == ("/srv/shop/a.py", "a", "b")


def test_what_a_terminal_printed_is_the_calls_output(read: Any) -> None:
    call = update(
        "tool_call", toolCallId="x1", title="make", kind="execute", content=[{"type": "terminal", "terminalId": "t1"}]
    )
    asked = request("agent", 9, "terminal/output", sessionId="s1", terminalId="t1")
    told = answer("client", 9, {"output": "all is built", "truncated": False})
    failed = update("tool_call_update", toolCallId="x1", status="failed")
    (tool,) = read(*BEGUN, call, asked, told, failed).tools()
    assert (tool.state, bytes(tool.output)) == ("error", b'"all is built"')


@pytest.mark.parametrize(
    ("last", "status", "error"),
    [
        (OVER, "completed", ""),
        (answer("agent", 2, {"stopReason": "cancelled"}), "cancelled", ""),
        (answer("agent", 2, {"stopReason": "refusal"}), "failed", "the model refused to go on"),
        (answer("agent", 2, {"stopReason": "max_tokens"}), "failed", "the model was cut at its token limit"),
        (answer("agent", 2, code=-32000, message="no key"), "failed", "no key"),
    ],
)
def test_how_a_turn_ends(last: Said, status: str, error: str, read: Any) -> None:
    state = read(*BEGUN, CALL, ASKED, last)
    assert (state.status, state.error or "", state.activity.kind, state.requests) == (status, error, "idle", ())
    closed = read(*BEGUN, CALL, last, request("client", 3, "session/close", sessionId="s1"), answer("agent", 3, {}))
    assert (closed.status, closed.activity.kind) == (status, "ended")


def test_a_process_that_ends_ends_its_sessions(read: Any) -> None:
    gone = read(*BEGUN, CALL, over=True, error="the agent exited with code 3")
    assert (gone.status, gone.error, gone.activity.kind) == ("interrupted", "the agent exited with code 3", "ended")
    assert read(*BEGUN, OVER, over=True, error="killed").status == "completed"


def test_tokens_cost_and_how_full_the_context_is(read: Any) -> None:
    fill = update("usage_update", used=50_000, size=200_000, cost={"amount": 0.25, "currency": "USD"})
    used = {"totalTokens": 1_500, "inputTokens": 100, "outputTokens": 400, "cachedReadTokens": 1_000}
    over = answer("agent", 2, {"stopReason": "end_turn", "usage": used})
    usage = read(*BEGUN, fill, over).usage
    assert usage == Usage(1_100, 400, 1_000, 0.25, 25.0)
    within = {"totalTokens": 6_700, "inputTokens": 6_600, "outputTokens": 100, "cachedReadTokens": 4_000}
    inside = answer("agent", 2, {"stopReason": "end_turn", "usage": within})
    assert read(*BEGUN, inside).usage == Usage(6_600, 100, 4_000)
    euros = update("usage_update", used=1, size=2, cost={"amount": 9.0, "currency": "EUR"})
    assert read(*BEGUN, euros).usage.cost_usd is None


def test_a_session_that_is_loaded_tells_its_past_again_and_that_is_no_news(read: Any) -> None:
    loading = (
        *BEGUN[:2],
        request("client", 1, "session/load", sessionId="old", cwd=SHOP, mcpServers=[]),
        update("user_message_chunk", "old", content={"type": "text", "text": "Once"}),
        update("agent_message_chunk", "old", content={"type": "text", "text": "upon"}),
        update("tool_call", "old", toolCallId="c0", title="ls", kind="execute", status="completed"),
        update("plan", "old", entries=[{"content": "Parse", "status": "pending"}]),
        answer("agent", 1, {}),
    )
    state = read(*loading, of="old")
    assert (list(state.notes()), list(state.tools()), len(state.todos)) == ([], [], 1)
    more = update("agent_message_chunk", "old", content={"type": "text", "text": "Now."})
    assert [note.text for note in read(*loading, more, of="old").notes()] == ["Now."]


def test_sessions_of_one_connection_are_builds_of_their_own(read: Any) -> None:
    both = (*BEGUN, request("client", 3, "session/new", cwd="/srv/other"), answer("agent", 3, {"sessionId": "s2"}))
    other = update("agent_message_chunk", "s2", content={"type": "text", "text": "Two"})
    said_in = (*both, said("One"), other, said("!"), OVER)
    assert (read(*said_in).status, read(*said_in, of="s2").status) == ("completed", "active")
    assert [note.text for note in read(*said_in).notes()] == ["Mark the release", "One!"]
    assert read(*said_in, of="s2").agent.cwd == "/srv/other"


def test_a_recording_of_both_sides_is_told_apart(fold: Any, run: Any) -> None:
    lines = [record for _, record in (*BEGUN, CALL, ASKED, ALLOWED, RETURNED, said("Done."), OVER)]
    assert detect(json.dumps(lines[0]).encode() + b"\n") == "acp-wire"
    state = fold(run(AcpLines(), *lines))
    assert (state.status, state.requests, [tool.state for tool in state.tools()]) == (
        "completed",
        (),
        ["output-available"],
    )


def test_what_is_not_known_is_counted(read: Any) -> None:
    wire = AcpWire()
    for side, record in (*BEGUN, update("brand_new"), ("agent", {"jsonrpc": "2.0", "id": 99, "result": {}})):
        wire.feed(side, json.dumps(record).encode() + b"\n")
    assert dict(wire.counts.unknown) == {"update brand_new": 1}
