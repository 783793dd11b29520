"""What an original server has stored of a build, and how a watcher's state is completed from it
(docs/protocol.md#original-servers)."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.link import Hydrate
from sentryvibe_tui.client.original_replica import LOOK_AFTER, SUMMARY_WAIT, Hydration
from sentryvibe_tui.client.reconnect import SendFrame
from sentryvibe_tui.client.watching import Changed, EndConfirmed, Snapshot
from sentryvibe_tui.model.state import PLANNING, BuildState
from sentryvibe_tui.wire.frames import decode_frame
from sentryvibe_tui.wire.json import decode, encode
from sentryvibe_tui.wire.original_rows import QUIET, STALE, OriginalSession, Stored, stored

TRACES = Path(__file__).parents[1] / "data" / "traces"
START, END = "2026-11-28T10:00:00.000Z", "2026-11-28T10:05:00.000Z"
AFTER = "2026-11-28T10:06:00Z"
END_AT = 1_795_860_300_000


@pytest.fixture(scope="session")
def recorded():
    """The recorded answer and frames of a server: `recorded("v2")["messages_after"]`."""
    return lambda name: json.loads((TRACES / f"{name}-messages-mid-build.json").read_text())


def read(messages: dict) -> Stored:
    found = stored(decode(encode(messages["sessions"][0]), OriginalSession))
    assert found is not None
    return found


def rows(*statuses: str, tools: tuple = (), updated: str = START, **session) -> Stored:
    """A session of v2: what happened stands in its rows, its state is that of its first moment."""
    row = {"id": "s1", "buildId": "b1", "projectId": "shop", "status": "active", "startedAt": START} | session
    first = {"id": "b1", "projectName": "Shop", "agentId": "claude-code", "todos": [], "isActive": True}
    todos = [
        {"todoIndex": n, "content": f"todo {n}", "status": status, "updatedAt": updated}
        for n, status in enumerate(statuses)
    ]
    return read({"sessions": [{"session": row, "todos": todos, "tools": list(tools), "hydratedState": first}]})


def call(ident: str, index: int, at: str = START, state: str = "output-available", name: str = "Bash", **more) -> dict:
    row = {"toolCallId": ident, "todoIndex": index, "name": name, "state": state, "startedAt": at, "endedAt": at}
    return row | more


def statuses(state: BuildState) -> list[str]:
    return [todo.status for todo in state.todos]


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_the_rows_of_a_running_build_are_its_state(recorded, name: str) -> None:
    found = read(recorded(name)["messages_mid_build"])
    state = found.ended
    assert (state.id, state.session_id, state.status, found.ending) == ("r1-bld", "r1-ses", "active", None)
    assert statuses(state) == ["completed", "completed", "in_progress", "pending"]
    assert state.active_todo == 2
    assert (state.agent.agent_id, state.agent.model) == ("claude-code", "claude-sonnet-4-5")
    places = {tool.id: tool.todo for tool in state.tools()}
    assert {f"r1-t{n}": n // 3 for n in range(7)}.items() <= places.items()
    assert not any(tool.name == "TodoWrite" for tool in state.tools())
    if name == "v1":
        assert places["r1-epm"] == PLANNING
        assert state.plan == "# The plan\n1. do it"
        assert len(list(state.notes())) == 3


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_the_rows_of_a_finished_build_are_its_state(recorded, name: str) -> None:
    found = read(recorded(name)["messages_after"])
    state = found.ended
    assert (statuses(state), state.status) == (["completed"] * 4, "completed")
    assert state.ended_at is not None
    assert sum(tool.id.startswith("r1-t") for tool in state.tools()) == 12
    assert state.summary == ("All done." if name == "v2" else "")
    assert found.ending is not None
    assert found.ending.doubt == (0 if name == "v2" else QUIET)


def test_without_a_state_the_rows_suffice() -> None:
    row = {"id": "s1", "buildId": "b1", "status": "active", "operationType": "autofix", "autoFixError": "boom"}
    todos = [{"todoIndex": 1, "content": "two", "status": "pending"}, {"todoIndex": 0, "content": "one"}]
    found = read({"sessions": [{"session": row, "todos": todos, "tools": [call("t", 0)], "hydratedState": None}]})
    state = found.state
    assert (state.id, [todo.content for todo in state.todos], state.tool_count) == ("b1", ["one", "two"], 1)
    assert (state.agent.operation_type, state.autofix.error) == ("autofix", "boom")


ENDINGS = [
    (rows("completed", status="completed", endedAt=END, summary="ok"), ("completed", 0)),
    (rows("completed", status="completed", endedAt=END), ("completed", QUIET)),
    (rows("pending", status="cancelled", endedAt=END, summary="Build cancelled: no"), ("cancelled", 0)),
    (rows("pending", status="failed", endedAt=END), ("failed", STALE)),
    (rows("in_progress", status="failed", endedAt=END, updated=AFTER), None),
    (rows("pending", status="failed", endedAt=END, tools=(call("t", 0, AFTER),)), None),
    (
        rows("completed", status="completed", endedAt=END, tools=(call("t", 0, AFTER),)),
        ("completed", QUIET),
    ),
    (
        rows("completed", "in_progress", status="completed", endedAt=END, updated="2026-11-28T10:05:01Z"),
        ("completed", QUIET),
    ),
    (rows("completed"), None),
]


@pytest.mark.parametrize(("found", "expected"), ENDINGS, ids=lambda value: str(value)[:30])
def test_an_end_counts_unless_something_moved_after_it(found: Stored, expected) -> None:
    ending = found.ending
    assert expected == (None if ending is None else (ending.outcome, ending.doubt))


def test_a_session_that_its_own_answer_calls_stale_goes_on() -> None:
    """v2 puts `isActive: false` into the answer for any session that is asked for two minutes after its start."""
    session = {
        "session": {"id": "s1", "buildId": "b1", "status": "active"},
        "hydratedState": {"id": "b1", "isActive": False},
    }
    found = read({"sessions": [session]}).ended
    assert (found.is_active, found.activity.kind) == (True, "working")


# ------------------------------------------------------------------- a watcher


@pytest.fixture
def original(make_desk):
    """A watcher of an original server whose first question was answered with `found`."""

    def run(found: Stored | None = None, now: int = END_AT):
        desk = make_desk()
        desk.now = now
        desk.up(protocol=1)
        desk.did(desk.link.hydrated(Hydration(found), desk.now)).take(Hydrate)
        return desk

    return run


def frame(*updates: tuple[str, dict], session: str = "s1") -> str:
    wire = [{"type": kind, "data": data, "timestamp": END_AT} for kind, data in updates]
    return json.dumps({"type": "batch-update", "projectId": "shop", "sessionId": session, "updates": wire})


def hear(desk, *texts: str):
    return desk.hear(*(decode_frame(text, desk.now) for text in texts))


def todos_update(*statuses: str, phase: str | None = None) -> tuple[str, dict]:
    todos = [{"content": f"todo {n}", "status": status} for n, status in enumerate(statuses)]
    return "todos-update", {"todos": todos, "activeTodoIndex": -1} | ({"phase": phase} if phase else {})


BEGAN = ("build-started", {"buildId": "b1", "sessionId": "s1", "projectId": "shop"})


def tool_call(ident: str, index: int = 0, state: str = "output-available") -> tuple[str, dict]:
    return "tool-call", {"id": ident, "name": "Bash", "todoIndex": index, "state": state}


@pytest.mark.parametrize("late", [1, 12, 20])
def test_a_reconnect_in_the_middle_loses_nothing(make_desk, recorded, late: int) -> None:
    """O1: the recorded build, watched from its start, with a new connection and the answer of mid-build after it."""
    answer, texts = recorded("v2"), [line["raw"] for line in recorded("v2")["frames"]]
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(None), desk.now))
    hear(desk, *texts[1:late])
    before = desk.link.state
    desk.close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(read(answer["messages_mid_build"])), desk.now))
    state = desk.link.state
    assert statuses(state) == ["completed", "completed", "in_progress", "pending"]
    assert {tool.id for tool in before.tools()} <= {tool.id for tool in state.tools()}
    assert {f"r1-t{n}": n // 3 for n in range(7)}.items() <= {tool.id: tool.todo for tool in state.tools()}.items()
    hear(desk, *texts[late:])
    assert (desk.link.state.status, desk.link.state.summary) == ("completed", "All done.")
    assert {f"r1-t{n}": n // 3 for n in range(12)}.items() <= {t.id: t.todo for t in desk.link.state.tools()}.items()


def test_rows_that_are_not_stored_erase_nothing(original) -> None:
    desk = hear(original(), frame(BEGAN, todos_update("completed", "in_progress"), tool_call("t", 1)))
    known = desk.link.state
    desk.close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(rows()), desk.now))
    state = desk.link.state
    assert (statuses(state), state.tool("t").todo) == (statuses(known), known.todos[1].key)


@pytest.mark.parametrize("in_rows", [False, True])
def test_a_call_moves_under_its_todo_when_the_list_arrives(original, in_rows: bool) -> None:
    desk = original(rows(tools=(call("t", 1),)) if in_rows else rows())
    if not in_rows:
        hear(desk, frame(tool_call("t", 1)))
    assert desk.link.state.tool("t").todo == PLANNING
    hear(desk, frame(todos_update("completed", "in_progress")))
    assert desk.link.state.tool("t").todo == desk.link.state.todos[1].key
    assert isinstance(desk.take((Changed, Snapshot))[-1], Snapshot)


def test_the_agent_is_asked_for_when_a_build_begins(original) -> None:
    """O4: v2's `build-started` has nothing but ids. What came during the question is newer than the answer."""
    desk = hear(original(), frame(BEGAN))
    desk.later(1)
    assert desk.take(Hydrate) == [Hydrate()]
    desk.later(10)
    hear(desk, frame(todos_update("completed", "in_progress")))
    desk.did(desk.link.hydrated(Hydration(rows("in_progress", "pending")), desk.now))
    state = desk.link.state
    assert (state.agent.agent_id, state.agent.project_name) == ("claude-code", "Shop")
    assert statuses(state) == ["completed", "in_progress"]


