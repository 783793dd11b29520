"""Builds without todos: the first pane has the prompts, what the agent said it would do, and what came of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.client.watching import Changed, Snapshot
from sentryvibe_tui.model.events import About, BuildEvent, BuildStarted, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState, Note, ToolCall
from sentryvibe_tui.tui.build.steps import REWINDABLE, Steps
from sentryvibe_tui.tui.build.tree import nodes
from sentryvibe_tui.tui.build.view import BuildView
from sentryvibe_tui.tui.lines import line_text


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def text_of(pane) -> list[str]:
    return [line_text(pane.lines_of(row, pane.row_width)[0]).rstrip() for row in range(len(pane.heights))]


def two_turns(story):
    build = story().tell(BuildStarted()).text("Add a cart", kind="prompt")
    build.call("Glob", {"pattern": "**"})
    build.text("First the **model**.").call("Write", {"file_path": "cart.py", "content": "x"}, took=3)
    build.text("Now the tests.")
    build.call("Bash", {"command": "pytest"}, "1 failed", 9, True)
    build.text("Fix it", kind="prompt").text("I look at it.", kind="reasoning").text("I will fix the sum.")
    task = build.call("Task", {"description": "Find it"}, took=None)
    build.call("Grep", {"pattern": "sum"}, "no such file", 1, True, parent_id=task)
    return build


async def test_calls_stand_below_what_was_asked_and_said(app_on, story) -> None:
    async with app_on(two_turns(story).state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        todos = screen.panes.todos
        assert str(todos.border_title) == "1 Steps"
        assert [" ".join(line.split()) for line in text_of(todos)] == [
            "▸ › Add a cart ✗1 3 17s",
            "▾ › Fix it ✗1 1 36s",
            "▾ · I will fix the sum. ✗1 1 35s",
            "◐ Task Find it ✗1 33s",
            '✗ Grep "sum" no such file 1.0s',
            "│ no such file",
        ]
        await pilot.press("1", "g", "enter")
        await settled(pilot)
        assert [" ".join(line.split()) for line in text_of(todos)][:4] == [
            "▾ › Add a cart ✗1 3 17s",
            "✓ Glob ** 0.4s",
            "▸ · First the model. 1 5.0s",
            "▸ · Now the tests. ✗1 1 10s",
        ]
        await pilot.press("j", "j", "space")
        await settled(pilot)
        assert "Write cart.py" in " ".join(" ".join(text_of(todos)).split())
        await pilot.press("j", "h", "h")
        await settled(pilot)
        assert "Write cart.py" not in " ".join(" ".join(text_of(todos)).split())


async def test_the_head_tells_turn_activity_and_time(app_on, story) -> None:
    async with app_on(two_turns(story).state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        line = line_text(screen.head.how_far.line(80))
        assert line.startswith(" turn 2  activity ")
        assert "55s" in line


async def test_steps_as_events_come_are_those_of_the_whole_state(app_on, story) -> None:
    build = two_turns(story)
    shown = []
    for app in (app_on(build.state), app_on(story().state, *build.happened, now=build.at + 31_000)):
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await settled(pilot)
            shown.append(text_of(screen.panes.todos))
    assert shown[0] == shown[1]


async def test_todos_take_the_place_of_steps_when_there_are_some(app_on, story) -> None:
    build = two_turns(story)
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        build.happened.clear()
        build.plan(0, ("a", "b"))
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        assert str(screen.panes.todos.border_title).startswith("1 Todos 0/2")
        assert any("a" in line.split() for line in text_of(screen.panes.todos))


@pytest.mark.parametrize("size", [(60, 12), (80, 24), (200, 50)])
async def test_nothing_stays_empty_in_a_build_without_todos(scene, size) -> None:
    async with scene("no-todos").run_test(size=size) as pilot:
        screen = await settled(pilot)
        for key in "12345":
            await pilot.press(key)
            await settled(pilot)
            assert len(pilot.app.focused.heights) > 0, pilot.app.focused
        assert screen.panes.present() == list(screen.panes)


async def test_an_ended_build_has_its_newest_turn_open(app_on, story) -> None:
    build = two_turns(story).tell(BuildEnded("completed"))
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert [line.split()[0] for line in text_of(screen.panes.todos)] == ["▸", "▾", "▸"]


async def test_calls_of_later_turns_stand_under_their_prompts_also_beside_todos(app_on, story) -> None:
    """What served no todo of the first turn is its planning; nothing of another turn is."""
    build = story().tell(BuildStarted()).text("Add a cart", kind="prompt")
    build.call("Read", {"file_path": "shop.py"})
    build.plan(0, ("Model", "Routes"))
    build.call("Write", {"file_path": "cart.py", "content": "x"})
    build.plan(2, ("Model", "Routes"))
    assert [row.kind for row in nodes(view_on(build.state), {})] == ["group", "tool", "todo", "todo"]
    build.text("Now the tests", kind="prompt").text("I run them.").call(
        "Bash", {"command": "pytest"}, "1 failed", 9, True
    )
    build.text("Fix it", kind="prompt").text("I look.").call("Grep", {"pattern": "sum"})
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        lines = [" ".join(line.split()) for line in text_of(screen.panes.todos)]
        assert [re.sub(r" [\d.ms]+s$", "", line) for line in lines] == [
            "▸ › Add a cart 1",
            "▸ ✓ Model 1",
            "✓ Routes",
            "▸ › Now the tests ✗1 1",
            "▾ › Fix it 1",
            "▾ · I look. 1",
            '✓ Grep "sum"',
        ]


async def test_the_time_of_a_turn_ends_with_what_the_agent_did_in_it(app_on, story) -> None:
    """Not with the next prompt, an hour later."""
    build = story().tell(BuildStarted()).text("Add a cart", kind="prompt").text("I look.")
    build.call("Read", {"file_path": "shop.py"}, took=3)
    build.at += 3_600_000
    build.text("Fix it", kind="prompt").text("At once.")
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert "h" not in text_of(screen.panes.todos)[0].split()[-1]


def view_on(state: BuildState) -> BuildView:
    view = BuildView()
    view.take(Snapshot(state, "hydrated"))
    return view


ITEMS = st.lists(st.sampled_from(["prompt", "text", "reasoning", "notice", "call", "failed", "nested"]), max_size=30)


def take(steps: Steps, position: int, kind: str) -> None:
    """What is nested stands below the first item, whether that is a call or not."""
    if kind in ("call", "failed", "nested", "nested failed"):
        state = "error" if "failed" in kind else "output-available"
        steps.take(position, ToolCall(str(position), "Bash", state=state), 0 if "nested" in kind else None)
    else:
        steps.take(position, Note(str(position), kind, "said", at=position), None)


@given(ITEMS)
def test_every_call_is_in_one_step_and_every_turn_is_there(kinds) -> None:
    steps = Steps()
    for position, kind in enumerate(kinds):
        take(steps, position, kind)
    calls = [position for step in steps.all for position in step.calls]
    assert calls == [at for at, kind in enumerate(kinds) if kind in ("call", "failed")]
    assert sum(step.errors for step in steps.all) == kinds.count("failed")
    assert len(steps.turns) == kinds.count("prompt")
    places = [place for turn, below in steps.parts() for place in ([below.start - 1] if turn else []) + [*below]]
    assert places == list(range(len(steps.all)))


@given(ITEMS, st.integers(0, REWINDABLE), st.data())
def test_what_is_rewound_and_taken_again_is_as_it_was(kinds, items, data) -> None:
    whole, again = Steps(), Steps()
    for steps in (whole, again):
        for position, kind in enumerate(kinds):
            take(steps, position, kind)
    calls = [position for position, kind in enumerate(kinds) if kind in ("call", "nested")]
    failing = data.draw(st.sampled_from(calls)) if calls else None
    for steps in (whole, again):
        if failing is not None:
            steps.count_errors(failing, 1)
    items = min(items, len(kinds))
    again.rewind(range(len(kinds) - items, len(kinds)))
    for position in range(len(kinds) - items, len(kinds)):
        take(again, position, "failed" if position == failing and kinds[position] == "call" else
             "nested failed" if position == failing else kinds[position])  # fmt: skip
    assert (again.all, again.turns) == (whole.all, whole.turns)


def view_of(*told: tuple[BuildEvent, int]) -> BuildView:
    """Of events as they arrive, each with the time that it says; painted now and then."""
    view, state = BuildView(), BuildState()
    for number, (event, at) in enumerate(((BuildStarted(), 1), *told)):
        state, entry = reduce(state, event, at, About("p", "s", "b"))
        view.take(Snapshot(state, "hydrated") if not number else Changed(state, entry))
        if number % 5 == 4:
            view.take_repaint()
    view.take_repaint()
    return view


def test_words_that_come_after_the_call_which_they_announce_stand_above_it() -> None:
    """Hooks tell of a call at once, the session's file of the words before it a moment later."""
    view = view_of(
        (TextAdded("p1", "Add a cart", "prompt", whole=True), 1_000),
        (ToolStarted("c1", "Bash"), 2_000),
        (TextAdded("n1", "I run the tests.", whole=True), 1_500),
        (ToolEnded("c1"), 3_000),
        (ToolStarted("c2", "Bash"), 5_000),
        (TextAdded("n2", "Now the build.", whole=True), 4_000),
    )
    assert view.entries == [0, 2, 1, 4, 3]
    assert [view.entries[row] for row in view.row_of] == list(range(5))
    assert [(step.note, step.calls) for step in view.steps.all] == [(0, []), (2, [1]), (4, [3])]
    assert view.last_text == 4


