"""When what `wait` waits for has come true."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.awaited import AnyAgent, Awaited, Met, OneBuild
from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest

BUSY = BuildSummary("p", "s", "b", last_event_at=5)
ASKS = replace(BUSY, requests=(OpenRequest("r", title="which?"),))
IDLE = replace(BUSY, activity=Activity("idle"))
DONE = replace(BUSY, status="completed", now="All green.", activity=Activity("ended"))
FAILED = replace(DONE, status="failed", error="out of money")
ERROR = replace(BUSY, errors=1, error="no such file")


def words(met: Met | None) -> str | None:
    return None if met is None else met.words


def test_what_a_register_puts_before_a_question_is_not_said() -> None:
    asks = replace(BUSY, requests=(OpenRequest("r", title="permission prompt: Bash touch x"),))
    assert words(OneBuild("needs-input").listed((asks,))) == "needs you: Bash touch x"


@pytest.mark.parametrize(
    ("what", "at_once", "later"),
    [
        ("needs-input", ASKS, "needs you: which?"),
        ("idle", IDLE, "is idle: "),
        ("idle", DONE, "is completed: All green."),
        ("end", DONE, "is completed: All green."),
        ("error", FAILED, "failed: out of money"),
    ],
)
def test_of_one_build_what_is_so_counts_at_once_and_when_it_becomes_so(
    what: Awaited, at_once: BuildSummary, later: str
) -> None:
    assert words(OneBuild(what).listed((at_once,))) == later
    waits = OneBuild(what)
    assert waits.listed((BUSY,)) is None
    assert words(waits.changed((replace(at_once, build_id="another"),))) is None
    assert words(waits.changed((at_once,))) == later


def test_errors_that_are_there_do_not_count_and_new_ones_do() -> None:
    waits = OneBuild("error")
    assert waits.listed((ERROR,)) is None
    assert words(waits.changed((replace(ERROR, errors=2),))) == "has an error: no such file"


def test_a_build_that_ends_without_it_ends_the_wait() -> None:
    waits = OneBuild("needs-input")
    assert waits.listed((BUSY,)) is None
    met = waits.changed((DONE,))
    assert met is not None
    assert (met.words, met.is_true) == ("is completed without that", False)


def test_the_build_that_is_meant_is_waited_for_and_the_first_to_come_when_there_is_none() -> None:
    old = replace(DONE, build_id="old", last_event_at=9)
    waits = OneBuild("end")
    assert waits.listed((old, BUSY)) is None
    fresh = OneBuild("end")
    assert fresh.listed(()) is None
    assert fresh.changed((BUSY,)) is None
    assert words(fresh.changed((DONE,))) is not None


def test_of_any_agent_only_open_questions_count_at_once() -> None:
    assert AnyAgent("end").listed((DONE,)) is None
    assert words(AnyAgent("needs-input").listed((DONE, ASKS))) == "needs you: which?"
    waits = AnyAgent("end")
    assert waits.listed((BUSY, replace(DONE, build_id="x"))) is None
    assert words(waits.changed((DONE,))) == "is completed: All green."
    again = AnyAgent("end")
    assert again.listed((BUSY,)) is None
    assert words(again.listed((DONE,))) == "is completed: All green."
