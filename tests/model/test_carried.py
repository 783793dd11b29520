"""What carries an agent's words, declared once: no field of an event is forgotten by masking, clipping or ids."""

from typing import get_args

import pytest
from msgspec import Raw

from sentryvibe_tui.model.activity import Option, Request
from sentryvibe_tui.model.carried import ITEM_BYTES, carried, carried_bytes, measured
from sentryvibe_tui.model.events import (
    ActivityReported,
    BuildEvent,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolReturned,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import (
    AgentReported,
    AutoFixReported,
    BackgroundMoved,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    RequestOpened,
    RequestResolved,
    SummaryReported,
    TodoItem,
    TurnEnded,
)
from sentryvibe_tui.model.state import Agent, AutoFix
from sentryvibe_tui.model.usage import Usage
from sentryvibe_tui.wire.clip import fitted

V, W = Raw(b'"v"'), Raw(b'"V"')
EACH = [
    (BuildStarted(), BuildStarted()),
    (ToolStarted("i", "t", V, 3, "i"), ToolStarted("I", "T", W, 3, "I")),
    (ToolEnded("i", V, True, "t", None, "i", 7), ToolEnded("I", W, True, "T", None, "I", 7)),
    (ToolReturned("i", None, parent_id="i"), ToolReturned("I", None, parent_id="I")),
    (TextAdded("i", "t", "prompt", parent_id="i"), TextAdded("I", "T", "prompt", parent_id="I")),
    (
        TodosReported((TodoItem("t", "pending", "t", "i"), TodoItem("")), call_id="i"),
        TodosReported((TodoItem("T", "pending", "T", "I"), TodoItem("")), call_id="I"),
    ),
    (UsageReported(Usage(1), "part"), UsageReported(Usage(1), "part")),
    (ActivityReported("idle", "t"), ActivityReported("idle", "T")),
    (Ignored("type"), Ignored("type")),
    (AgentReported(Agent("a", "l", "p", title="l", cwd="l")), AgentReported(Agent("a", "L", "p", title="L", cwd="L"))),
    (CodexReported(V), CodexReported(W)),
    (PlanReported("t"), PlanReported("T")),
    (SummaryReported("t"), SummaryReported("T")),
    (Noticed("t"), Noticed("T")),
    (InputNeeded("t"), InputNeeded("T")),
    (AutoFixReported(AutoFix("t", 1)), AutoFixReported(AutoFix("T", 1))),
    (
        RequestOpened(
            Request("i", "form", "t", "t", "i", V, (Option("o", "t"),), V, "t", since=1, answerable=True, parent_id="i")
        ),
        RequestOpened(
            Request("I", "form", "T", "T", "I", W, (Option("o", "T"),), W, "T", since=1, answerable=True, parent_id="I")
        ),
    ),
    (RequestResolved("i", decision="t", by="b"), RequestResolved("I", decision="T", by="b")),
    (BackgroundMoved("i", "t", 1, "t", "i"), BackgroundMoved("I", "T", 1, "T", "I")),
    (TurnEnded("failed", "t", "t", "hook"), TurnEnded("failed", "T", "T", "hook")),
    (BuildEnded("failed", "t", "t"), BuildEnded("failed", "T", "T")),
]


def upper(said: str) -> str:
    return said.upper() if said in ("t", "l", "i") else f"{said}?"


@pytest.mark.parametrize(("event", "after"), EACH, ids=lambda event: type(event).__name__)
def test_everything_that_an_event_carries_is_reached_and_nothing_else(event, after) -> None:
    assert carried(event, text=upper, label=upper, ident=upper, value=lambda _: W) == after
    assert carried(event) is event


def test_no_event_is_left_out_above() -> None:
    assert {type(event) for event, _ in EACH} == {*get_args(BuildEvent), ToolReturned}


def test_which_kind_it_is_of_decides() -> None:
    event = ToolStarted("i", "t", V)
    assert carried(event, ident=upper) == ToolStarted("I", "t", V)
    assert carried(event, text=upper) == ToolStarted("i", "T", V)
    assert carried(event, value=lambda _: W) == ToolStarted("i", "t", W)


def test_what_it_weighs() -> None:
    assert carried_bytes(BuildStarted()) == 0
    assert carried_bytes(ToolStarted("call", "Bash", Raw(b'"' + b"x" * 98 + b'"'))) == 108
    assert carried_bytes(TodosReported((TodoItem("x" * 9_000),) * 10)) == 10 * ITEM_BYTES
    assert carried_bytes(RequestOpened(Request("id", title="t" * 50))) == 52


def test_values_with_their_size_beside_them() -> None:
    assert (measured(ToolStarted), measured(ToolReturned), measured(CodexReported)) == (("input",), ("output",), ())


def test_what_is_made_to_fit_loses_the_middle_of_its_texts_and_of_values_that_tell_their_size() -> None:
    long = "first" + "x" * 10_000 + "last"
    plan = fitted(PlanReported(long), 1_000)
    assert plan.text.startswith("first")
    assert plan.text.endswith("last")
    assert len(plan.text) <= 1_000
    assert fitted(PlanReported("short"), 1_000) == PlanReported("short")
    call = fitted(ToolEnded("i", Raw(b'"' + long.encode() + b'"')), 1_000)
    assert len(bytes(call.output)) <= 1_000
    assert call.output_bytes == len(long) + 2
    again = fitted(call, 500)
    assert again.output_bytes == call.output_bytes
    codex = CodexReported(Raw(b'{"a":"' + long.encode() + b'"}'))
    assert fitted(codex, 1_000) is codex
