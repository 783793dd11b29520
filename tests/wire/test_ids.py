"""Ids that every store can hold: the others are refused at the border, an agent's own are made usable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.errors import BadJson
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.events import BuildEvent, BuildStarted, TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BackgroundMoved, RequestOpened, TodoItem
from sentryvibe_tui.wire.envelope import decode_posted
from sentryvibe_tui.wire.ids import MAX_ID, is_id, is_name, usable, with_usable_ids

BAD = ["a\0b", "x" * (MAX_ID + 1)]


def body(event: dict[str, Any], **envelope: Any) -> bytes:
    return json.dumps({"projectId": "p", "sessionId": "s", "event": event} | envelope).encode()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["projectId", "sessionId", "buildId", "eventId"])
def test_the_envelopes_bad_ids_are_refused_by_name(name: str, bad: str) -> None:
    with pytest.raises(BadJson, match=rf"U\+0000 - at `\$\.{name}`"):
        decode_posted(body({"type": "start"}, **{name: bad}))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "tool-call", "toolCallId": None}, "toolCallId"),
        ({"type": "tool-call", "toolCallId": "t", "parentToolCallId": None}, "parentToolCallId"),
        ({"type": "tool-result", "toolCallId": None, "output": 1}, "toolCallId"),
        ({"type": "text-delta", "id": None, "delta": "x"}, "id"),
        ({"type": "reasoning", "id": None, "delta": "x"}, "id"),
        ({"type": "todos", "todos": [{"content": "x", "id": None}]}, "id"),
        ({"type": "tool-call", "toolCallId": None, "toolName": "TodoWrite", "input": {"todos": []}}, "toolCallId"),
    ],
)
def test_an_events_bad_ids_are_refused_by_name(event: dict[str, Any], name: str, bad: str) -> None:
    text = json.dumps(event).replace("null", json.dumps(bad))
    with pytest.raises(BadJson, match=rf"U\+0000 - at `\$\.event\..*{name}`"):
        decode_posted(body(json.loads(text)))


@pytest.mark.parametrize("good", ["a/b", "..", " a ", "ü" * MAX_ID, "a\u2028b", "%2F"])
def test_any_other_id_is_taken_as_it_is(good: str) -> None:
    (posted,) = decode_posted(body({"type": "tool-call", "toolCallId": good}, projectId=good, eventId=good))
    assert isinstance(posted.event, ToolStarted)
    assert (posted.about.project_id, posted.event_id, posted.event.id) == (good, good, good)


@pytest.mark.parametrize(
    "make",
    [
        lambda text: ToolStarted(text, "Bash", parent_id="p"),
        lambda text: ToolStarted("t", "Bash", parent_id=text),
        ToolEnded,
        lambda text: TextAdded(text, "words"),
        lambda text: TodosReported((TodoItem("x", id=text),), call_id="c"),
        lambda text: TodosReported((), call_id=text),
        lambda text: RequestOpened(Request("r", tool_call_id=text, parent_id=text)),
        lambda text: BackgroundMoved(text, parent_id=text),
    ],
)
@pytest.mark.parametrize("bad", BAD)
def test_an_agents_own_ids_are_made_usable(make: Any, bad: str) -> None:
    assert with_usable_ids(make(bad)) == make(usable(bad))
    fine: BuildEvent = make("fine")
    assert with_usable_ids(fine) is fine
    assert with_usable_ids(BuildStarted()) == BuildStarted()


@given(st.text(st.characters(codec=None), max_size=2 * MAX_ID), st.text(max_size=2 * MAX_ID))
def test_what_was_made_usable_stays_so_and_stays_apart(one: str, other: str) -> None:
    assert usable(usable(one)) == usable(one)
    assert is_name(usable(one)) or not one
    assert one == other or usable(one) != usable(other)
    assert not is_id(one) or usable(one) == one
