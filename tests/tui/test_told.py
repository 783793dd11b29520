"""What the screen says to a reader who wonders: why there is nothing, what a key does here, what cannot be done now."""

import os
import time

import pytest

from sentryvibe_tui import runtime
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus, SignOfLife, Snapshot
from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.model.facts import BuildEnded, PlanReported
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.tui.lines import line_text


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


async def pressed(pilot, *keys):
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
    return pilot.app.watch_screen


def told(pilot) -> str:
    """The newest message."""
    return pilot.app.watch_screen.chrome.keys.message


def footer(screen) -> str:
    return line_text(screen.chrome.keys.line(100)).strip()


def nothing(rows) -> str:
    return " ".join(line_text(line).strip() for line in rows.instead()) if not len(rows.heights) else ""


@pytest.mark.parametrize("ends", [False, True])
async def test_an_empty_filter_says_what_there_is_none_of(app_on, story, ends) -> None:
    build = story().plan(0, ("a",)).text("all is well")
    if ends:
        build.tell(BuildEnded("completed"))
    yet = "" if ends else " yet"
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pressed(pilot, "2", "f")
        assert nothing(screen.panes.stream) == f"No error{yet}. f shows the next kind, esc everything."
        await pressed(pilot, "f")
        assert nothing(screen.panes.stream).startswith(f"No tool call{yet}.")
        await pressed(pilot, "escape", "slash", *"xyz", "enter", "m")
        assert nothing(screen.panes.stream).startswith(f"No row holds “xyz”{yet}.")
        await pressed(pilot, "escape", "escape")
        assert len(screen.panes.stream.heights) == 1 + ends


async def test_of_a_text_that_grows_the_end_is_shown(app_on, story) -> None:
    build = story().text("\n\n".join(f"line {number}" for number in range(60)))
    async with app_on(build.state).run_test(size=(120, 50)) as pilot:
        screen = await settled(pilot)
        lines = [line_text(line).strip() for line in screen.panes.stream.lines_of(0, 80)]
        assert (lines[0][9:], lines[-1]) == ("· ▸ 99 earlier lines", "line 59")
        build.happened.clear()
        build.call("Bash", {"command": "make"})
        screen.presenter.watching.say(*build.happened)
        await settled(pilot)
        strips = [strip.text.strip() for strip in screen.panes.stream._strips(0)]
        assert (strips[0][9:], strips[-1]) == ("· line 0", "▸ 99 more lines")


async def test_a_call_without_a_time_has_its_room_for_words(app_on, story) -> None:
    build = story().plan(0, ("a",))
    build.call("Bash", {"command": "x" * 300}, took=0)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for pane, row in ((screen.panes.stream, 0), (screen.panes.todos, 1)):
            assert line_text(pane.lines_of(row, 50)[0]).endswith("x…")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("2",), "enter open"),
        (("4",), "enter go to todo"),
        (("5",), "enter slowest call"),
        (("6",), "enter show build"),
        (("1",), "enter open"),
    ],
)
@pytest.mark.parametrize("size", [(60, 12), (120, 36), (200, 50)])
async def test_the_footer_names_what_enter_does(app_on, running_build, size, keys, said) -> None:
    async with app_on(running_build.state).run_test(size=size) as pilot:
        screen = await pressed(pilot, *keys)
        assert said in line_text(screen.chrome.keys.line(60))


