"""The todo tree's rows: what is kept up call by call is what a fresh look makes, and costs what changed."""

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sentryvibe_tui.client.watching import Snapshot
from sentryvibe_tui.model.events import ToolEnded, ToolStarted
from sentryvibe_tui.model.state import Item
from sentryvibe_tui.tui.build.tree import nodes
from sentryvibe_tui.tui.build.view import BuildView
from sentryvibe_tui.wire.json import raw

from .conftest import Story


class CountedTimeline(Sequence[Item]):
    """A timeline that counts how many items were looked at."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items, self.count = items, 0

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at):
        self.count += 1
        return self.items[at]

    def __iter__(self) -> Iterator[Item]:
        self.count += len(self.items)
        return iter(self.items)


def fresh(state) -> BuildView:
    view = BuildView()
    view.take(Snapshot(state, "hydrated"))
    return view


idents = st.sampled_from("abcdef")
calls = st.lists(
    st.one_of(
        st.tuples(st.just("start"), idents, st.sampled_from(["", "", *"abcdef"])),
        st.tuples(st.sampled_from(["end", "fail"]), idents, st.sampled_from(["", *"abcdef"])),
        st.tuples(st.just("plan"), st.integers(0, 2), st.just("")),
        st.tuples(st.just("many"), st.integers(1, 12), st.just("")),
    ),
    max_size=30,
)


@given(calls, st.booleans())
def test_rows_kept_up_call_by_call_are_those_of_a_fresh_look(steps, has_todos: bool) -> None:
    build, view = Story(), BuildView()
    for what, ident, parent in [("plan", 0, ""), *steps] if has_todos else steps:
        build.happened.clear()
        match what:
            case "plan" if has_todos:
                build.plan(ident, ("x", "y", "z"))
            case "start":
                build.tell(ToolStarted(ident, "Task", raw({}), parent_id=parent))
            case "end" | "fail":
                build.tell(ToolEnded(ident, raw("no"), is_error=what == "fail", parent_id=parent))
            case "many":
                for number in range(ident):
                    build.call("Bash", {"command": "make"}, error=number % 3 == 0)
        for event in build.happened:
            view.take(event)
        assert nodes(view, {}) == nodes(fresh(build.state), {})


def test_rows_of_many_calls_are_made_without_looking_at_all_of_them(story) -> None:
    build = story().plan(0, ("a", "b"))
    task = build.call("Task", {"description": "look"}, took=None)
    for number in range(300):
        build.call("Bash", {"command": "make"}, error=number % 3 == 0, parent_id=task if number % 2 else "")
    view = fresh(build.state)
    timeline = CountedTimeline(build.state.timeline)
    view.state = replace(view.state, timeline=timeline)
    rows = nodes(view, {})
    assert [(row.number, row.errors) for row in rows if row.kind == "earlier"] == [(142, 48), (142, 47)]
    assert timeline.count < 4 * len(rows)
