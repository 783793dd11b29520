"""What is not painted anew is as if it were: rows that stay, bars that say the same, counts of a second ago."""

import random

import pytest
from textual.geometry import Offset
from textual.selection import Selection
from textual.widget import Widget

from sentryvibe_tui.client.watching import Snapshot
from sentryvibe_tui.model.facts import CodexReported
from sentryvibe_tui.tui.app import WatchApp
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.wire.json import raw

from .conftest import LIVE, Script


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


async def test_a_clock_that_paints_meanwhile_does_not_make_what_happens_be_painted_more_often(
    app_on, story, monkeypatch
) -> None:
    build = story().plan(0, ("a", "b"))
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.pause(0.2)
        due = []
        monkeypatch.setattr(screen, "later", lambda _, act: due.append(act))
        for _ in range(3):
            build.happened.clear()
            build.call("Bash", {"command": "make"})
            for event in build.happened:
                screen.presenter.take(event)
            screen.flush()
        assert len(due) == 1
        due.pop()()
        screen.presenter.take(build.happened[-1])
        assert len(due) == 1


@pytest.mark.parametrize("size", [(200, 50), (120, 36)])
async def test_rows_have_their_width_after_a_zoom_that_hid_them(scene, size) -> None:
    async with scene("running").run_test(size=size) as pilot:
        screen = await settled(pilot)
        before = {pane: drawn(pane) for pane in screen.panes if pane.display}
        widths = {pane: pane.row_width for pane in before}
        for _ in range(2):
            await pilot.press("z")
            await settled(pilot)
            assert {pane: pane.row_width for pane in before if pane is not screen.focused} == {
                pane: width for pane, width in widths.items() if pane is not screen.focused
            }
        assert {pane: drawn(pane) for pane in screen.panes if pane.display} == before


def pieces(strips) -> list[list[tuple[str, str]]]:
    """Each line's text and styles, neighbours of one style in one."""
    return [[(part.text, str(part.style)) for part in strip.simplify() if part.text] for strip in strips]


def drawn_by_textual(widget):
    """What Textual draws of a widget when it knows nothing of it yet."""
    widget.refresh()
    return Widget.render_lines(widget, widget.outer_size.region)


def assert_drawn_as_textual_does(screen) -> None:
    for pane in screen.panes:
        if pane.display:
            assert pieces(pane.render_lines(pane.outer_size.region)) == pieces(drawn_by_textual(pane))
            bar = pane.vertical_scrollbar
            if bar.display:
                assert pieces(bar.render_lines(bar.outer_size.region)) == pieces(drawn_by_textual(bar))


