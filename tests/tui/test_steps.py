"""Builds without todos: the first pane has the prompts, what the agent said it would do, and what came of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.state import Note, ToolCall
from sentryvibe_tui.tui.build.steps import Steps
from sentryvibe_tui.tui.lines import plain


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def text_of(pane) -> list[str]:
    return [plain(pane.lines_of(row, pane.row_width)[0]).rstrip() for row in range(len(pane.heights))]


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
            "▸ › Add a cart ✗1 3 18s",
            "▾ › Fix it ✗1 1 36s",
            "▾ · I will fix the sum. ✗1 1 35s",
            "◐ Task Find it ✗1 33s",
            '✗ Grep "sum" no such file 1.0s',
            "│ no such file",
        ]
        await pilot.press("1", "g", "enter")
        await settled(pilot)
        assert [" ".join(line.split()) for line in text_of(todos)][:4] == [
            "▾ › Add a cart ✗1 3 18s",
            "✓ Glob ** 0.4s",
            "▸ · First the model. 1 5.0s",
            "▸ · Now the tests. ✗1 1 11s",
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
        line = plain(screen.head.how_far.line(80))
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


ITEMS = st.lists(st.sampled_from(["prompt", "text", "reasoning", "notice", "call", "failed", "nested"]), max_size=30)


@given(ITEMS)
def test_every_call_is_in_one_step_and_every_turn_is_there(kinds) -> None:
    steps = Steps()
    for position, kind in enumerate(kinds):
        if kind in ("call", "failed", "nested"):
            state = "error" if kind == "failed" else "output-available"
            steps.take(position, ToolCall(str(position), "Bash", state=state), nested=kind == "nested")
        else:
            steps.take(position, Note(str(position), kind, "said", at=position), nested=False)
    calls = [position for step in steps.all for position in step.calls]
    assert calls == [at for at, kind in enumerate(kinds) if kind in ("call", "failed")]
    assert sum(step.errors for step in steps.all) == kinds.count("failed")
    assert len(steps.turns) == kinds.count("prompt")
    places = [place for turn, below in steps.parts() for place in ([below.start - 1] if turn else []) + [*below]]
    assert places == list(range(len(steps.all)))
