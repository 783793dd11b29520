"""Original servers: recorded traffic, and each fault of the original's watcher (docs/protocol.md#original-servers)."""

import json
from pathlib import Path

import pytest
from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.client.link import Hydrate
from sentryvibe_tui.client.original_replica import Hydration
from sentryvibe_tui.client.watching import Changed, Skipped, Snapshot
from sentryvibe_tui.model.events import TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, TodoItem
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.updates import BuildBegan, Entry, TodosChanged, ToolChanged
from sentryvibe_tui.wire.frames import Batch, Recovery, decode_frame
from sentryvibe_tui.wire.state import decode_state

TRACES = Path(__file__).parents[1] / "data" / "traces"


def received(name: str) -> list[str]:
    lines = map(json.loads, (TRACES / name).read_text().splitlines())
    return [line["raw"] for line in lines if line["dir"] == "recv"]


@pytest.fixture
def replay(make_desk, make_answer):
    """The watcher after a recorded connection, whose hydration is answered after `late` further frames."""

    def run(name: str, late: int = 0, answer: BuildState | None = None):
        desk = make_desk()
        desk.did(desk.link.opened(desk.now))
        for number, raw in enumerate(received(name)):
            desk.now += 50
            desk.hear(decode_frame(raw, desk.now))
            if number == late:
                desk.did(desk.link.hydrated(make_answer(answer), desk.now))
        return desk

    return run


@pytest.mark.parametrize("late", [0, 3, 9])
@pytest.mark.parametrize("name", ["v1.jsonl", "v2.jsonl"])
def test_recorded_traffic_ends_in_the_whole_build(replay, name, late) -> None:
    desk = replay(name, late)
    state = desk.link.state
    assert desk.take(Hydrate) == [Hydrate()]
    assert desk.take(Skipped) == []
    assert [todo.status for todo in state.todos] == ["completed"] * 3
    tools = {tool.id: tool for tool in state.tools()}
    assert sorted(tools) == [f"call-{number}" for number in range(1, 8)]
    assert {tool.state for tool in tools.values()} == {"output-available"}
    assert all(tool.input is not None for tool in tools.values())
    without_output = {"call-1"} if name == "v1.jsonl" else set()
    assert {tool.id for tool in tools.values() if tool.output is None} == without_output
    assert [tools[f"call-{n}"].todo for n in range(1, 8)] == [-1, 0, 0, 1, 1, 2, 2]
    agent = Agent("claude-code", "claude-sonnet-4-5", "proj-tide", "initial-build")
    assert (state.id, state.status, state.agent) == ("bld-tide", "completed", agent)
    assert isinstance(state.started_at, int)
    assert isinstance(state.ended_at, int)
    if name == "v2.jsonl":
        assert state.summary == "The tide table reads station 12 and agrees with the log to a minute."
    else:
        assert [note.text for note in state.notes()] == ["The table now sorts by hour; next comes station 12."]


def entry(*updates) -> Entry:
    return Entry(0, 5_000, updates)


def batch(*changes, session: str = "s1") -> Batch:
    return Batch("shop", session, "", changes)


def tool(tool_id: str, state: str, index: int = 0, output: Raw | None = None) -> Entry:
    return entry(ToolChanged(tool_id, "Bash", index, state, output=output))


def todos(*statuses: str) -> Entry:
    return entry(TodosChanged(tuple(TodoItem(f"todo {n}", s) for n, s in enumerate(statuses)), -1))


BEGAN = entry(BuildBegan("b1", "s1", "shop"))


@pytest.fixture
def original(make_desk, make_answer):
    """A watcher of an original server in the middle of build b1; `hydrate` answers its question."""

    def run(*frames, hydrate: BuildState | None = None):
        desk = make_desk().up(protocol=1)
        desk.did(desk.link.hydrated(make_answer(hydrate), desk.now))
        return desk.hear(*frames)

    return run


def state_of(make_build, *events, session: str = "s1", build_id: str = "b1") -> BuildState:
    return replace(make_build(build_id, session).work(2).add(*events).state, version=0)


def test_a_batch_is_applied_in_its_order(original) -> None:
    desk = original(
        batch(BEGAN, tool("t", "input-available"), tool("t", "error"), todos("pending"), todos("completed"))
    )
    assert desk.link.state.tool("t").state == "error"
    assert desk.link.state.todos[0].status == "completed"


def test_a_late_hydration_answer_never_overwrites_newer_updates(make_desk, make_build, make_answer) -> None:
    old = state_of(make_build, ToolStarted("t", "Bash"))
    desk = make_desk().up(protocol=1)
    desk.hear(batch(tool("t", "output-available", output=Raw(b'"ok"')), todos("completed", "completed")))
    assert desk.link.state == BuildState()
    desk.did(desk.link.hydrated(make_answer(old), desk.now))
    state = desk.link.state
    assert state.tool("t").state == "output-available"
    assert [todo.status for todo in state.todos] == ["completed", "completed"]
    assert state.agent.agent_id == "claude-code"


