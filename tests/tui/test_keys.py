"""What keys do: folding, finding, the inspector, copying, other builds."""

import asyncio

import pytest

from sentryvibe_tui.tui.lines import line_text

from ..patience import PATIENCE


@pytest.fixture
def press():
    """Presses keys one by one, each shown before the next."""

    async def pressing(pilot, *keys: str) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
            pilot.app.watch_screen.flush()
            await pilot.pause()

    return pressing


def shown(rows) -> str:
    return "\n".join(line_text(line) for row in range(len(rows.heights)) for line in rows.lines_of(row, rows.row_width))


async def ready(pilot):
    await pilot.pause(0.05)
    screen = pilot.app.watch_screen
    screen.flush()
    await pilot.pause()
    return screen


async def test_a_todo_unfolds_and_folds(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "1", "g", "j")
        assert "create-next-app" not in shown(screen.panes.todos)
        await press(pilot, "enter")
        assert "create-next-app" in shown(screen.panes.todos)
        await press(pilot, "h")
        assert "create-next-app" not in shown(screen.panes.todos)


async def test_moving_up_stops_following_and_new_rows_are_counted(app_on, running_build, press) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "2", "k", "k", "k")
        running_build.happened.clear()
        running_build.call("Bash", {"command": "one"})
        running_build.call("Bash", {"command": "two"})
        top = screen.panes.stream.scroll_offset.y
        screen.presenter.watching.say(*running_build.happened)
        await ready(pilot)
        assert not screen.panes.stream.following
        assert screen.panes.stream.unseen == 2
        assert screen.panes.stream.scroll_offset.y == top
        assert "2 new" in str(screen.panes.stream.border_subtitle)
        await press(pilot, "F")
        assert screen.panes.stream.following
        assert screen.panes.stream.unseen == 0
        assert screen.panes.stream.is_vertical_scroll_end


async def test_the_end_key_follows_again(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "2", "g")
        assert not screen.panes.stream.following
        await press(pilot, "G")
        assert screen.panes.stream.following


async def test_search_finds_in_inputs_and_outputs_and_goes_round(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", *"ts2345", "enter")
        assert screen.panes.stream.has_focus
        assert "hit 1 of 1" in str(screen.panes.stream.border_subtitle)
        failed = screen.view.state.timeline[screen.panes.stream.position_at(screen.panes.stream.cursor)]
        assert failed.state == "error"
        await press(pilot, "slash", *"prisma", "enter")
        first = screen.panes.stream.cursor
        await press(pilot, "n", "n")
        assert screen.panes.stream.cursor != first
        await press(pilot, "n")
        assert screen.panes.stream.cursor == first
        await press(pilot, "m")
        assert len(screen.panes.stream.heights) == 3
        await press(pilot, "escape")
        assert not screen.panes.stream.needle


async def test_letters_typed_into_the_search_are_no_commands(app_on, running_build, press) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "slash", "q", "f", "question_mark", "r", *"vwTMctosyeB")
        assert app.is_running
        assert screen.presenter.watching.retried == 0
        assert screen.panes.stream.filter == "all"
        assert screen.query_one("#prompt").value == "qf?rvwTMctosyeB"
        assert app.screen is screen
        assert not screen.panes.stream.verbose
        assert not screen.panes.stream.wraps
        assert screen.panes.stream.stamped


async def test_filters(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "f")
        assert len(screen.panes.stream.heights) == running_build.state.error_count == 2
        await press(pilot, "f")
        assert len(screen.panes.stream.heights) == running_build.state.tool_count
        await press(pilot, "f", "f")
        assert len(screen.panes.stream.heights) == len(running_build.state.timeline)


