"""A state as an original client reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from sentryvibe_tui.model.events import About, BuildEvent, BuildStarted, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, TodoItem
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.wire.state import decode_state, encode_state


def built(*events: BuildEvent) -> BuildState:
    state = BuildState()
    for number, event in enumerate((BuildStarted(), *events)):
        state, _ = reduce(state, event, 1_000 * (number + 1), About("p", "s", "b"))
    return state


def told(*events: BuildEvent) -> dict[str, Any]:
    state = built(*events)
    assert decode_state(encode_state(state)) == state
    return json.loads(encode_state(state))


TODOS = TodosReported((TodoItem("one", "in_progress"), TodoItem("two")))


def test_what_ran_under_no_todo_is_planning() -> None:
    state = told(ToolStarted("a", "Read"), ToolEnded("a"), ToolStarted("b", "Glob"))
    assert [tool["id"] for tool in state["planningTools"]] == ["a", "b"]
    assert state["activePlanningTool"]["id"] == "b"
    assert state["toolsByTodo"] == {}


def test_with_todos_the_planning_is_over() -> None:
    state = told(ToolStarted("a", "Read"), TODOS, ToolStarted("b", "Glob"))
    assert [tool["id"] for tool in state["planningTools"]] == ["a"]
    assert "activePlanningTool" not in state
    assert [tool["id"] for tool in state["toolsByTodo"]["0"]] == ["b"]


def test_a_build_that_ended_plans_no_more() -> None:
    assert "activePlanningTool" not in told(ToolStarted("a", "Read"), BuildEnded("completed"))


def test_tools_of_a_dropped_todo_are_kept_with_their_todo() -> None:
    state = told(TODOS, ToolStarted("a", "Read"), TodosReported((TodoItem("other things altogether"),)))
    assert [(tool["id"], tool["todoKey"]) for tool in state["planningTools"]] == [("a", 0)]


@pytest.mark.parametrize("name", ["ExitPlanMode", "exit_plan_mode"])
def test_a_plan_to_approve_is_the_plan_of_the_build(name: str) -> None:
    first, second = (Raw(json.dumps({"plan": text}).encode()) for text in ("# One", "# Two"))
    assert told(ToolStarted("a", name, first))["buildPlan"] == "# One"
    assert told(ToolStarted("a", name), ToolStarted("a", name, first))["buildPlan"] == "# One"
    again = told(
        ToolStarted("a", name, first), ToolEnded("a"), ToolStarted("b", name, second), ToolStarted("a", name, first)
    )
    assert again["buildPlan"] == "# Two"


@pytest.mark.parametrize("given", [b"{}", b"[]", b'{"plan":7}', b'"plan"'])
def test_a_call_without_a_plan_brings_none(given: bytes) -> None:
    assert "buildPlan" not in told(ToolStarted("a", "ExitPlanMode", Raw(given)))
    assert "buildPlan" not in told(ToolStarted("a", "Bash", Raw(b'{"plan":"x"}')))
