"""Which panes are on screen at which size, what the timeline, tools and builds tell, and where their rows lead."""

import pytest
from msgspec.structs import replace
from textual import events
from textual.geometry import Offset
from textual.selection import Selection

from sentryvibe_tui.client.watching import Snapshot
from sentryvibe_tui.model.events import ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, PlanReported
from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.report.words import UNICODE
from sentryvibe_tui.tui.build.gantt import Scale, bar, foot_text, lanes, scale_of
from sentryvibe_tui.tui.build.view import BuildView
from sentryvibe_tui.tui.build.widgets.todos import Todos
from sentryvibe_tui.tui.lines import length, line_text
from sentryvibe_tui.tui.widgets.rows import WHEEL_LINES, Rows
from sentryvibe_tui.wire.json import raw

from .conftest import tally_of


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def on_screen(screen) -> list[str]:
    return [str(pane.id) for pane in screen.panes if pane.display]


def text_of(pane) -> list[str]:
    return [line_text(pane.lines_of(row, pane.row_width)[0]).rstrip() for row in range(len(pane.heights))]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((60, 12), ["todos"]),
        ((99, 40), ["todos"]),
        ((100, 24), ["todos", "stream"]),
        ((159, 60), ["todos", "stream"]),
        ((160, 24), ["todos", "stream", "builds"]),
        ((160, 36), ["todos", "stream", "inspector", "timeline", "tools", "builds"]),
    ],
)
async def test_what_stands_at_a_size(app_on, running_build, size, expected) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        assert on_screen(screen) == expected
        assert pilot.app.focused is (screen.panes.todos if size[0] < 100 else screen.panes.stream)


