"""What is not painted anew is as if it were: rows that stay, bars that say the same, counts of a second ago."""

from sentryvibe_tui.model.facts import CodexReported
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.wire.json import raw


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def drawn(pane) -> list[str]:
    """What is kept painted, row by row."""
    return ["".join(strip.text for strip in pane._strips(row)).rstrip() for row in range(len(pane.heights))]


def made(pane) -> list[str]:
    return [line_text(line).rstrip() for row in range(len(pane.heights)) for line in pane.lines_of(row, pane.row_width)]


async def test_rows_of_the_tree_that_stay_are_painted_as_they_are_now(app_on, story) -> None:
    build = story().plan(0, ("a", "b"))
    task = build.call("Task", {"description": "look"}, took=None)
    for number in range(12):
        build.call("Bash", {"command": f"make {number}"})
    app = app_on(build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        todos = screen.panes.todos
        for number in range(6):
            build.happened.clear()
            build.call(
                "Bash", {"command": f"more {number}"}, "no", 2, number % 2 == 0, parent_id=task if number > 2 else ""
            )
            screen.presenter.watching.say(*build.happened)
            await settled(pilot)
            assert drawn(todos) == made(todos)


async def test_phases_go_on_where_they_stand(app_on, story) -> None:
    def phases(*statuses: str) -> CodexReported:
        return CodexReported(raw({"phases": [{"title": f"p{n}", "status": s} for n, s in enumerate(statuses)]}))

    build = story().tell(phases("active", "pending"))
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        build.happened.clear()
        build.tell(phases("completed", "active"))
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        assert drawn(screen.panes.todos) == made(screen.panes.todos)


async def test_rows_have_their_width_after_every_resize(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for size in ((80, 24), (200, 50), (100, 24), (99, 24), (60, 12), (160, 36)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            for pane in screen.panes:
                if pane.display:
                    assert pane.row_width == max(1, pane.scrollable_content_region.width)
