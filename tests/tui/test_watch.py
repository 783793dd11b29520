"""The screen follows the watch: what happens is shown, keys do what they say, leaving says how it ended."""

import pytest

from sentryvibe_tui.client.kept_watch import KeptWatch
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus, Snapshot
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.tui.app import WatchApp
from sentryvibe_tui.tui.lines import line_text

from .conftest import told_build


async def settled(pilot) -> None:
    """Until all that was told is on screen."""
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()


def text_of(rows) -> str:
    return "\n".join(
        line_text(line) for row in range(len(rows.heights)) for line in rows.lines_of(row, max(20, rows.row_width))
    )


async def test_a_running_build_is_on_screen(app_on, running_build) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        screen = app.watch_screen
        assert "Wiring up auth middleware" in text_of(screen.panes.todos)
        assert "npm run build" in text_of(screen.panes.stream)
        assert "4/8" in line_text(screen.head.how_far.line(118))
        assert "todo-app" in line_text(screen.head.who.line(118))


async def test_events_one_by_one_show_the_same_as_the_whole_state(app_on, running_build, story) -> None:
    whole, single = app_on(running_build.state), app_on(story().state, *running_build.happened, now=running_build.at)
    seen = []
    for app in (whole, single):
        async with app.run_test(size=(120, 36)) as pilot:
            await settled(pilot)
            seen.append((text_of(app.watch_screen.panes.todos), list(app.watch_screen.view.entries)))
    assert seen[0][1] == seen[1][1]
    assert [line.split("  ")[0] for line in seen[0][0].split("\n")] == [
        line.split("  ")[0] for line in seen[1][0].split("\n")
    ]


async def test_q_leaves_with_130_while_the_build_runs_and_0_after_it_completed(app_on, running_build, story) -> None:
    from sentryvibe_tui.model.facts import BuildEnded
    from sentryvibe_tui.tui.app import exit_status

    codes = []
    for state in (running_build.state, running_build.tell(BuildEnded("completed")).state):
        app = app_on(state)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("q")
        codes.append(exit_status(app.watch_screen.view))
    gave_up = app_on(story().state, LinkChanged(LinkStatus("gave-up")))
    async with gave_up.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
    assert [*codes, exit_status(gave_up.watch_screen.view)] == [130, 0, 3]


async def test_a_new_build_takes_the_screen_of_one_that_ended_and_says_so(app_on, running_build, story) -> None:
    running_build.tell(BuildEnded("completed"))
    other = story(build="b2", start=running_build.at)
    other.call("Bash", {"command": "make"})
    app = app_on(running_build.state, Snapshot(other.state, "new-build"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        shown = text_of(app.watch_screen.panes.stream)
        assert "new build" in shown
        assert "make" in shown
        assert "npm run build" not in shown


async def test_resizing_down_to_one_cell_never_crashes(app_on, running_build) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for size in ((200, 50), (60, 12), (20, 5), (8, 3), (4, 2), (1, 1), (99, 24), (160, 40)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
        assert app.watch_screen.panes.todos.display
        assert app.watch_screen.panes.stream.display


async def test_codex_phases_stand_above_the_todos(scene) -> None:
    async with scene("codex").run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("1", "g", "enter")
        await settled(pilot)
        lines = [line.strip() for line in text_of(pilot.app.watch_screen.panes.todos).split("\n")]
        assert lines[1:4] == ["✓ Select a template", "◐ Carry out the task", "○ Verify the workspace"]


class Kept:
    """A data folder without a server, with nothing beside the build on screen."""

    async def of_project(self, _: str):
        return ()


@pytest.mark.parametrize("ended", [True, False])
async def test_a_kept_build_that_ended_says_when_and_one_that_went_on_how_it_was_last(ended) -> None:
    story = told_build()
    state = (story.tell(BuildEnded("completed")) if ended else story).state
    now = (state.last_event_at or 0) + 3 * 86_400_000
    app = WatchApp(KeptWatch(Kept(), state), "todo-app", now=lambda: now)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.1)
        app.watch_screen.flush()
        await pilot.pause()
        head = "\n".join(line_text(bar.line(120)) for bar in (app.watch_screen.head.who, app.watch_screen.head.now))
        assert ("offline, showing" in head) is not ended
        assert ("3d ago" in head) is ended