@pytest.mark.parametrize("size", [(60, 12), (120, 36), (160, 24), (200, 50)])
async def test_every_pane_has_a_number_at_every_size(app_on, running_build, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        for key in "123456":
            await pilot.press(key)
            assert pilot.app.focused is screen.panes.all[int(key) - 1]
            assert pilot.app.focused.display
        await pilot.press("escape")
        await settled(pilot)
        assert pilot.app.focused in (screen.panes.todos, screen.panes.stream)


async def test_tab_goes_round_the_panes_on_screen(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        gone = []
        for _ in range(6):
            await pilot.press("tab")
            gone.append(pilot.app.focused.id)
        assert gone == ["inspector", "timeline", "tools", "builds", "todos", "stream"]
        await pilot.press("shift+tab")
        assert pilot.app.focused is screen.panes.todos


async def test_tools_by_kind_and_the_slowest_of_a_kind(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        assert [line.split()[:6] for line in text_of(screen.panes.tools)[:2]] == [
            ["Edit", "8", "0.4s", "0.4s", "0.4s", "████████"],
            ["Bash", "5", "2", "12s", "41s", "41s"],
        ]
        await pilot.press("5", "j")
        await settled(pilot)
        assert "npx create-next-app" in line_text(screen.panes.inspector.lines_of(0, 60)[0])
        await pilot.press("enter")
        assert pilot.app.focused is screen.panes.inspector


async def test_the_tools_table_follows_the_build(app_on, running_build) -> None:
    first = running_build.happened[:-1]
    app = app_on(running_build.state.__class__(), *first)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        before = text_of(screen.panes.tools)
        running_build.call("Edit", {"file_path": "a"}, took=9)
        screen.presenter.watching.say(*running_build.happened[len(first) :])
        await settled(pilot)
        screen.panes.tools.tick()
        after = text_of(screen.panes.tools)
        assert before[0].split()[1] == "8"
        assert after[0].split()[1] == "9"
        assert "9.0s" in after[0]


async def test_a_lane_leads_to_its_todo(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        assert [line.split("  ")[0] for line in text_of(screen.panes.timeline)][:3] == [
            "Planning",
            "✓ Scaffold Next.js pr…",
            "✓ Create Prisma schema",
        ]
        await pilot.press("4", "g", "j", "j", "enter")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.todos
        row = screen.panes.todos.nodes[screen.panes.todos.cursor]
        assert (row.kind, row.ident, row.open) == ("todo", 1, True)


async def test_the_newest_build_stands_in_the_list_as_it_is(app_on, running_build, story) -> None:
    old = story(build="b0", session="s0")
    old.call("Bash", {"command": "old"})
    app = app_on(running_build.state, builds={"b1": running_build.state, "b0": old.tell(BuildEnded("failed")).state})
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await settled(pilot)
        await settled(pilot)
        assert [line.split()[0] for line in text_of(screen.panes.builds)] == ["›", "✗"]
        title, facts = (
            line_text(line).strip() for line in screen.panes.builds.lines_of(0, screen.panes.builds.row_width)
        )
        assert (title, facts) == ("› ◐ Add login with GitHub", "4/8  2m35s  ✗2")
        await pilot.press("6", "j", "enter")
        await settled(pilot)
        assert screen.view.state.id == "b0"
        assert pilot.app.focused is screen.panes.builds
        assert [line.split()[0] for line in text_of(screen.panes.builds)] == ["◐", "›"]


@pytest.mark.parametrize("size", [(160, 40), (80, 24)])
async def test_a_damaged_build_is_listed_as_such(app_on, running_build, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        listed = BuildSummary("p", "s0", "b0", status="interrupted", damaged="entry 1 cannot be read")
        screen.panes.builds.update((*await screen.presenter.watching.builds(), listed))
        live, old = (
            " ".join(line_text(line).strip() for line in screen.panes.builds.lines_of(row, 60)) for row in (0, 1)
        )
        assert old.startswith("✗ build 1  damaged: entry 1 cannot be read")
        assert "damaged" not in live
        (now,) = await screen.presenter.watching.builds()
        screen.panes.builds.update((replace(now, damaged="entry 2 cannot be read"),))
        assert "damaged: entry 2" in " ".join(line_text(line) for line in screen.panes.builds.lines_of(0, 60))


def test_ticks_stand_at_round_times_and_apart() -> None:
    minute = 60_000
    begin = 1_763_812_860_000  # 12:01:00
    assert Scale(begin, begin + 2 * minute, 40).ticks() == "12:01               12:02"
    assert Scale(begin, begin + 20_000, 40).ticks() == "12:01:00            12:01:10"
    assert Scale(begin, begin + 60 * minute, 40).ticks() == "         12:15     12:30     12:45"
    for minutes in (1, 7, 90, 900, 9000):
        for cells in (8, 20, 60, 150):
            assert len(Scale(begin, begin + minutes * minute, cells).ticks()) <= cells


def test_lanes_of_todos_and_of_verbs(running_build, story) -> None:
    state = running_build.state
    rows = lanes(state, tally_of(state), UNICODE)
    assert [row.name for row in rows] == [
        "Planning",
        "Scaffold Next.js project",
        "Create Prisma schema",
        "Build todo list UI",
        "API routes for todos",
        "Wire up auth middleware",
    ]
    assert [row.ended is None for row in rows] == [False] * 5 + [True]
    without = story().tell(ToolStarted("1", "Bash", raw({"command": "a"})))
    without.call("Read", {"file_path": "x"}, took=3)
    assert [row.key for row in lanes(without.state, tally_of(without.state), UNICODE)] == ["Read"]


def test_a_dropped_todo_goes_on_no_more(story) -> None:
    told = story().plan(0, ("a", "b"))
    told.call("Bash", {"command": "x"}, took=3)
    told.plan(0, ("c", "d"))
    rows = lanes(told.state, tally_of(told.state), UNICODE)
    assert [(row.name, row.ended is None) for row in rows] == [("a", False), ("c", True)]


def test_a_bar_shows_work_pauses_and_failures(running_build) -> None:
    state, now = running_build.state, running_build.at + 31_000
    scale = scale_of(state, now, 100)
    tally = tally_of(state)
    rows = lanes(state, tally, UNICODE)
    drawn = [line_text(bar(row, tally.lane(row.key, state), scale, UNICODE, now, None)) for row in rows]
    assert {len(line) for line in drawn} == {100}
    assert [line.count("✗") for line in drawn] == [0, 0, 1, 0, 0, 1]
    assert all(set(line) <= set(" ━─✗") for line in drawn)
    assert foot_text(state, tally_of(state), rows, now).endswith("longest 58s: Wire up auth middleware")


async def test_hostile_names_stay_names(scene) -> None:
    async with scene("hostile").run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        for pane in screen.panes:
            for row in range(len(pane.heights)):
                for line in pane.lines_of(row, pane.row_width):
                    assert length(line) <= pane.row_width
                    assert "\x1b" not in line_text(line)
        assert "\x1b" not in str(screen.panes.timeline.border_subtitle)


async def test_wide_characters_are_selected_and_marked_as_one_sees_them(scene) -> None:
    async with scene("wide-characters").run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        line = line_text(screen.panes.stream.lines_of(0, 80)[0])
        start = line.index("你")
        selection = Selection(Offset(start, 0), Offset(start + 4, 0))
        assert screen.panes.stream.get_selection(selection) == ("你好世界", "\n")
        screen.selections = {screen.panes.stream: selection}
        marked = screen.get_component_rich_style("screen--selection").bgcolor
        strip = screen.panes.stream.render_line(0)
        assert "".join(part.text for part in strip if part.style and part.style.bgcolor == marked) == "你好世界"


async def test_a_drag_of_the_mouse_selects_what_it_goes_over(scene) -> None:
    async with scene("wide-characters").run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        stream = screen.panes.stream
        line = line_text(stream.lines_of(0, stream.row_width)[0])
        left, top = stream.content_region.offset
        before = length([(line[: line.index("你")], "")])
        await pilot.mouse_down(offset=(left + before, top))
        await pilot.hover(offset=(left + before + 8, top))
        await pilot.mouse_up(offset=(left + before + 8, top))
        await settled(pilot)
        assert screen.get_selected_text() == "你好世界"
        assert screen.get_widget_and_offset_at(left + before + 3, top) == (stream, Offset(line.index("你") + 1, 0))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_heads_stand_over_their_columns(app_on, running_build, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        await pilot.press("5")
        await settled(pilot)
        region = screen.panes.tools.region
        drawn = ["".join(part.text for part in strip) for strip in screen._compositor.render_strips()]
        heads, first, second = (drawn[region.y + row][region.x : region.right] for row in range(3))
        assert heads.index("calls") + 4 == first.index("8")
        assert heads.index("err") + 2 == second.index("2 ")
        assert heads.index("max") + 2 == first.rindex("0.4s") + 3


def test_absurd_dates_cost_no_time() -> None:
    assert len(Scale(0, 253_402_300_799_000, 60).ticks()) <= 60


async def test_the_todos_come_back_where_the_builds_stood(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("6", "1")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.todos
        assert screen.panes.todos.display


async def test_one_escape_ends_a_search_on_a_narrow_screen(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("slash", *"npm", "enter", "escape")
        await settled(pilot)
        assert screen.panes.stream.needle.text == ""


async def test_the_list_keeps_the_readers_build_when_another_begins(app_on, running_build, story) -> None:
    old = story(build="b0", session="s0")
    old.call("Bash", {"command": "old"})
    app = app_on(running_build.state, builds={"b1": running_build.state, "b0": old.state})
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await settled(pilot)
        await pilot.press("6", "j")
        await settled(pilot)
        new = story(build="b2", session="s2", start=running_build.at)
        new.call("Bash", {"command": "new"})
        screen.presenter.watching.say(Snapshot(new.state, "new-build"))
        await settled(pilot)
        assert screen.panes.builds.chosen.build_id == "b0"


def test_a_call_left_open_is_counted_at_the_end(story) -> None:
    told_all = story()
    told_all.call("Bash", {"command": "a"}, took=1)
    told_all.tell(ToolStarted("x", "Bash", raw({"command": "hangs"})))
    told_all.tell(BuildEnded("failed"), 600)
    view = BuildView()
    for event in told_all.happened:
        view.take(event)
        assert view.tally is not None
    assert view.tally.verbs["Bash"].times == tally_of(told_all.state).verbs["Bash"].times
    assert view.tally.verbs["Bash"].times.longest == 600_000


@pytest.mark.parametrize("key", "3456")
@pytest.mark.parametrize("smaller", [(200, 35), (160, 30), (150, 50), (80, 24)])
async def test_the_readers_pane_stays_when_the_screen_shrinks(app_on, running_build, key, smaller) -> None:
    async with app_on(running_build.state).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        await pilot.press(key)
        pane = screen.panes.all[int(key) - 1]
        for size in (smaller, (200, 50)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            assert pilot.app.focused is pane
            assert pane.display


async def test_the_builds_take_the_whole_width_where_they_stand_alone(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(160, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("6", "z")
        await settled(pilot)
        assert screen.panes.builds.size.width > 150


async def test_presses_in_a_row_count_together(app_on, running_build, story) -> None:
    builds = {"b1": running_build.state}
    for number in (5, 4, 3, 2):
        old = story(build=f"old{number}", session=f"s{number}")
        old.call("Bash", {"command": "x"})
        builds[f"old{number}"] = old.state
    async with app_on(running_build.state, builds=builds).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for _ in range(3):
            screen.history.older()
        await settled(pilot)
        assert screen.view.state.id == "old3"


async def test_a_key_that_comes_before_the_news_of_another_size_counts(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        screen.panes._shape = (False, False, False)
        screen.action_pane("builds")
        await settled(pilot)
        assert pilot.app.focused is screen.panes.builds
        assert screen.panes.builds.display


async def test_hidden_todos_cost_nothing_and_are_up_to_date_when_they_come_back(app_on, story, monkeypatch) -> None:
    build = story().plan(0, ("first", "second"))
    app = app_on(build.state)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("j", "2")
        made = []
        whole = Todos.rebuild.__globals__["nodes"]
        monkeypatch.setitem(Todos.rebuild.__globals__, "nodes", lambda *given: made.append(given) or whole(*given))
        build.happened.clear()
        for number in range(5):
            build.call("Bash", {"command": f"make {number}"})
        screen.presenter.watching.say(*build.happened, *build.plan(1, ("first", "second", "third")).happened[-1:])
        await settled(pilot)
        assert made == []
        await pilot.press("1")
        await settled(pilot)
        assert len(made) == 1
        assert [line.split()[:3] for line in text_of(screen.panes.todos)] == [
            ["▸", "✓", "first"],
            ["◐", "second", "23s"],
            ["○", "third", "+"],
        ]
        assert screen.panes.todos.nodes[screen.panes.todos.cursor].ident == build.state.todos[1].key


async def test_the_readers_lane_stays_when_another_verb_is_used_more(app_on, story) -> None:
    build = story()
    for _ in range(3):
        build.call("Read", {"file_path": "a"})
    build.call("Bash", {"command": "make"})
    app = app_on(build.state)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        await pilot.press("4", "g", "j")
        assert screen.panes.timeline.key == "Bash"
        build.happened.clear()
        for _ in range(5):
            build.call("Bash", {"command": "make"})
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        screen.panes.timeline.renew()
        assert [lane.key for lane in screen.panes.timeline.lanes] == ["Bash", "Read"]
        assert screen.panes.timeline.key == "Bash"


async def test_what_is_not_there_is_not_counted(app_on, story) -> None:
    async with app_on(story().state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert str(screen.panes.stream.border_subtitle) == ""
    build = story().plan(2, ("Set up", "Install"), phase="template")
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert str(screen.panes.todos.border_title) == "1 Todos"


def wheel(kind: type[events.MouseEvent], pane: Rows) -> events.MouseEvent:
    x, y = pane.content_region.offset
    step = 1 if kind is events.MouseScrollDown else -1
    return kind(pane, x, y, 0, step, 0, False, False, False, x, y)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)], ids=str)
async def test_the_wheel_scrolls_every_pane_and_a_bar_shows_where(app_on, story, size: tuple[int, int]) -> None:
    build = story()
    for number in range(60):
        build.plan(number, tuple(f"step {at}" for at in range(60)))
        build.call(f"Tool{number}", {"command": f"make {number}"})
    async with app_on(build.state).run_test(size=size) as pilot:
        screen = await settled(pilot)
        for key, pane in zip("12345", screen.panes, strict=False):
            await pilot.press(key)
            await settled(pilot)
            if pane is screen.panes.inspector:
                pane.inspect(None)
                await settled(pilot)
            assert pane.show_vertical_scrollbar, pane.id
            assert pane.vertical_scrollbar.position == pane.scroll_y, pane.id
            pane.move(0)
            await settled(pilot)
            assert pane.scroll_offset.y == 0, pane.id
            pane.post_message(wheel(events.MouseScrollDown, pane))
            await settled(pilot)
            down = pane.scroll_offset.y
            assert down == min(WHEEL_LINES, pane.max_scroll_y), pane.id
            pane.post_message(wheel(events.MouseScrollUp, pane))
            await settled(pilot)
            assert pane.scroll_offset.y == 0, pane.id


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)], ids=str)
async def test_the_plan_is_on_screen_when_it_is_asked_for(app_on, running_build, size: tuple[int, int]) -> None:
    running_build.tell(PlanReported("## First\n\n- the **door**\n- the window"))
    async with app_on(running_build.state).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("P")
        screen = await settled(pilot)
        room = screen.panes.inspector.scrollable_content_region.height
        shown = [screen.panes.inspector.render_line(at).text.strip() for at in range(room)]
        assert "· the window" in shown, shown


@pytest.mark.parametrize("size", [(40, 12), (44, 12), (60, 15), (80, 24)])
async def test_no_figure_of_the_tools_is_cut(app_on, running_build, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        await pilot.press("5")
        await pilot.pause(0.1)
        tools = pilot.app.watch_screen.panes.tools
        width = tools.row_width
        for row in range(len(tools.verbs)):
            line = line_text(tools.lines_of(row, width)[0])
            assert not line[6:].rstrip().endswith("…")
            assert len(line.rstrip()) <= width
        assert len(tools.heads(width)) <= width
