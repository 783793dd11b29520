"""Every recorded transcript, spoilt in thousands of ways: what reads it says no wrong word and stumbles over none."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sentryvibe_tui.agents.detect import AutoReader, new_reader
from sentryvibe_tui.agents.redact import Redactor
from sentryvibe_tui.errors import UnknownFormat
from sentryvibe_tui.model.events import TextAdded
from sentryvibe_tui.sources.event_ids import EventLabeler
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.sources.ingest.input import AgentInput
from sentryvibe_tui.sources.sessions import Session
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted, encode_posted
from sentryvibe_tui.wire.projects import project_named

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts"
FILES = sorted(TRANSCRIPTS.rglob("*.jsonl"))
FORMATS = {"claude-stream-json": "claude-stream", "opencode-db-parts": "opencode-parts"}
FOLLOWED = {"claude-session": "claude", "codex-rollout": "codex", "gemini-session": "gemini"}
VARIANTS = 25
RECORDS = 40

NO_DATES = ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2024-02-30", 253_402_300_799_999, -1]
ODD = [
    *NO_DATES,
    *("", None, True, 0, -0.0, 1e308, 10**30, -(10**30), 2**63, 2**64, float("nan"), float("inf")),
    *(
        "\ud800",
        "\0",
        "x" * 3000,
        "a/b",
        "\u2028",
        "²",
        [],
        {},
        [[]],
        [None],
        {"a": None},
        [1, "a", {}],
        {"": {"": ""}},
    ),
]


def deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def spoil(record: dict[str, Any], chance: random.Random) -> None:
    """Something of it is gone, of another type, elsewhere, or far too deep."""
    known = list(places(record))
    *way, key = chance.choice(known)
    inside = at(record, tuple(way))
    match chance.randrange(10):
        case 0 if isinstance(inside, dict):
            del inside[key]
        case 1:
            inside[key] = deep(chance.choice([70, 99, 101, 300]))
        case 2:
            inside[key] = [inside[key]]
        case 3:
            inside[key] = json.loads(json.dumps(at(record, chance.choice(known))))
        case _:
            inside[key] = chance.choice(ODD)


def spoilt(file: Path, chance: random.Random) -> bytes:
    lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    begin = chance.randrange(max(1, len(lines) - RECORDS))
    records = [json.loads(line) for line in (lines[0], *lines[max(1, begin) : begin + RECORDS])]
    for number in chance.sample(range(len(records)), min(len(records), chance.randint(1, 6))):
        spoil(records[number], chance)
    ascii_only = chance.random() < 0.5
    texts = [json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for record in records]
    if chance.random() < 0.2:
        cut = chance.randrange(len(texts))
        texts[cut] = texts[cut][: chance.randrange(len(texts[cut]) + 1)]
    return b"".join(text + b"\n" for text in texts)


def format_of(file: Path) -> str:
    folder = file.relative_to(TRANSCRIPTS).parts[0]
    return FORMATS.get(folder, folder)


def is_taken(posted: EventEnvelope) -> bool:
    """By a server, with its own ids."""
    (taken,) = decode_posted(encode_posted(posted))
    return taken.event_id == posted.event_id and not taken.undated


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TRANSCRIPTS)))
def test_a_spoilt_transcript_is_read_to_its_end(file: Path) -> None:
    chance = random.Random(file.name)
    for _ in range(VARIANTS):
        posting = EventLabeler("p", "p", "s")
        whole = AgentInput(AutoReader(format_of(file)), posting, None, Redactor(()), {})
        try:
            posted = [*whole.feed(spoilt(file, chance)), *whole.finish(), *posting.ended("interrupted", "cut")]
        except UnknownFormat:  # the first record itself gave nothing away
            continue
        assert all(map(is_taken, posted))


@pytest.mark.parametrize("file", [file for file in FILES if format_of(file) in FOLLOWED], ids=lambda file: file.name)
def test_a_spoilt_session_is_followed_to_its_end(file: Path, tmp_path: Path) -> None:
    chance, path = random.Random(f"follow {file.name}"), tmp_path / "session.jsonl"
    for _ in range(VARIANTS):
        path.write_bytes(spoilt(file, chance))
        session = Session(FOLLOWED[format_of(file)], path, "s", "/w", 0)
        following = SessionReader(session, project_named("p"), 0, Redactor(()))
        more, posted = True, list[EventEnvelope]()
        while more:
            new, more = following.pull(10.0**10)
            posted += new
        assert all(map(is_taken, [*posted, *following.pull(10.0**10)[0]]))


def said(number: int, text: str, **fields: Any) -> dict[str, Any]:
    message = {"id": f"m{number}", "role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "sessionId": "s", "uuid": f"u{number}", "message": message} | fields


@pytest.mark.parametrize("no_date", NO_DATES)
def test_a_date_that_is_none_costs_the_date_and_no_more(no_date: object) -> None:
    dates = ["2026-01-01T00:00:00Z", no_date, "2026-01-01T00:00:02Z"]
    records = [said(number, f"text {number}", timestamp=date) for number, date in enumerate(dates)]
    reader = new_reader("claude-session")
    reports = [*reader.feed(b"".join(json.dumps(record).encode() + b"\n" for record in records)), *reader.finish()]
    texts = [report.event.text for report in reports if isinstance(report.event, TextAdded)]
    assert (texts, reader.counts.undated) == (["text 0", "text 1", "text 2"], 1)


def test_a_record_that_its_reader_stumbles_over_is_counted_and_the_others_are_read() -> None:
    reader: Any = new_reader("claude-session")
    understood = reader._read

    def stumbling(record: dict[str, Any]) -> Iterator[Any]:
        yield from understood(record)
        if record["uuid"] == "u1":
            raise KeyError("no such field")

    reader._read = stumbling
    lines = b"".join(json.dumps(said(number, f"text {number}")).encode() + b"\n" for number in range(3))
    reports = [*reader.feed(lines), *reader.finish()]
    assert sum(isinstance(report.event, TextAdded) for report in reports) == 3
    assert "1 records that make no sense" in cast("Any", reader.counts.left_out()).message
