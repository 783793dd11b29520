"""Counting call by call comes to the same as counting all calls at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.state import PLANNING, BuildState
from sentryvibe_tui.tui.build.tally import Percentiles, Spans, Tally, VerbStats, sparks
from sentryvibe_tui.tui.build.view import BuildView

from .conftest import tally_of


@pytest.mark.parametrize(
    ("durations", "expected"),
    [([5], Percentiles(5, 5, 5)), (range(1, 101), Percentiles(50, 95, 100)), ([3, 1, 2], Percentiles(2, 3, 3))],
)
def test_times(durations, expected) -> None:
    stats = VerbStats("Bash")
    assert stats.times is None
    for position, ms in enumerate(durations):
        stats.add(ms, position)
    assert stats.times == expected


def test_the_slowest_call_is_known_and_a_retried_one_counts_once(story) -> None:
    told = story()
    told.call("Bash", {"command": "a"}, took=2)
    told.call("Bash", {"command": "b"}, took=9)
    told.call("Bash", {"command": "c"}, took=1)
    bash = tally_of(told.state).verbs["Bash"]
    assert (bash.number, bash.errors, bash.slowest, list(bash.latest)) == (3, 0, 1, [2000, 9000, 1000])


def test_a_call_that_ended_anew_counts_with_what_it_took_last() -> None:
    stats = VerbStats("Bash")
    for position, ms in enumerate([2_000, 9_000, 1_000]):
        stats.add(ms, position)
    assert stats.times == Percentiles(2_000, 9_000, 9_000)
    stats.add(500, 1)
    assert stats.slowest == 0
    assert stats.times == Percentiles(1_000, 2_000, 2_000)
    assert stats.latest == [2_000, 1_000, 500]


def test_only_changes_of_files_are_kept_until_they_are_asked_for(story) -> None:
    build = story()
    build.call("Edit", {"file_path": "a.py"})
    build.call("Edit", {"file_path": "b.py"}, "no such file", error=True)
    build.call("Edit", {"file_path": "c.py"}, took=None)
    build.call("Bash", {"command": "make"})
    tally = tally_of(build.state)
    assert len(tally._unread) == 1
    assert tally.files == {"a.py": 1}
    assert tally._unread == []


stretches = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=40)


@given(stretches, st.integers(0, 5))
def test_spans_are_the_union_of_what_was_added(added, near) -> None:
    spans = Spans(near)
    for start, took in added:
        spans.add(start, start + took)
    assert spans.starts == sorted(spans.starts)
    gaps = zip(spans.ends, spans.starts[1:], strict=False)
    assert all(end + near < start for end, start in gaps)
    assert spans.total == sum(end - start for start, end in zip(spans.starts, spans.ends, strict=True))
    covered = {at for start, end in zip(spans.starts, spans.ends, strict=True) for at in range(start, end + 1)}
    assert covered >= {at for start, took in added for at in range(start, start + took + 1)}
    if near == 0:
        assert covered == {at for start, took in added for at in range(start, start + took + 1)}


def told(tally: Tally, state: BuildState) -> object:
    def lane(key):
        one = tally.lane(key, state)
        return one.busy.starts, one.busy.ends, one.busy.total, sorted(one.failed)

    calls = {
        verb: (one.number, one.errors, one.times, sorted(one.latest), one.slowest, lane(verb))
        for verb, one in tally.verbs.items()
    }
    todos = [PLANNING, *(todo.key for todo in state.todos)]
    return calls, {key: lane(key) for key in todos}, dict(tally.files), tally.busy.total


@pytest.mark.parametrize("is_asked_first", [True, False])
def test_a_view_keeps_its_tally_up(running_build, is_asked_first) -> None:
    """Also of what was asked for before there was any call."""
    view, state = BuildView(), running_build.state
    view.take(running_build.happened[0])
    assert view.tally.verbs == {}
    for event in running_build.happened[1:]:
        view.take(event)
        if is_asked_first:
            told(view.tally, view.state)
    assert told(view.tally, state) == told(tally_of(state), state)
    assert any(todo_lane.busy.total for todo_lane in (view.tally.lane(todo.key, state) for todo in state.todos))
    assert view.tally.files["/home/dev/todo-app/src/middleware.ts"] == 1


def test_another_build_is_counted_anew(running_build, story) -> None:
    view = BuildView()
    for event in running_build.happened:
        view.take(event)
    assert view.tally.verbs
    view.show(BuildState("other"))
    assert view.tally.verbs == {}


def test_sparks() -> None:
    assert sparks([0, 1, 5, 10], "0123") == "0113"
    assert sparks([], "0123") == ""
