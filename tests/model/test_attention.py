"""Which change of a build deserves a person's attention: a table, and each event once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.attention import FRESH, STANDING, Attention, AttentionEvent, attention
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest

BUSY = BuildSummary("p", "s", "b", version=1, last_event_at=5_000)
ASKS = replace(BUSY, requests=(OpenRequest("r1", title="Bash rm -rf /", since=4_000),))
ASKS_TWO = replace(BUSY, requests=(*ASKS.requests, OpenRequest("r2", title="which?", since=4_500)))
SEEN = replace(BUSY, requests=(OpenRequest("witness", title="permission", tool_call_id="c1", since=4_000),))
"""What a witness sees; every question that it sees has this id."""
IDLE = replace(BUSY, activity=Activity("idle", 4_000))
"""Not asked for anything yet; its first prompt and what comes of it may be told together."""
DONE = replace(BUSY, status="completed", now="All green.", ended_at=6_000)
FAILED = replace(BUSY, status="failed", error="out of money", ended_at=6_000)


@pytest.mark.parametrize(
    ("before", "now", "kind", "text"),
    [
        (BUSY, ASKS, "needs-input", "Bash rm -rf /"),
        (ASKS, ASKS_TWO, "needs-input", "which?"),
        (None, ASKS, "needs-input", "Bash rm -rf /"),
        (
            None,
            replace(BUSY, requests=(OpenRequest("witness", title="permission prompt: Bash ls"),)),
            "needs-input",
            "Bash ls",
        ),
        (BUSY, DONE, "completed", "All green."),
        (ASKS, FAILED, "failed", "out of money"),
        (BUSY, replace(BUSY, status="interrupted"), "interrupted", ""),
        (IDLE, FAILED, "failed", "out of money"),
        (IDLE, DONE, "completed", "All green."),
        (ASKS, replace(BUSY, requests=(OpenRequest("r1", title="again?", since=7_000),)), "needs-input", "again?"),
        (
            SEEN,
            replace(BUSY, requests=(OpenRequest("witness", title="next", tool_call_id="c2", since=7_000),)),
            "needs-input",
            "next",
        ),
    ],
)
def test_deserves_attention(before: BuildSummary | None, now: BuildSummary, kind: str, text: str) -> None:
    event = attention(before, now)
    assert event is not None
    assert (event.kind, event.text, event.build) == (kind, text, now)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (BUSY, replace(BUSY, tools=3)),
        (ASKS, replace(ASKS, tools=3)),
        (ASKS_TWO, ASKS),
        (ASKS, replace(BUSY, requests=(OpenRequest("r1", title="Bash rm -rf /", since=3_900),))),
        (SEEN, replace(BUSY, requests=(OpenRequest("asked-1", title="rm", tool_call_id="c1", since=4_000),))),
        (replace(BUSY, requests=(OpenRequest("witness", title="input", since=4_000),)), SEEN),
        (None, BUSY),
        (None, DONE),
        (IDLE, replace(BUSY, status="interrupted", error="its process is gone")),
        (DONE, replace(DONE, title="later known")),
        (DONE, BUSY),
    ],
)
def test_is_no_news(before: BuildSummary | None, now: BuildSummary) -> None:
    assert attention(before, now) is None


def test_the_same_event_has_the_same_id_wherever_it_is_seen() -> None:
    one, other = attention(BUSY, ASKS), attention(None, replace(ASKS, version=9, host="elsewhere"))
    assert one is not None
    assert other is not None
    assert one.id == other.id
    again = attention(BUSY, replace(DONE, ended_at=9_000))
    assert again is not None
    assert again.id != attention(BUSY, DONE).id  # type: ignore[union-attr]


def test_a_question_that_comes_again_is_another_event() -> None:
    """A session asks for the same permission each time, and a witness has one id for all that it sees."""
    for first, later in (
        (OpenRequest("r1", since=4_000), OpenRequest("r1", since=9_000)),
        (OpenRequest("witness", tool_call_id="c1"), OpenRequest("witness", tool_call_id="c2")),
    ):
        events = [attention(BUSY, replace(BUSY, requests=(one,))) for one in (first, later)]
        assert len({event.id for event in events if event is not None}) == 2


def test_what_is_there_at_first_is_no_news_and_what_changed_in_an_absence_is() -> None:
    engine = Attention()
    assert engine.listed([ASKS], 5_000) == []
    assert [event.kind for event in engine.changed([FAILED], 6_000)] == ["failed"]
    assert engine.changed([BUSY], 6_000) == []
    assert [event.kind for event in engine.listed([DONE], 6_000)] == ["completed"]


def kinds(events: list[AttentionEvent]) -> list[str]:
    return [event.kind for event in events]


def test_a_question_of_just_now_is_told_at_once_and_once() -> None:
    engine = Attention()
    assert kinds(engine.changed([ASKS], 4_000 + STANDING)) == ["needs-input"]
    assert engine.late(4_000 + 9 * STANDING) == []


def test_a_question_of_a_while_ago_is_told_when_it_has_stood() -> None:
    engine = Attention()
    heard = 4_001 + STANDING
    assert engine.changed([ASKS], heard) == []
    assert engine.changed([replace(ASKS_TWO, tools=7)], heard + 600) == []
    assert engine.late(heard + STANDING - 1) == []
    assert kinds(engine.late(heard + STANDING)) == ["needs-input"]
    assert kinds(engine.late(heard + STANDING + 600)) == ["needs-input"]
    assert engine.late(heard + 9 * STANDING) == []


def test_a_question_of_which_the_end_is_read_next_calls_nobody() -> None:
    engine = Attention()
    heard = 4_001 + STANDING
    assert engine.changed([ASKS], heard) == []
    assert kinds(engine.changed([replace(FAILED, status="interrupted")], heard + 400)) == ["interrupted"]
    assert engine.late(heard + STANDING) == []


def test_what_happened_long_ago_is_no_news() -> None:
    event = attention(BUSY, DONE)
    assert event is not None
    assert event.is_fresh(6_000 + FRESH)
    assert not event.is_fresh(6_001 + FRESH)


def test_words_are_safe_to_show() -> None:
    event = attention(BUSY, replace(ASKS, requests=(OpenRequest("r", title="\x1b]2;title\x07rm\nnow"),)))
    assert event is not None
    assert event.text == "rm now"
