from collections import Counter
from typing import Any

import pytest

from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.demo.fleet import demo_fleet
from sentryvibe_tui.agents.demo.stream import demo_build
from sentryvibe_tui.model.events import TextAdded, TodosReported, ToolStarted, UsageReported
from sentryvibe_tui.model.facts import AgentReported
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted, encode_posted


@pytest.fixture(params=["claude", "codex"])
def agent(request: Any) -> Any:
    return request.param


def test_it_is_a_lively_whole_build(agent: Any, fold: Any) -> None:
    steps = list(demo_build(agent, 7))
    state = fold(Reported(step.event) for step in steps)
    assert (state.status, state.project_id) == ("completed", "shop")
    assert [todo.status for todo in state.todos] == ["completed"] * 8
    assert [todo.status for todo in state.template_todos] == ["completed"] * 4
    assert not state.dropped
    assert 55 <= state.tool_count <= 65
    assert state.error_count == 2
    assert not state.open_tools
    assert state.usage.cost_usd
    assert state.summary
    assert state.plan
    assert 60_000 <= sum(step.delay_ms for step in steps) <= 90_000
    assert max(step.delay_ms for step in steps) < 5_000


def test_it_shows_everything(agent: Any) -> None:
    events = [step.event for step in demo_build(agent, 7)]
    names = Counter(event.name for event in events if isinstance(event, ToolStarted))
    assert len(names) >= 5
    assert sum(isinstance(event, ToolStarted) and bool(event.parent_id) for event in events) == 3
    assert sum(isinstance(event, UsageReported) for event in events) > 10
    assert sum(isinstance(event, TextAdded) and not event.whole for event in events) > 50
    first_todo = next(n for n, e in enumerate(events) if isinstance(e, TodosReported) and e.phase == "build")
    assert sum(isinstance(event, ToolStarted) for event in events[:first_todo]) >= 10


def test_the_seed_decides_all(agent: Any) -> None:
    assert list(demo_build(agent, 3)) == list(demo_build(agent, 3))
    assert list(demo_build(agent, 3)) != list(demo_build(agent, 4))


def test_it_travels_as_it_is(agent: Any, fold: Any) -> None:
    from sentryvibe_tui.model.events import About

    about = About("shop", "s1", "b1")
    events = [step.event for step in demo_build(agent, 3)]
    sent = [decode_posted(encode_posted(EventEnvelope(about, event)))[0].event for event in events]
    assert fold(map(Reported, sent)) == fold(map(Reported, events))


def test_codex_tells_its_phases(fold: Any) -> None:
    state = fold(Reported(step.event) for step in demo_build("codex", 1))
    assert state.agent.agent_id == "openai-codex"
    assert state.agent.model == "gpt-5-codex"
    assert b"threadId" in bytes(state.codex)
    assert bytes(state.codex).count(b'"status":"completed"') == 3


def test_beside_it_one_agent_waits_for_a_person_and_one_fails_and_goes_on(agent: Any, fold: Any) -> None:
    builder, asking, failing = demo_fleet(agent, 7)
    assert builder.steps == tuple(demo_build(agent, 7))
    for actor in (asking, failing):
        assert fold(Reported(step.event) for step in actor.steps).status == "completed"
        assert 40_000 <= sum(step.delay_ms for step in actor.steps) <= 90_000
    states = [fold(Reported(step.event) for step in asking.steps[:at]) for at in range(1, len(asking.steps))]
    assert next(state.needs_input for state in states if state.requests).endswith("--branch preview")
    assert {fold(Reported(step.event) for step in failing.steps[:at]).status for at in range(len(failing.steps))} >= {
        "active",
        "failed",
    }
    vendors = {step.event.agent.agent_id for actor in (builder, asking, failing) for step in actor.steps
               if isinstance(step.event, AgentReported)}  # fmt: skip
    assert vendors == {"claude-code", "openai-codex", "opencode"}
