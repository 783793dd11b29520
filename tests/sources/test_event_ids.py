"""When events of an input happened, and their identity however the input is cut or grows."""

import pytest

from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.model.events import BuildStarted, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, Noticed
from sentryvibe_tui.sources.event_ids import NAMED, TIMELESS, EventLabeler
from sentryvibe_tui.wire.envelope import EventEnvelope

UNTIMED = [Reported(BuildStarted(), None, "s"), Reported(TextAdded("a", "x"), None, "s")]
TIMED = [Reported(TextAdded("b", "y"), 5_000, "s"), Reported(TextAdded("c", "z"), None, "s")]
END = [Reported(BuildEnded("completed"), None, "s")]


def posted(*parts: list[Reported], past: bool = True) -> list[EventEnvelope]:
    posting = EventLabeler("shop", "Shop", "stand-in")
    found = [event for part in parts for event in posting.label(part, past=past)]
    return [*found, *posting.ended("interrupted", "it just ended")]


def test_what_has_no_time_in_a_file_takes_the_nearest_before_or_the_first() -> None:
    assert [one.at for one in posted(UNTIMED, TIMED, END)] == [5_000] * 5


def test_a_live_pipe_happens_now() -> None:
    assert [one.at for one in posted(UNTIMED, TIMED, past=False)][:4] == [None, None, 5_000, None]


def test_a_file_without_times_is_told_all_the_same() -> None:
    assert [(type(one.event), one.at) for one in posted(UNTIMED, END)] == [
        (BuildStarted, None),
        (TextAdded, None),
        (BuildEnded, None),
    ]
    many = posted([Reported(TextAdded(f"n{number}", "x"), None, "s") for number in range(2 * TIMELESS + 1)], END)
    assert len(many) == 2 * TIMELESS + 2


@pytest.mark.parametrize("parts", [(UNTIMED,), (UNTIMED[:1], UNTIMED[1:], TIMED), ([*UNTIMED, *TIMED, *END],)])
def test_ids_are_the_same_however_much_of_the_file_is_there(parts: tuple[list[Reported], ...]) -> None:
    whole = [one.event_id for one in posted(UNTIMED, TIMED, END)]
    some = [one.event_id for one in posted(*parts) if not isinstance(one.event, BuildEnded)]
    assert some == whole[: len(some)]
    assert {one.about.build_id for one in posted(*parts)} == {"s"}


def test_the_same_end_after_more_work_is_another_one() -> None:
    cut = [Reported(Noticed("half a line"), None, "s"), Reported(BuildEnded("interrupted"), None, "s")]
    once, more = posted(TIMED, cut), posted(TIMED, UNTIMED[1:], cut[1:])
    assert len(once) == len(more)
    assert once[-1].event_id != more[-1].event_id
    assert posted(TIMED, cut)[-1].event_id == once[-1].event_id


def test_ends_carry_the_name_of_their_call() -> None:
    """An original server shows no others; the end of a call that failed and was tried again is one, too."""
    calls = [ToolStarted("t", "Bash"), ToolEnded("t", is_error=True), ToolEnded("t"), ToolEnded("u", name="Read")]
    found = posted([Reported(event, 1, "s") for event in calls])
    assert [one.event.name for one in found[:4]] == ["Bash", "Bash", "Bash", "Read"]
    alone = posted([Reported(event, 1, "s") for event in (calls[0], ToolEnded("t", is_error=True))])
    assert [one.event_id for one in alone[:2]] == [one.event_id for one in found[:2]]


def test_names_are_kept_of_the_latest_calls() -> None:
    calls = [Reported(ToolStarted(f"t{number}", "Bash"), 1, "s") for number in range(NAMED + 1)]
    ends = [Reported(ToolEnded(f"t{number}"), 1, "s") for number in (0, NAMED)]
    assert [one.event.name for one in posted(calls, ends)[-3:-1]] == ["", "Bash"]