@pytest.mark.parametrize("look", [{}, {"ascii_only": True}, {"theme": "sentry-light"}, {"theme": "ansi-dark"}])
@pytest.mark.parametrize("name", ["running", "wide-characters", "no-todos", "gap"])
async def test_rows_stand_in_their_frame_as_textual_draws_them(scene, monkeypatch, name, look) -> None:
    app = scene(name, **look)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for keys in ((), ("k", "k"), ("2", "g"), ("3",), ("z",), ("escape", "escape", "1"), ("G",)):
            await pilot.press(*keys)
            await settled(pilot)
            assert_drawn_as_textual_does(screen)
        screen.selections = {screen.panes.stream: Selection(Offset(2, 0), Offset(9, 4))}
        await settled(pilot)
        assert_drawn_as_textual_does(screen)
        screen.clear_selection()
        for size in ((200, 50), (80, 24), (99, 12), (120, 36)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            assert_drawn_as_textual_does(screen)
        app.theme = "sentry-contrast"
        await settled(pilot)
        assert_drawn_as_textual_does(screen)


async def test_rows_stand_in_their_frame_as_textual_draws_them_without_colours(scene, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with scene("running").run_test(size=(120, 36)) as pilot:
        for keys in ((), ("k",), ("1",)):
            await pilot.press(*keys)
            assert_drawn_as_textual_does(await settled(pilot))


@pytest.mark.parametrize("seed", range(3))
async def test_rows_and_their_bar_are_as_new_in_a_storm_that_is_followed_or_not(app_on, story, seed) -> None:
    chance, build = random.Random(seed), story()
    async with app_on(build.plan(0, ("a", "b")).state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for number in range(25):
            build.happened.clear()
            for _ in range(chance.randrange(12)):
                build.call("Bash", {"command": f"make {number}"}, "no\nway", took=chance.choice((0.1, None)))
            if chance.random() < 0.3:
                build.text(
                    "What is next and why, in words enough to fill more than one line. " * chance.randrange(1, 9)
                )
            screen.presenter.watching.say(*build.happened)
            await settled(pilot)
            if chance.random() < 0.5:
                await pilot.press(chance.choice(("k", "j", "G", "g", "pageup", "F", "enter", "escape")))
                await settled(pilot)
            assert_drawn_as_textual_does(screen)


def made_rows(pane, monkeypatch) -> list[int]:
    """The rows that are made from now on."""
    rows, lines_of = list[int](), pane.lines_of

    def counted(row, width):
        rows.append(row)
        return lines_of(row, width)

    monkeypatch.setattr(pane, "lines_of", counted)
    return rows


async def test_the_focus_paints_a_frame_and_the_row_of_the_cursor(scene, monkeypatch) -> None:
    async with scene("running").run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        rows = made_rows(screen.panes.stream, monkeypatch)
        await pilot.press("1")
        await settled(pilot)
        assert set(rows) <= {screen.panes.stream.cursor}
        assert_drawn_as_textual_does(screen)


async def test_another_theme_paints_all_rows_anew(scene) -> None:
    async with scene("running").run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        before = pieces(screen.panes.stream.render_lines(screen.panes.stream.outer_size.region))
        pilot.app.theme = "textual-light"
        await settled(pilot)
        stream = screen.panes.stream
        now = pieces(stream.render_lines(stream.outer_size.region))
        stream._painted.clear()
        assert now == pieces(stream.render_lines(stream.outer_size.region)) != before


@pytest.mark.parametrize("name", ["running", "failed", "asking", "no-todos", "wide-characters", "hostile"])
async def test_heights_that_are_certain_are_those_of_the_lines(scene, name) -> None:
    """Whatever is unfolded, wrapped or in full."""
    async with scene(name).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        certain = set()
        for key in ("2", "v", "w", "v", "w", "home", "enter"):
            await pilot.press(key)
            await settled(pilot)
            for pane in screen.panes:
                for row in range(len(pane.heights)):
                    height = pane.exact_height(row)
                    certain |= {pane} if height else set()
                    assert height in (0, len(pane.lines_of(row, pane.row_width))), (key, pane, row)
        assert {screen.panes.stream, screen.panes.todos} <= certain


@pytest.mark.parametrize("size", [(120, 36), (200, 50)])
async def test_a_long_build_begins_at_its_end(app_on, story, monkeypatch, size) -> None:
    build = story()
    for number in range(400):
        build.plan(number // 4, tuple(f"Step {todo}" for todo in range(100)))
        build.call("Bash", {"command": f"make {number}"})
    app = app_on(build.state)
    screen = app.watch_screen
    panes = (screen.panes.todos, screen.panes.stream, screen.panes.timeline)
    made = {pane: made_rows(pane, monkeypatch) for pane in panes}
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for pane in panes:
            in_view = set(range(50, 400)).intersection(pane._near()) if pane.display else set()
            assert in_view <= set(made[pane]), pane
            assert not set(range(50)).intersection(made[pane]), pane


async def test_a_second_paints_clocks_and_frames_only_where_they_say_something_else(running_build, monkeypatch) -> None:
    now = running_build.at + 31_500
    script = Script([LIVE, Snapshot(running_build.state, "hydrated")])
    app = WatchApp(script, "todo-app", now=lambda: now)
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        now += 1_000  # the list of builds is read
        screen = await settled(pilot)
        timeline, settled_at = screen.panes.timeline, list[int]()
        monkeypatch.setattr(screen, "settle", lambda: settled_at.append(now))
        foot = str(timeline.border_subtitle)
        clock = screen.head.how_far._line
        now += 1_000
        await settled(pilot)
        assert screen.head.how_far._line != clock
        assert str(timeline.border_subtitle) == foot == timeline.foot()
        now = (now // 5_000 + 4) * 5_000  # the lanes are drawn anew
        await settled(pilot)
        assert str(timeline.border_subtitle) == timeline.foot() != foot
        assert settled_at == []