def test_an_end_that_was_never_told_is_asked_for(original) -> None:
    """O5: the server was restarted; its row is completed once all todos are."""
    desk = hear(original(rows("in_progress")), frame(todos_update("completed")))
    assert desk.link.state.is_active
    desk.later(LOOK_AFTER)
    assert desk.take(Hydrate) == [Hydrate()]
    ended = rows("completed", status="completed", endedAt=END)
    desk.did(desk.link.hydrated(Hydration(ended), desk.now))
    assert desk.link.state.is_active
    for _ in range(4):
        if not desk.take(Hydrate):
            desk.later(QUIET)
        desk.did(desk.link.hydrated(Hydration(ended), desk.now))
    assert desk.link.state.status == "completed"
    desk.later(SUMMARY_WAIT)
    desk.did(desk.link.hydrated(Hydration(ended), desk.now))
    assert len(desk.take(EndConfirmed)) == 1
    desk.take(Hydrate)
    desk.later(600_000)
    assert desk.take(Hydrate) == []


def test_a_template_that_is_done_is_no_reason_to_ask(original) -> None:
    desk = hear(original(rows()), frame(todos_update("completed", "completed", phase="template")))
    desk.later(2 * LOOK_AFTER)
    assert desk.take(Hydrate) == []
    desk.did(desk.link.hydrated(Hydration(rows("completed", "completed")), desk.now))
    assert (len(desk.link.state.template_todos), desk.link.state.todos) == (2, ())