def test_what_a_subagent_says_and_fails_at_is_no_step_of_its_agent() -> None:
    view = view_of(
        (TextAdded("p1", "Count the tests", "prompt", whole=True), 1_000),
        (TextAdded("n1", "I ask a helper.", whole=True), 1_500),
        (ToolStarted("a", "Agent"), 2_000),
        (TextAdded("s1", "I look.", whole=True, parent_id="a"), 3_000),
        (TextAdded("n2", "Meanwhile I read.", whole=True), 3_500),
        (ToolStarted("b", "Bash", parent_id="a"), 4_000),
        (TextAdded("s2", "There are none.", whole=True, parent_id="b"), 4_500),
        (ToolEnded("b", None, True), 5_000),
    )
    assert [(step.note, step.calls, step.errors) for step in view.steps.all] == [(0, [], 0), (1, [2], 1), (4, [], 0)]
    assert view.last_text == 4
    assert [view.depth(item) for item in view.state.items()] == [0, 0, 0, 1, 0, 1, 2]


def test_words_of_turns_that_a_file_tells_all_at_once_stand_in_their_turns() -> None:
    """A follower begins anew: hooks have told of the prompts and calls, the file's words come last."""
    turns = [
        event
        for turn in range(12)
        for event in (
            (TextAdded(f"p{turn}", "More", "prompt", whole=True), turn * 1_000 + 10),
            (ToolStarted(f"c{turn}", "Bash"), turn * 1_000 + 300),
        )
    ]
    words = [(TextAdded(f"n{turn}", "I do it.", whole=True), turn * 1_000 + 200) for turn in range(12)]
    view = view_of(*turns, *words)
    assert [(step.is_turn, step.calls) for step in view.steps.all] == [
        step for turn in range(12) for step in ((True, []), (False, [turn * 2 + 1]))
    ]


