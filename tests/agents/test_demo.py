from collections import Counter
from typing import Any

import pytest

from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.demo.stream import demo_build
from sentryvibe_tui.model.events import TextAdded, TodosReported, ToolStarted, UsageReported
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
