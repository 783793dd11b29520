"""What a publisher may post: the original runner's events, ours, and clear words for the rest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.errors import BadJson
from sentryvibe_tui.model.events import (
    About,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import (
    AgentReported,
    AutoFixReported,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    SummaryReported,
    TodoItem,
)
from sentryvibe_tui.model.state import Agent, AutoFix, Usage
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted, encode_array, encode_posted


def posted(event: dict, **envelope) -> tuple[EventEnvelope, ...]:
    return decode_posted(json.dumps({"projectId": "p", "sessionId": "s", "event": event} | envelope).encode())


ORIGINAL = [
    ({"type": "start"}, BuildStarted()),
    ({"type": "finish"}, Ignored("finish")),
    (
        {"type": "tool-input-available", "toolCallId": "a", "toolName": "Bash", "todoIndex": 0, "input": {"x": 1}},
        ToolStarted("a", "Bash", Raw(b'{"x": 1}'), 0),
    ),
    (
        {"type": "tool-input-available", "toolCallId": "a", "toolName": "Bash", "todo_index": 2, "input": None},
        ToolStarted("a", "Bash", None, 2),
    ),
    ({"type": "tool-output-available", "toolCallId": "a", "output": "ok"}, ToolEnded("a", Raw(b'"ok"'))),
    ({"type": "tool-error", "toolCallId": "a", "error": "no"}, ToolEnded("a", Raw(b'"no"'), True)),
    ({"type": "text-delta", "id": "t", "delta": "hi"}, TextAdded("t", "hi")),
    ({"type": "reasoning", "message": "hm"}, TextAdded("reasoning", "hm", "reasoning")),
    ({"type": "data-reasoning", "data": {"message": "hm"}}, TextAdded("reasoning", "hm", "reasoning")),
    ({"type": "error", "error": "late"}, Noticed("late", "error")),
    ({"type": "build-completed", "summary": "done"}, BuildEnded("completed", "done")),
    ({"type": "build-completed", "payload": {"summary": "done"}}, BuildEnded("completed", "done")),
    ({"type": "build-failed", "error": {"message": "boom"}}, BuildEnded("failed", "", "boom")),
    (
        {"type": "autofix-started", "errorType": "startup", "errorMessage": "boom", "attempt": 2, "maxAttempts": 3},
        AutoFixReported(AutoFix("boom", 2, 3)),
    ),
    ({"type": "build-cancelled"}, BuildEnded("cancelled")),
    (
        {
            "type": "tool-input-available",
            "toolCallId": "c",
            "toolName": "TodoWrite",
            "input": {"todos": [{"content": "x", "activeForm": "xing", "status": "in_progress"}], "phase": "template"},
        },
        TodosReported((TodoItem("x", "in_progress", "xing"),), "template", "c"),
    ),
]


@pytest.mark.parametrize(("event", "expected"), ORIGINAL, ids=lambda value: str(value)[:40])
def test_the_originals_events(event, expected) -> None:
    (got,) = posted(event, commandId="c", buildId="b", agentId="claude-code", claudeModelId="sonnet")
    assert got.event == expected
    assert got.about == About("p", "s", "b", Agent(agent_id="claude-code", model="sonnet"))


BAD = [
    (b"{", "truncated"),
    (b'"text"', "object"),
    (b"[]x", "malformed|trailing"),
    (b'{"sessionId":"s","event":{"type":"start"}}', "projectId"),
    (b'{"projectId":"","sessionId":"s","event":{"type":"start"}}', r"\$\.projectId"),
    (b'{"projectId":7,"sessionId":"s","event":{"type":"start"}}', r"\$\.projectId"),
    (b'{"projectId":"p","sessionId":"s"}', "event"),
    (b'{"projectId":"p","sessionId":"s","event":{}}', r"type.*\$\.event"),
    (b'{"projectId":"p","sessionId":"s","event":{"type":"text-delta","delta":5}}', r"\$\.event\.delta"),
    (b'{"projectId":"p","sessionId":"s","event":{"type":"tool-output-available"}}', "toolCallId"),
    (b'{"projectId":"p","sessionId":"s","event":{"type":"todos","todos":[' + b"{}," * 10_000 + b"{}]}}", "10000 todos"),
    (b'[{"projectId":"p","sessionId":"s","event":{"type":"start"}},{"projectId":"p"}]', "event 1: .*event"),
    (b'{"projectId":"p","sessionId":"s","event":' + b"[" * 500 + b"]" * 500 + b"}", "deeper"),
    (b'{"projectId":"' + b"p" * 600 + b'","sessionId":"s","event":{"type":"start"}}', "512"),
]


@pytest.mark.parametrize(("body", "reason"), BAD, ids=lambda value: str(value)[:50])
def test_bad_bodies_name_the_field_and_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadJson, match=f"(?s){reason}"):
        decode_posted(body)


_text = st.text(st.characters(codec="utf-8"), max_size=8)
_id = st.text("abc123", min_size=1, max_size=5)
_id_or_none = st.just("") | _id
_value = st.sampled_from([Raw(b'"x"'), Raw(b'{"k":[1]}'), Raw(b"0")])
_index = st.none() | st.integers(-1, 9)
EVENTS = st.one_of(
    st.just(BuildStarted()),
    st.builds(ToolStarted, _id, _id, _value, _index, _id_or_none, st.integers(0, 9)),
    st.builds(ToolStarted, _id, _id, st.none(), _index, _id_or_none),
    st.builds(ToolEnded, _id, st.none() | _value, st.booleans(), _text, _index, _id_or_none, st.integers(0, 9)),
    st.builds(TextAdded, _id, _text, st.sampled_from(["text", "reasoning", "prompt"]), st.booleans(), _index),
    st.builds(
        TodosReported,
        st.lists(
            st.builds(TodoItem, _text, st.sampled_from(["pending", "in_progress", "completed"]), _text, _id_or_none)
        ).map(tuple),
        st.sampled_from(["template", "build"]),
        _id,
    ),
    st.builds(AgentReported, st.builds(Agent, *[_text] * 8)),
    st.builds(UsageReported, st.builds(Usage, st.none() | st.integers(0, 99), cost_usd=st.none() | st.just(0.25))),
    st.just(CodexReported(Raw(b'{"threadId":"t"}'))),
    st.builds(PlanReported, _text),
    st.builds(SummaryReported, _text),
    st.builds(Noticed, _text.filter(bool), st.sampled_from(["info", "warning", "error"])),
    st.builds(InputNeeded, _text),
    st.builds(AutoFixReported, st.builds(AutoFix, _text, st.integers(0, 9), st.integers(0, 9))),
    st.builds(BuildEnded, st.sampled_from(["completed", "failed", "cancelled", "interrupted"]), _text),
)


@given(st.lists(EVENTS, max_size=5))
def test_what_we_publish_is_what_a_server_reads(events) -> None:
    about = About("p", "s", "b", Agent(agent_id="codex", title="A title"))
    sent = tuple(
        EventEnvelope(about, event, f"e{number}", 1_700_000_000_000 + number) for number, event in enumerate(events)
    )
    assert decode_posted(encode_array(map(encode_posted, sent))) == sent


def test_a_failed_builds_error_travels() -> None:
    sent = EventEnvelope(About("p", "s", "b"), BuildEnded("failed", "sum", "err"))
    assert decode_posted(encode_posted(sent))[0].event == sent.event


def test_a_build_is_one_command() -> None:
    """An original server tells the events of a build by their command."""
    first, second = (EventEnvelope(About("p", "s", "b"), BuildStarted(), ident) for ident in ("1", "2"))
    assert {json.loads(encode_posted(one))["commandId"] for one in (first, second)} == {"b"}
