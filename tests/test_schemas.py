"""The JSON Schemas in docs/schema: made from the structs, and true of what travels."""

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sentryvibe_tui.agents.detect import new_reader
from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.client.rest import ListedProject
from sentryvibe_tui.client.watching import CaughtUp, Changed, LinkChanged, LinkStatus, Skipped, Snapshot
from sentryvibe_tui.errors import BadJson
from sentryvibe_tui.model.events import About
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.report.jsonl import JsonReport, json_line, state_line
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted, encode_posted
from sentryvibe_tui.wire.updates import encode_entry

ROOT = Path(__file__).parents[1]
TRANSCRIPTS = sorted(ROOT.glob("tests/data/transcripts/*/*.json*"))
ABOUT = About("p", "s", "b")
EVENTS = 80
"""Of each transcript."""


def script() -> Any:
    spec = importlib.util.spec_from_file_location("schemas", ROOT / "docs/schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / f"docs/schema/{name}.json").read_text()))


def holds(name: str, text: str | bytes) -> None:
    schema(name).validate(json.loads(text))


def test_the_schemas_are_those_of_the_structs() -> None:
    stale = [path.name for path, text in script().texts().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `just generate`, or `python docs/schemas.py`"


@pytest.mark.parametrize("name", ["event", "update", "jsonl", "state", "list"])
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name).schema)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_becomes_of_a_recorded_session_is_as_the_schemas_say(path: Path) -> None:
    reader = new_reader("auto")
    reports = [*reader.feed(path.read_bytes()), *reader.finish()]
    state, lines = BuildState(), JsonReport()
    for number, report in enumerate([*reports[:EVENTS], *reports[-2:]]):
        holds("event", encode_posted(EventEnvelope(ABOUT, report.event, f"e{number}", report.at)))
        state, entry = reduce(state, report.event, report.at or number, ABOUT)
        if entry is None:
            continue
        for update in encode_entry(entry):
            holds("update", update)
        for line in lines.event(Changed(state, entry)):
            holds("jsonl", line)
    holds("state", state_line(state))
    holds("list", json_line({"projects": [ListedProject("p", builds=(summary_of(state),))]}))
    for line in lines.end(state):
        holds("jsonl", line)


def told() -> Iterator[str]:
    lines = JsonReport()
    yield from lines.event(Snapshot(BuildState(id="b"), "hydrated"))
    yield from lines.event(LinkChanged(LinkStatus("live")))
    yield from lines.event(LinkChanged(LinkStatus("retrying", attempt=2, retry_at=1, lost_at=2, reason="gone")))
    yield from lines.event(CaughtUp(1, 2, 3, "replayed"))
    yield from lines.event(Skipped(1, "unknown"))


def test_every_other_line_of_a_watch_is_as_the_schema_says() -> None:
    lines = list(told())
    assert [json.loads(line)["type"] for line in lines] == ["snapshot", "link", "link", "caught-up", "skipped"]
    for line in lines:
        holds("jsonl", line)


CALL = {"type": "tool-input-available", "toolCallId": "t", "toolName": "Bash", "input": {"command": "ls"}}


@pytest.mark.parametrize(
    "body",
    [
        {"projectId": "p", "event": CALL},
        {"projectId": "p", "event": {"type": "what-nobody-knows", "toolCallId": 5}},
        {"projectId": "p", "event": CALL, "at": 5, "eventId": "e", "more": True},
        [{"projectId": "p", "event": {"type": "todos", "todos": [{"content": "x", "status": "done"}]}}],
        [],
        {"event": CALL},
        {"projectId": "p"},
        {"projectId": 5, "event": CALL},
        {"projectId": "p", "event": {}},
        {"projectId": "p", "event": "start"},
        {"projectId": "p", "event": CALL | {"toolCallId": None}},
        {"projectId": "p", "event": CALL | {"todoIndex": "first"}},
        {"projectId": "p", "event": {"type": "todos"}},
        {"projectId": "p", "event": {"type": "request-opened", "request": {"id": "r"}}},
        {"projectId": "p", "event": CALL, "at": {}},
    ],
    ids=lambda body: json.dumps(body)[:70],
)
def test_the_schema_takes_what_the_server_takes(body: Any) -> None:
    try:
        decode_posted(json.dumps(body).encode())
        is_taken = True
    except BadJson:
        is_taken = False
    assert schema("event").is_valid(body) is is_taken


def test_what_is_written_holds_no_other_words() -> None:
    state = json.loads(state_line(BuildState(id="b")))
    assert schema("state").is_valid(state)
    assert not schema("state").is_valid(state | {"status": "broken"})
    assert not schema("state").is_valid({name: value for name, value in state.items() if name != "todos"})