def test_a_silent_build_is_asked_for_over_the_link(original) -> None:
    """Asking for the rows would make v2 call a build failed that only takes long."""
    desk = original(rows("in_progress"))
    desk.take(SendFrame)
    desk.later(61_000)
    assert b'{"type":"get-state"}' in [sent.data for sent in desk.take(SendFrame)]
    assert desk.take(Hydrate) == []
    recovery = {"type": "state-recovery", "state": '{"id":"b1"}', "sessionStatus": "completed"}
    hear(desk, json.dumps(recovery))
    assert desk.link.state.status == "completed"


def test_a_state_within_a_string_is_read(original) -> None:
    """O12."""
    text = {"type": "state-recovery", "state": '{"id":"b1","agentId":"claude-code"}', "sessionStatus": "active"}
    desk = hear(original(), json.dumps(text))
    assert (desk.link.state.id, desk.link.state.agent.agent_id) == ("b1", "claude-code")


@pytest.mark.parametrize("late", [True, False])
def test_a_summary_is_waited_for(original, late: bool) -> None:
    """O9: v2 tells it seconds after the end."""
    desk = hear(original(rows("in_progress")), frame(("build-complete", {"status": "completed"})))
    assert [event.settled for event in desk.take(Changed)] == [False]
    if late:
        desk.later(3_000)
        hear(desk, frame(("build-summary", {"summary": "All done."})))
        assert desk.link.state.summary == "All done."
    desk.later(SUMMARY_WAIT)
    if not late:
        assert desk.take(Hydrate) == [Hydrate()]
        desk.did(desk.link.hydrate_failed("gone", desk.now))
    assert [event.state.status for event in desk.take(EndConfirmed)] == ["completed"]


