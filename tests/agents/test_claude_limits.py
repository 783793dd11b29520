"""A limit of the user's plan: when it is reset, and what else is none."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sentryvibe_tui.agents.claude.hooks import HOOKS
from sentryvibe_tui.agents.claude.limits import Limit, limit_in, reset_in
from sentryvibe_tui.agents.common.hook_reader import HookReader
from sentryvibe_tui.agents.detect import new_reader

AT = int(datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp() * 1000)
BERLIN = ZoneInfo("Europe/Berlin")


def millis(*parts: int, zone: Any = UTC) -> int:
    return int(datetime(*parts, tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("You've hit your session limit · resets 3pm (UTC)", millis(2026, 11, 20, 15)),
        ("You've hit your session limit · resets 3:30pm (Europe/Berlin)", millis(2026, 11, 20, 15, 30, zone=BERLIN)),
        ("You've hit your session limit · resets 8am (UTC)", millis(2026, 11, 21, 8)),
        ("You've hit your session limit · resets 12am (UTC) · progress saved", millis(2026, 11, 21)),
        ("You've hit your weekly limit · resets Nov 25, 12pm (UTC)", millis(2026, 11, 25, 12)),
        ("You've hit your weekly limit · resets Jan 2, 1pm (UTC)", millis(2027, 1, 2, 13)),
        ("You've hit your limit · resets Jan 2, 2027, 1pm (UTC)", millis(2027, 1, 2, 13)),
        ("5-hour limit reached ∙ resets at 11pm (UTC)", millis(2026, 11, 20, 23)),
        ("Claude AI usage limit reached|1795186800", 1_795_186_800_000),
        ("You've hit your limit · resets 3pm (Nowhere/Else)", None),
        ("You've hit your limit · resets Feb 30, 3pm (UTC)", None),
        ("You've hit your limit · resets 75pm (UTC)", None),
        ("You've hit your usage limit", None),
    ],
)
def test_words_name_the_time_of_a_reset(said: str, until: int | None) -> None:
    assert limit_in({"error": "rate_limit"}, said, AT) == Limit(until)


def test_a_time_without_a_zone_is_this_machines() -> None:
    noon = datetime(2026, 11, 20, 12)
    at = int(noon.timestamp() * 1000)
    assert reset_in("resets 3pm", at) == at + 3 * 3_600_000
    assert reset_in("resets 3pm", None) is None


def test_a_record_that_names_it_needs_no_words() -> None:
    record = {
        "error": "rate_limit",
        "apiError": "usage_limit_reached",
        "apiErrorParams": {"rate_limit_info": {"rateLimitType": "five_hour", "resetsAt": 1_795_186_800}},
    }
    assert limit_in(record, "Anything", AT) == Limit(1_795_186_800_000)


@pytest.mark.parametrize(
    "record",
    [
        {"said": "API Error: 429 rate_limit_error"},
        {"said": "Server is temporarily limiting requests (not your usage limit)"},
        {"said": "You've hit your limit · resets 3pm", "apiError": "overloaded"},
        {"said": "Usage is paused for your organization."},
    ],
)
def test_other_refusals_are_waited_for_by_nobody(record: dict[str, Any]) -> None:
    assert limit_in(record, record["said"], AT) is None


LIMITED = "You've hit your session limit · resets 3pm (UTC)"


def test_a_hook_tells_a_limit_and_the_next_prompt_ends_the_wait(fold: Any) -> None:
    reader = HookReader(HOOKS)
    base = {"session_id": "s", "cwd": "/w"}
    told = [
        *reader.read(base | {"hook_event_name": "UserPromptSubmit", "prompt": "go"}, AT),
        *reader.read(
            base | {"hook_event_name": "StopFailure", "error": "rate_limit", "last_assistant_message": LIMITED}, AT
        ),
    ]
    waiting = fold(told)
    assert (waiting.status, waiting.activity.kind) == ("active", "waiting-machine")
    assert (waiting.activity.what, waiting.activity.until) == ("rate limit", millis(2026, 11, 20, 15))
    assert waiting.turn.error == LIMITED
    told += reader.read(base | {"hook_event_name": "UserPromptSubmit", "prompt": "and now"}, AT)
    assert fold(told).activity.kind == "working"


def test_a_stream_tells_until_when_a_limit_holds(fold: Any, run: Any) -> None:
    init = {"type": "system", "subtype": "init", "session_id": "s", "model": "m", "cwd": "/w"}
    info = {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1_795_186_800}
    reports = run(new_reader("claude-stream"), init, {"type": "rate_limit_event", "rate_limit_info": info})
    activity = fold(reports[:-1]).activity
    assert (activity.kind, activity.what, activity.until) == ("waiting-machine", "rate limit", 1_795_186_800_000)