async def test_a_build_that_has_only_begun_says_so_when_it_is_asked_for_steps(app_on, story) -> None:
    async with app_on(story().tell(BuildStarted()).state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pressed(pilot, "1")
        assert "nothing was said or done yet" in told(pilot)
        assert pilot.app.focused is screen.panes.stream


async def test_without_a_link_other_builds_are_not_asked_for(app_on, running_build, monkeypatch) -> None:
    lost = LinkChanged(LinkStatus("retrying", attempt=1, lost_at=running_build.at))
    app = app_on(running_build.state, lost)

    async def refused(*_: object):
        raise OSError("Remote end closed connection without response")

    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        monkeypatch.setattr(screen.presenter.watching, "builds", refused)
        await pressed(pilot, "p")
        assert told(pilot) == "no link to the server: the builds cannot be read"
        await pressed(pilot, "6")
        assert told(pilot) == "no link to the server: the builds are as they were listed last"
        assert pilot.app.focused is screen.panes.builds


async def test_builds_are_listed_once_there_is_one(app_on, story) -> None:
    build = story()
    app = app_on(build.state, LinkChanged(LinkStatus("waiting")), now=build.at + 60_000)
    asked = []
    whole = app.watch_screen.presenter.watching.builds
    app.watch_screen.presenter.watching.builds = lambda: asked.append(1) or whole()
    clock = app.watch_screen.context.now()
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await settled(pilot)
        for second in range(5):
            screen.presenter.second = clock // 1000 - second - 1
            await settled(pilot)
        await pressed(pilot, "6")
        assert asked == []
        build.call("Bash", {"command": "make"})
        screen.presenter.watching.say(LinkChanged(LinkStatus("live")), Snapshot(build.state, "hydrated"))
        await settled(pilot)
        assert len(asked) == 1


async def test_the_plan_is_read_on_the_page_of_the_build(app_on, running_build) -> None:
    running_build.tell(PlanReported("## First\n\n- the **door**\n- the window"))
    app = app_on(running_build.state)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await pressed(pilot, "P")
        assert pilot.app.focused is screen.panes.inspector
        row = screen.panes.inspector.cursor
        said = [
            line_text(screen.panes.inspector.lines_of(at, 80)[0]).strip()
            for at in range(row, len(screen.panes.inspector.heights))
        ]
        assert said == ["Plan", "First", "", "· the door", "· the window"]
        running_build.happened.clear()
        running_build.call("Bash", {"command": "next"})
        screen.presenter.watching.say(*running_build.happened)
        await settled(pilot)
        assert screen.panes.inspector.position is None, "what comes meanwhile does not take the page away"
        await pressed(pilot, "escape")
        assert pilot.app.focused is screen.panes.stream
        await pressed(pilot, "3")
        assert screen.panes.inspector.position is not None


async def test_a_plan_that_was_put_to_a_person_is_read(app_on, running_build, story) -> None:
    running_build.call("ExitPlanMode", {"plan": "# Doors\n\nFirst the doors."})
    running_build.call("Bash", {"command": "next"})
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await pressed(pilot, "P")
        assert pilot.app.focused is screen.panes.inspector
        room = range(screen.panes.inspector.scrollable_content_region.height)
        assert "First the doors." in "".join(screen.panes.inspector.render_line(at).text for at in room)
    async with app_on(story().plan(0).state).run_test(size=(80, 24)) as pilot:
        await pressed(pilot, "P")
        assert told(pilot) == "no plan was told"


async def test_what_is_usual_is_said_of_a_call(app_on, story) -> None:
    build = story()
    for took in (1, 2, 3, 40):
        build.call("Bash", {"command": "make"}, took=took)
    build.call("Bash", {"command": "make"}, took=None)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await pressed(pilot, "2", "G", "enter")
        said = [line_text(screen.panes.inspector.lines_of(row, 100)[0]) for row in range(2)]
        assert "usual" not in said[1], "too few to tell"
    build.call("Bash", {"command": "make"}, took=4)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await pressed(pilot, "2", "G", "enter")
        assert "usual 3.0s, p95 40s" in line_text(screen.panes.inspector.lines_of(1, 100)[0])


async def test_help_moves_as_lists_do(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(60, 12)) as pilot:
        await pressed(pilot, "question_mark")
        box = pilot.app.screen.query_one("#help")
        await pressed(pilot, "j", "j", "k")
        assert box.scroll_y == 1
        await pressed(pilot, "G")
        assert box.scroll_y == box.max_scroll_y > 10
        await pressed(pilot, "ctrl+u")
        assert box.scroll_y < box.max_scroll_y
        await pressed(pilot, "g")
        assert box.scroll_y == 0


async def test_the_copy_menu_has_a_line_for_each_choice(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(60, 12)) as pilot:
        await pressed(pilot, "2", "G", "c")
        assert pilot.app.screen.query_one("#copy").content_size.height == 5


async def test_whoever_serves_others_is_asked_before_leaving(app_on, running_build, tmp_path, monkeypatch) -> None:
    for pid, watchers, asks in ((os.getpid(), 2, True), (os.getpid(), 1, False), (os.getppid(), 2, False)):
        monkeypatch.setenv("SENTRYVIBE_RUNTIME_DIR", str(tmp_path / f"{pid}-{watchers}"))
        runtime.announce(runtime.LocalServer("http://127.0.0.1:1", pid, "", time.time_ns()))
        app = app_on(running_build.state, SignOfLife(watchers))
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("q")
            assert (app._exit is False) is asks
            if asks:
                assert "1 other watching" in told(pilot)
                await pilot.press("q")
            assert app._exit


async def test_the_title_of_the_inspector_is_that_of_what_it_shows(app_on, running_build) -> None:
    app = app_on(running_build.state)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        screen.presenter.mark()
        screen.presenter.watching.say(LinkChanged(LinkStatus("live")))
        await settled(pilot)
        assert screen.panes.inspector.position is None
        assert str(screen.panes.inspector.border_title) == "3 Summary"


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36)])
async def test_a_waiting_screen_says_what_it_waits_for(app_on, size) -> None:
    """All of it, in lines that fit."""
    prospect = "waiting for an agent in /work/shop or below: claude, codex, pi; none wrote there in the last 30 days"
    app = app_on(BuildState(), LinkChanged(LinkStatus("waiting", reason=prospect)))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.05)
        app.watch_screen.flush()
        await pilot.pause()
        stream = app.watch_screen.panes.stream
        lines = [line_text(line).strip() for line in stream.instead()]
        assert prospect in " ".join(lines)
        assert all(len(line) <= stream.row_width for line in lines)