def test_a_summary_that_nobody_tells_holds_up_nothing_when_another_session_began(original) -> None:
    desk = hear(original(rows("in_progress")), frame(("build-complete", {"status": "completed"})))
    desk.later(SUMMARY_WAIT)
    assert desk.take(Hydrate) == [Hydrate()]
    other = rows("pending", id="s2", buildId="b2")
    newest = Hydration(replace(other, state=replace(other.state, id="b2")), ("b1",))
    desk.did(desk.link.hydrated(newest, desk.now))
    assert desk.link.state.id == "b1"
    assert len(desk.take(EndConfirmed)) == 1
    hear(desk, state_update("in_progress", tools=("t",)))
    assert desk.link.state.tool("t") is not None


def test_a_question_of_an_earlier_connection_is_none(original) -> None:
    desk = hear(original(rows("in_progress")), frame(todos_update("completed")))
    desk.later(LOOK_AFTER)
    hear(desk, frame(tool_call("t")))
    desk.close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(rows("completed", "in_progress")), desk.now))
    assert statuses(desk.link.state) == ["completed", "in_progress"]


@pytest.mark.parametrize("end", [{"status": "failed"}, {"status": "completed", "summary": "ok"}])
def test_other_ends_wait_for_nothing(original, end: dict) -> None:
    desk = hear(original(rows("in_progress")), frame(("build-complete", end)))
    assert [event.settled for event in desk.take(Changed)] == [True]


def test_cancelled_is_one_word_live_and_late(original) -> None:
    """O13."""
    end = {"status": "failed", "summary": "Build cancelled: User cancelled"}
    desk = hear(original(rows("in_progress")), frame(("build-complete", end)))
    assert desk.link.state.status == "cancelled"
    late = rows("pending", status="cancelled", endedAt=END, summary="Build cancelled: User cancelled")
    assert original(late).link.state.status == late.ended.status == "cancelled"


def test_a_repair_is_announced_in_the_build_before(original) -> None:
    """O10."""
    desk = hear(original(rows("completed", status="completed", endedAt=END, summary="ok")))
    fix = ("autofix-started", {"projectId": "shop", "errorMessage": "boom"})
    second = ("build-started", {"buildId": "b2", "sessionId": "s2", "projectId": "shop"})
    hear(desk, frame(fix), frame(second, session="s2"))
    assert (desk.link.state.id, desk.link.state.autofix.error) == ("b2", "boom")


def test_what_goes_on_takes_an_end_back(original) -> None:
    desk = hear(original(rows("in_progress")), frame(("build-complete", {"status": "completed", "summary": "ok"})))
    hear(desk, frame(tool_call("late", 0, "input-available")))
    assert (desk.link.state.status, desk.link.state.open_tools) == ("active", {"late"})
    assert desk.link.state.activity.kind == "working"