@given(st.lists(st.tuples(st.sampled_from(["text", "prompt", "call"]), st.integers(1, 60)), max_size=40))
def test_items_stand_by_their_times_and_of_equal_ones_as_they_came(items) -> None:
    events = [
        (ToolStarted(f"i{at}", "Bash") if kind == "call" else TextAdded(f"i{at}", "said", kind, whole=True), time)
        for at, (kind, time) in enumerate(items)
    ]
    view = view_of(*events)
    times = [time for _, time in items]
    assert view.entries == sorted(range(len(times)), key=lambda position: times[position])
    assert [view.entries[row] for row in view.row_of] == list(range(len(times)))
    fresh = BuildView()
    fresh.take(Snapshot(view.state, "hydrated"))
    assert (fresh.entries, fresh.steps.all) == (view.entries, view.steps.all)


@given(st.lists(st.integers(0, 90_000), max_size=40), st.integers(1, 50), st.integers(0, 100_000))
def test_activity_is_the_calls_begun_in_equal_stretches_of_the_build(begins, buckets, lasted) -> None:
    """However they came: with the state, or one by one."""
    view = view_of(*((ToolStarted(str(at), "Bash"), 1 + ms) for at, ms in enumerate(sorted(begins))))
    until = 1 + lasted
    span = until // 2000 + 1
    expected = [0] * min(buckets, span) if lasted else []
    for ms in begins:
        if expected and (stretch := (1 + ms) // 2000) < span:
            expected[stretch * len(expected) // span] += 1
    assert view.activity(buckets, until) == view_on(view.state).activity(buckets, until) == expected