def test_updates_before_hydration_are_kept_also_when_it_fails(make_desk) -> None:
    desk = make_desk().up(protocol=1).hear(batch(BEGAN, tool("t", "input-available")))
    desk.did(desk.link.hydrate_failed("HTTP 500", desk.now))
    assert desk.link.state.tool("t").is_open


def test_a_build_that_ends_while_the_watcher_is_away_is_seen_as_ended(original, make_build, make_answer) -> None:
    desk = original(batch(BEGAN, tool("t", "input-available"))).close().later(1_500).up(protocol=1)
    ended = state_of(make_build, BuildEnded("failed"))
    desk.did(desk.link.hydrated(make_answer(ended), desk.now))
    assert desk.link.state.status == "failed"
    assert desk.link.state.tool("t") is not None


def test_a_session_status_ends_an_active_build_and_never_reopens_one(original) -> None:
    first = BuildState(id="b1", session_id="s1")
    desk = original(batch(BEGAN), Recovery(first, "s1", "completed"))
    assert desk.link.state.status == "completed"
    desk.hear(Recovery(first, "s1", "active"))
    assert desk.link.state.status == "completed"


def test_finished_builds_are_shown(original, make_build) -> None:
    desk = original(hydrate=state_of(make_build, BuildEnded("completed", "done")))
    assert desk.link.status.phase == "live"
    assert desk.take(Snapshot)[0].state.summary == "done"


def test_a_state_is_merged_so_that_metadata_texts_and_codex_stay(original, make_build) -> None:
    known = replace(state_of(make_build), codex=Raw(b'{"threadId":"t"}'), summary="so far")
    bare = BuildState(id="b1", todos=known.todos)
    desk = original(batch(bare), hydrate=known)
    state = desk.link.state
    assert (state.agent, state.codex, state.summary) == (known.agent, known.codex, "so far")


def test_an_error_that_is_retried_becomes_a_success(original) -> None:
    desk = original(batch(BEGAN, tool("t", "error"), tool("t", "input-available"), tool("t", "output-available")))
    assert desk.link.state.tool("t").state == "output-available"
    assert desk.link.state.tool_count == 1


def test_a_repeated_start_does_not_reopen_a_finished_tool(original) -> None:
    desk = original(batch(BEGAN, tool("t", "output-available"), tool("t", "input-available")))
    assert (desk.link.state.tool("t").state, desk.link.state.open_tools) == ("output-available", frozenset())


def test_running_tools_are_shown(original) -> None:
    desk = original(batch(BEGAN, tool("t", "input-available")))
    assert desk.link.state.open_tools == {"t"}
    assert desk.take(Changed)[-1].entry.updates[0].state == "input-available"


def test_tools_before_any_todo_are_kept(original) -> None:
    assert original(batch(BEGAN, tool("t", "input-available", -1))).link.state.tool("t").todo == -1


def test_two_builds_of_one_project_are_not_mixed(original, make_build) -> None:
    other = state_of(make_build, ToolStarted("x", "Bash"), session="s0", build_id="b0")
    desk = make_mixed(original, other)
    assert desk.link.state.id == "b1"
    assert [tool.id for tool in desk.link.state.tools()] == ["t"]


def make_mixed(original, other: BuildState):
    desk = original(batch(BEGAN, tool("t", "input-available")), batch(tool("x", "error"), session="s0"))
    desk.close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(None, (other.id,)), desk.now))
    return desk.hear(batch(other, tool("x", "error"), session="s0"), Recovery(other, "s0", "completed"))


def test_a_new_build_starts_clean_and_the_old_ones_frames_are_ignored(original) -> None:
    desk = original(batch(BEGAN, todos("completed"), entry(BuildEnded("completed", "the old summary"))))
    began = entry(BuildBegan("b2", "s2", "shop"))
    desk.hear(batch(began, session="s2"), batch(todos("pending", "pending"), session="s1"))
    state = desk.link.state
    assert (state.id, state.todos, state.summary, state.status) == ("b2", (), "", "active")
    assert desk.take(Snapshot)[-1].cause == "new-build"


def test_a_failed_build_stays_failed_when_a_state_only_says_that_it_ended(original) -> None:
    desk = original(batch(BEGAN, entry(BuildEnded("failed", error="no disk"))))
    desk.hear(batch(BuildState(id="b1", status="completed", ended_at=9)))
    assert (desk.link.state.status, desk.link.state.error) == ("failed", "no disk")


def test_dates_become_milliseconds() -> None:
    state = decode_state(b'{"id":"b","startTime":"2026-11-22T18:51:28.974Z","endTime":1795373490187,"isActive":false}')
    assert (state.started_at, state.ended_at) == (1795373488974, 1795373490187)


def test_more_todos_after_all_were_completed_go_on(original, make_build) -> None:
    known = state_of(make_build, TodosReported((TodoItem("one", "completed"),)), ToolEnded("t"))
    desk = original(batch(todos("completed", "in_progress")), hydrate=known)
    assert desk.link.state.is_active
    assert len(desk.link.state.todos) == 2