def test_what_ends_late_takes_no_end_back(original) -> None:
    desk = hear(original(rows("in_progress")), frame(tool_call("t", 0, "input-available")))
    hear(desk, frame(("build-complete", {"status": "completed", "summary": "ok"})), frame(tool_call("t")))
    assert (desk.link.state.status, desk.link.state.tool("t").state) == ("completed", "output-available")


# ------------------------------------------------------------------- v1: whole states


def state_update(*statuses: str, ended: str | None = None, tools: tuple = (), start: str = START) -> str:
    calls = [{"id": ident, "name": "Bash", "state": "output-available", "startTime": start} for ident in tools]
    state = {
        "id": "b1",
        "todos": [{"content": f"todo {n}", "status": status} for n, status in enumerate(statuses)],
        "toolsByTodo": {"0": calls},
        "isActive": ended is None,
        "startTime": START,
    }
    return frame(("state-update", state | ({} if ended is None else {"endTime": ended})))


def stored_v1(*states: str, **session) -> Stored:
    row = {"id": "s1", "buildId": "b1", "startedAt": START} | session
    state = {
        "id": "b1",
        "todos": [{"content": f"todo {n}", "status": s} for n, s in enumerate(states)],
        "isActive": False,
    }
    return read({"sessions": [{"session": row, "todos": None, "tools": None, "notes": [], "hydratedState": state}]})


def test_the_end_of_the_template_is_no_end(original) -> None:
    """O6: v1 ends a build whenever all todos of a list are completed, and goes on calling it ended."""
    desk = hear(original(), state_update("in_progress", "pending"), state_update("completed", "completed", ended=END))
    assert desk.link.state.is_active
    hear(desk, state_update("in_progress", "pending", "pending", ended=END))
    assert desk.link.state.is_active
    hear(desk, state_update("completed", "in_progress", "pending", ended=END, tools=("t",)))
    assert desk.link.state.is_active
    hear(desk, state_update("completed", "completed", "completed", ended="2026-11-28T10:09:00Z"))
    assert desk.link.state.is_active
    hear(desk, state_update("completed", "completed", "completed", ended="2026-11-28T10:09:01Z"))
    assert desk.link.state.status == "completed"
    assert desk.take(Changed)[-1].settled


def test_an_end_that_v1_told_once_is_believed_after_a_while(original) -> None:
    desk = hear(original(), state_update("in_progress"), state_update("completed", ended=END))
    ended = stored_v1("completed", status="completed", endedAt=END)
    waited = 0
    while desk.link.state.is_active and waited < 10:
        desk.later(QUIET)
        if desk.take(Hydrate):
            desk.did(desk.link.hydrated(Hydration(ended), desk.now))
        waited += 1
    assert desk.link.state.status == "completed"
    hear(desk, state_update("completed", "in_progress", ended=END))
    assert desk.link.state.is_active


def test_a_build_of_v1_that_failed_is_asked_how_it_ended(original) -> None:
    desk = hear(original(), state_update("in_progress"), state_update("in_progress", ended=END))
    desk.later(1)
    assert desk.take(Hydrate) == [Hydrate()]
    failed = stored_v1("in_progress", status="failed", endedAt=END)
    desk.did(desk.link.hydrated(Hydration(failed), desk.now))
    assert desk.link.state.status == "failed"


def test_whole_states_are_told_as_what_changed(make_desk, recorded) -> None:
    """O11: one snapshot, then changes; together they are the state."""
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(None), desk.now))
    hear(desk, *(line["raw"] for line in recorded("v1")["frames"][1:]))
    snapshots = desk.take(Snapshot)
    assert len(snapshots) == 1
    assert snapshots[0].state.last_event_at is not None
    updates = [update for event in desk.take(Changed) for update in event.entry.updates]
    assert len(updates) < 60
    assert desk.link.state.status == "completed"
    assert statuses(desk.link.state) == ["completed"] * 4
