"""When a silent session is asked about, and what the answers are worth."""

from pathlib import Path

from sentryvibe_tui.sources.follow.inspections import AGAIN, QUIET, Inspections

ONE = Path("one.jsonl")


def due(inspections: Inspections, changed: float, now: float, *, is_vouched: bool = False) -> bool:
    return inspections.is_due(ONE, changed, now, is_vouched=is_vouched)


def test_a_silent_session_is_asked_about_whenever_it_began() -> None:
    inspections = Inspections()
    assert not due(inspections, 100, 100 + QUIET - 1)
    assert due(inspections, 100, 100 + QUIET)


def test_one_that_a_witness_sees_is_not() -> None:
    inspections = Inspections()
    assert not due(inspections, 100, 1_000, is_vouched=True)
    assert due(inspections, 100, 1_000)


def test_while_it_has_a_process_it_is_asked_again_less_and_less_often() -> None:
    inspections, silences = Inspections(), list[float]()
    for silence in range(1_800):
        if due(inspections, 100, 100 + silence):
            silences.append(silence)
            inspections.take(ONE, 100, 100 + silence, is_orphan=False)
    assert silences == [QUIET * AGAIN**time for time in range(9)]
    assert due(inspections, 5_000, 5_000 + QUIET)


def test_one_without_a_process_is_asked_about_once() -> None:
    inspections = Inspections()
    inspections.take(ONE, 100, 100 + QUIET, is_orphan=True)
    assert not due(inspections, 100, 9_000)


def test_one_that_is_written_to_without_a_process_has_one_that_cannot_be_seen() -> None:
    inspections = Inspections()
    inspections.take(ONE, 100, 100 + QUIET, is_orphan=True)
    assert not due(inspections, 200, 9_000)
    assert not due(inspections, 300, 9_000)
    inspections.forget(ONE)
    assert due(inspections, 300, 9_000)


def test_one_that_was_resumed_before_a_witness_is_asked_about_again() -> None:
    inspections = Inspections()
    inspections.take(ONE, 100, 100 + QUIET, is_orphan=True)
    assert not due(inspections, 200, 9_000, is_vouched=True)
    assert due(inspections, 200, 9_000)