async def test_e_begins_at_the_newest_error_and_goes_back(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "e")
        first = screen.panes.stream.cursor
        assert first == screen.panes.stream.errors()[-1]
        assert "error 2 of 2" in str(screen.chrome.tabs.news)
        await press(pilot, "e")
        assert screen.panes.stream.cursor == screen.panes.stream.errors()[0]
        await press(pilot, "E")
        assert screen.panes.stream.cursor == first


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_enter_opens_a_call_in_the_inspector_and_escape_returns(app_on, running_build, press, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await ready(pilot)
        await press(pilot, "e", "e", "enter")
        assert screen.panes.inspector.has_focus
        detail = shown(screen.panes.inspector)
        assert "exit 1" in detail
        assert "$ npx prisma migrate dev" in detail
        assert "P1001" in detail
        await press(pilot, "escape")
        assert screen.panes.stream.has_focus


async def test_a_clipped_call_is_fetched_whole(app_on, story, press) -> None:
    from sentryvibe_tui.model.events import ToolEnded, ToolStarted
    from sentryvibe_tui.wire.json import raw

    whole, clipped = story(), story()
    for build, text, size in ((whole, "begin" + "x" * 50 + "END", 0), (clipped, "begin…", 9000)):
        build.tell(ToolStarted("t", "Bash", raw({"command": "make"})))
        build.tell(ToolEnded("t", raw(text), output_bytes=size))
    async with app_on(clipped.state, builds={"b1": whole.state}).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        answered, fetch = asyncio.Event(), screen.presenter.watching.whole_tool

        async def later(*asked):
            await answered.wait()
            return await fetch(*asked)

        screen.presenter.watching.whole_tool = later
        await press(pilot, "enter")
        assert "shown in part" in shown(screen.panes.inspector)
        answered.set()
        async with asyncio.timeout(PATIENCE):
            while "END" not in shown(screen.panes.inspector):
                await ready(pilot)
        assert "shown in part" not in shown(screen.panes.inspector)


async def test_older_and_newer_builds(app_on, running_build, story, press) -> None:
    from sentryvibe_tui.model.facts import BuildEnded

    old = story(build="b0", session="s0")
    old.call("Bash", {"command": "old command"})
    old.tell(BuildEnded("failed", error="boom"))
    builds = {"b1": running_build.state, "b0": old.state}
    async with app_on(running_build.state, builds=builds).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "left_square_bracket")
        await ready(pilot)
        assert "old command" in shown(screen.panes.stream)
        assert "boom" in line_text(screen.head.now.line(118))
        assert "build 1 of 2" in line_text(screen.head.who.line(118))
        await press(pilot, "right_square_bracket")
        await ready(pilot)
        assert "npm run build" in shown(screen.panes.stream)


async def test_an_older_build_that_still_runs_goes_on(app_on, running_build, story, press) -> None:
    old = story(build="b0", session="s0")
    old.call("Bash", {"command": "first command"})
    builds = {"b1": running_build.state, "b0": old.state}
    async with app_on(running_build.state, builds=builds).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "left_square_bracket")
        await ready(pilot)
        old.call("Bash", {"command": "second command"})
        builds["b0"] = screen.presenter.watching.others["b0"] = old.state
        await screen.history.look_again()
        await ready(pilot)
        assert "second command" in shown(screen.panes.stream)
        assert "build 1 of 2" in line_text(screen.head.who.line(118))


@pytest.mark.parametrize("size", [(120, 36), (200, 50)])
async def test_z_shows_one_pane_alone_and_all_again(app_on, running_build, press, size) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await ready(pilot)
        before = [pane.display for pane in (screen.panes.todos, screen.panes.stream, screen.panes.inspector)]
        await press(pilot, "1", "z")
        assert [pane.display for pane in (screen.panes.todos, screen.panes.stream, screen.panes.inspector)] == [
            True,
            False,
            False,
        ]
        assert screen.panes.todos.size.width > size[0] - 8
        await press(pilot, "3")
        assert [pane.display for pane in (screen.panes.todos, screen.panes.stream, screen.panes.inspector)] == [
            False,
            False,
            True,
        ]
        assert screen.panes.inspector.size.height > size[1] - 10
        await press(pilot, "escape", "escape")
        assert [pane.display for pane in (screen.panes.todos, screen.panes.stream, screen.panes.inspector)] == before


async def test_r_tries_the_link_at_once(app_on, running_build, press) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "r")
        assert screen.presenter.watching.retried == 1


async def test_copying_writes_osc52_through_tmux(app_on, running_build, press, monkeypatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux")
    written = []
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        monkeypatch.setattr(app._driver, "write", written.append)
        await press(pilot, "2", "G", "y")
        await pilot.pause()
    copied = [text for text in written if "]52;" in text]
    sequence = "\x1b]52;c;bnBtIHJ1biBidWlsZA==\x07"
    assert copied == [f"{sequence}\x1bPtmux;\x1b{sequence}\x1b\\"]


async def test_help_tells_every_key(app_on, running_build, press) -> None:
    from sentryvibe_tui.tui.actions import ACTIONS, offered

    app = app_on(running_build.state)
    async with app.run_test(size=(120, 50)) as pilot:
        await ready(pilot)
        await press(pilot, "question_mark")
        columns = app.screen.query("#help Static")
        said = " ".join(" ".join(str(column.render()) for column in columns).split())
        assert [action.help for action in offered(ACTIONS, "screen") if action.help not in said] == []
        await press(pilot, "escape")
        assert app.screen is app.watch_screen


async def test_a_build_is_chosen_from_the_list(app_on, running_build, story, press) -> None:
    old = story(build="b0", session="s0")
    old.call("Bash", {"command": "old command"})
    app = app_on(running_build.state, builds={"b1": running_build.state, "b0": old.state})
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "B")
        await ready(pilot)
        assert app.focused is screen.panes.builds
        assert not screen.panes.todos.display
        await press(pilot, "j", "enter")
        await ready(pilot)
        assert app.focused is screen.panes.stream
        assert not screen.panes.builds.display
        assert "old command" in shown(screen.panes.stream)
        other = story(build="b2", session="s2", start=running_build.at)
        other.call("Bash", {"command": "make"})
        screen.presenter.watching.say(*other.happened)
        await ready(pilot)
        assert "old command" in shown(screen.panes.stream)
        assert screen.view.live.id == "b2"


async def test_the_mouse_selects_text_of_the_stream(app_on, running_build) -> None:
    from textual.geometry import Offset
    from textual.selection import Selection

    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        last = screen.panes.stream.heights.total - 1
        chosen = screen.panes.stream.get_selection(Selection(Offset(11, last - 1), Offset(27, last)))
        assert chosen is not None
        assert chosen[0].split("\n")[1].endswith("◐ Bash  npm run bu")


async def test_verbose_wrap_and_timestamps(app_on, story, press) -> None:
    build = story()
    build.text("first thought\nsecond thought", kind="reasoning")
    build.call("Bash", {"command": "echo " + "word " * 30 + "LAST"}, "said this")
    async with app_on(build.state).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "2")
        before = shown(screen.panes.stream)
        assert "second thought" not in before
        assert "said this" not in before
        assert "LAST" not in before
        await press(pilot, "v")
        assert "second thought" in shown(screen.panes.stream)
        assert "said this" in shown(screen.panes.stream)
        await press(pilot, "w")
        assert "LAST" in shown(screen.panes.stream)
        assert "12:01:01" in shown(screen.panes.stream)
        await press(pilot, "T")
        assert "12:01:01" not in shown(screen.panes.stream)
        for line in shown(screen.panes.stream).split("\n"):
            assert len(line) <= screen.panes.stream.row_width
        await press(pilot, "v", "w", "T")
        assert shown(screen.panes.stream) == before


async def test_a_mark_stays_where_it_was_put(app_on, running_build, press) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        known = len(running_build.happened)
        await press(pilot, "M")
        assert shown(screen.panes.stream).split("\n")[-1].endswith("mark 12:03:36")
        running_build.text("after the mark")
        screen.presenter.watching.say(*running_build.happened[known:])
        await ready(pilot)
        last = shown(screen.panes.stream).split("\n")[-2:]
        assert "mark" in last[0]
        assert "after the mark" in last[1]


async def test_help_stands_in_two_columns_everywhere_first_then_the_readers_pane(app_on, running_build, press) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 50)) as pilot:
        await ready(pilot)
        for pane, title in (("1", "In the todos"), ("2", "In the stream")):
            await press(pilot, pane, "question_mark")
            left, right = (str(column.render()) for column in app.screen.query("#help Static"))
            assert left.startswith("Everywhere")
            assert right.startswith(title)
            await press(pilot, "escape")
