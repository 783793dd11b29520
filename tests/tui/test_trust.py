"""What a glance must tell rightly: open and failed calls, hidden errors, an old picture, what can be done."""

import asyncio

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus, Snapshot
from sentryvibe_tui.model.events import ToolEnded, ToolStarted
from sentryvibe_tui.model.state import AutoFix, BuildState
from sentryvibe_tui.tui.build.summary_page import summary_page
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.wire.json import raw

LIVE_AGAIN = LinkChanged(LinkStatus("live", rtt_ms=3.0))


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


def text_of(rows) -> list[str]:
    return [line_text(line).rstrip() for row in range(len(rows.heights)) for line in rows.lines_of(row, rows.row_width)]


async def test_a_call_under_way_is_never_folded_away_and_failures_are_counted(app_on, story) -> None:
    build = story().plan(0, ("a", "b"))
    build.tell(ToolStarted("ask", "Task", raw({"description": "long"})))
    build.call("Bash", {"command": "broken"}, "no", error=True)
    for number in range(40):
        build.call("Read", {"file_path": f"f{number}"})
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        lines = [line.strip() for line in text_of(screen.panes.todos)]
        assert lines[1] == "▸ 33 earlier  ✗1"
        assert lines[2].startswith("◐ Task")


async def test_a_subagent_says_how_many_of_its_calls_failed(app_on, story) -> None:
    build = story().plan(0, ("a",))
    task = build.call("Task", {"description": "look"}, took=None)
    build.call("Read", {"file_path": "x"}, "no such file", error=True, parent_id=task)
    build.tell(ToolEnded(task, raw("done")), 3)
    async with app_on(build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert next(line for line in text_of(screen.panes.stream) if "Task" in line).split()[-2:] == ["✗1", "4.4s"]
        assert next(line for line in text_of(screen.panes.todos) if "Task" in line).split()[-2:] == ["✗1", "4.4s"]


@pytest.mark.parametrize("hiding", [("f", "f", "f"), ("slash", *"package.json", "enter", "m")])
async def test_e_shows_an_error_that_a_filter_hides(app_on, running_build, hiding) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press(*hiding)
        await settled(pilot)
        assert screen.panes.stream.errors() == []
        await pilot.press("e")
        await settled(pilot)
        assert "error 2 of 2" in str(screen.panes.stream.border_subtitle)
        assert screen.panes.stream.shows == "all"


async def test_what_is_inspected_stays_in_view(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(120, 30)) as pilot:
        screen = await settled(pilot)
        await pilot.press("2", "E", "k", "k", "k", "j", "j", "j", "enter")
        await settled(pilot)
        top, bottom = screen.panes.stream._visible()
        assert screen.panes.inspector.display
        assert top <= screen.panes.stream.cursor <= bottom


async def test_without_a_link_the_clocks_stand_and_say_since_when(app_on, running_build) -> None:
    at = running_build.at
    lost = LinkChanged(LinkStatus("retrying", attempt=2, lost_at=at + 1_000, retry_at=at + 40_000))
    async with app_on(running_build.state, lost).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert line_text(screen.head.now.line(118)).rstrip().endswith("as of 12:03:06")
        assert "2m05s" in line_text(screen.head.how_far.line(118))
        screen.presenter.watching.say(LinkChanged(LinkStatus("live", rtt_ms=3)))
        await settled(pilot)
        assert "as of" not in line_text(screen.head.now.line(118))


async def test_no_server_at_all_says_what_to_do(app_on) -> None:
    status = LinkStatus("retrying", attempt=2, reason="no server at http://127.0.0.1:4999")
    async with app_on(BuildState(), LinkChanged(status)).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        said = "\n".join(line_text(line) for line in screen.panes.stream.instead())
        assert "no server at http://127.0.0.1:4999" in said
        assert "sentryvibe-tui serve" in said


async def test_p_n_and_l_go_through_the_builds(app_on, running_build, story) -> None:
    builds = {"b1": running_build.state}
    for number in (3, 2):
        old = story(build=f"old{number}", session=f"s{number}")
        old.call("Bash", {"command": f"old command {number}"})
        builds[f"old{number}"] = old.state
    async with app_on(running_build.state, builds=builds).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        for key, shown in (("p", "old3"), ("p", "old2"), ("n", "old3"), ("p", "old2"), ("L", "b1")):
            await pilot.press(key)
            await settled(pilot)
            assert screen.view.state.id == shown
        assert screen.head.who.place == ""


async def test_new_builds_announce_themselves_once_at_a_time(app_on, running_build, story) -> None:
    old = story(build="old", session="s0")
    old.call("Bash", {"command": "old command"})
    app = app_on(running_build.state, builds={"b1": running_build.state, "old": old.state})
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        screen = await settled(pilot)
        await pilot.press("p")
        await settled(pilot)
        for number in range(5):
            new = story(build=f"new{number}", session=f"n{number}", start=running_build.at + number)
            new.call("Bash", {"command": "new"})
            screen.presenter.watching.say(Snapshot(new.state, "new-build"))
            await settled(pilot)
        assert screen.chrome.keys.message == "another build of this project runs: L goes to it"
        assert screen.view.state.id == "old"


async def test_a_new_search_begins_empty(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("slash", *"qQx", "enter", "escape", "slash", *"npm")
        await settled(pilot)
        assert screen.panes.stream.needle.text == "npm"


async def test_the_footer_tells_what_matters_where_the_reader_is(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert line_text(screen.chrome.keys.line(80)).split()[:2] == ["q", "quit"]
        assert "e next error" in line_text(screen.chrome.keys.line(80))
        await pilot.press("slash", *"npm", "enter")
        await settled(pilot)
        assert line_text(screen.chrome.keys.line(80)).startswith(" n next hit  N previous hit  m only hits  esc back")
        screen.presenter.watching.say(LinkChanged(LinkStatus("gave-up", lost_at=running_build.at)))
        await settled(pilot)
        assert line_text(screen.chrome.keys.line(80)).startswith(" r retry link")


async def test_the_footer_of_the_inspector_says_what_enter_does_there(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("e", "enter")
        await settled(pilot)
        assert screen.panes.inspector.has_focus
        assert line_text(screen.chrome.keys.line(80)).startswith(" esc back  enter full text  c copy")


async def test_the_footer_always_has_the_way_back_to_the_overview(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        screen.chrome.leads_back = True
        for keys in ((), ("4",), ("z",), ("z", "slash", *"npm", "enter")):
            await pilot.press(*keys)
            await settled(pilot)
            screen.chrome.paint()
            assert line_text(screen.chrome.keys.line(80)).count("esc back") == 1
        screen.view.pinned = True
        screen.chrome.paint()
        assert "esc back" in line_text(screen.chrome.keys.line(80))


async def test_builds_are_counted_only_when_they_were_listed(app_on, running_build) -> None:
    async with app_on(running_build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert "Builds 1" not in line_text(screen.chrome.tabs.line(120))
        assert "6 Builds" in line_text(screen.chrome.tabs.line(120))
        screen.panes.builds.update(screen.panes.builds.summaries)
        screen.chrome.paint()
        assert "Builds 1" in line_text(screen.chrome.tabs.line(120))


async def test_ascii_draws_nothing_else(scene) -> None:
    async with scene("many-todos", ascii_only=True).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        for screen in (pilot.app.watch_screen, pilot.app.screen):
            drawn = "".join(part.text for strip in screen._compositor.render_strips() for part in strip)
            assert {char for char in drawn if ord(char) > 126} == set()


async def test_a_question_is_read_as_one(app_on, story) -> None:
    options = [{"label": "SQLite", "description": "a file"}, {"label": "PostgreSQL"}]
    build = story().tell(
        ToolStarted("q", "AskUserQuestion", raw({"questions": [{"question": "Which?", "options": options}]}))
    )
    build.call("ExitPlanMode", {"plan": "# Plan\n\n1. **first** thing"})
    async with app_on(build.state).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        await pilot.press("k")
        await settled(pilot)
        assert [line for line in text_of(screen.panes.inspector) if line][3:5] == ["Plan", "1. first thing"]
        await pilot.press("2", "g")
        await settled(pilot)
        said = [line for line in text_of(screen.panes.inspector) if line]
        assert said[said.index("Input") + 1 :][:3] == ["Which?", "  · SQLite  a file", "  · PostgreSQL"]


async def test_the_gap_line_stands_above_what_was_missed(app_on, running_build) -> None:
    at, known = running_build.at, len(running_build.happened)
    async with app_on(running_build.state).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        await pilot.press("M")
        screen.presenter.watching.say(LinkChanged(LinkStatus("retrying", attempt=1, lost_at=at)))
        running_build.call("Bash", {"command": "missed command"})
        missing = running_build.happened[known:]
        screen.presenter.watching.say(*missing, CaughtUp(at, at + 9_000, len(missing), "replayed"), LIVE_AGAIN)
        await settled(pilot)
        running_build.call("Bash", {"command": "later command"})
        screen.presenter.watching.say(*running_build.happened[known + len(missing) :])
        await settled(pilot)
        lines = "\n".join(text_of(screen.panes.stream))
        places = [lines.index(word) for word in ("mark ", "link lost", "missed command", "later command")]
        assert places == sorted(places)


async def test_the_panes_stand_still_without_a_link(app_on, running_build) -> None:
    lost = LinkChanged(LinkStatus("gave-up", lost_at=running_build.at + 1_000))
    later = running_build.at + 3_600_000
    async with app_on(running_build.state, lost, now=later).run_test(size=(200, 50)) as pilot:
        screen = await settled(pilot)
        await pilot.resize_terminal(190, 48)
        await settled(pilot)
        said = "\n".join(line for pane in screen.panes for line in text_of(pane))
        assert "1h00m" not in said
        assert "1h00m" not in screen.panes.timeline.foot()


@pytest.mark.parametrize("key", ["y", "c", "t"])
async def test_keys_are_answered_while_a_whole_value_is_awaited(app_on, story, key) -> None:
    build = story()
    build.call("Bash", {"command": "make"}, "x" * 20_000)
    state = build.state
    clipped = state.timeline.set(0, replace(state.timeline[0], clipped=True, output_bytes=20_000))
    async with app_on(replace(state, timeline=clipped)).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)

        async def never(session_id, tool_id):
            await asyncio.Event().wait()

        screen.presenter.watching.whole_tool = never
        await pilot.press("2", "g", key, "M")
        await settled(pilot)
        assert sum("mark" in line for line in text_of(screen.panes.stream)) == 1


async def test_a_repair_says_which_attempt_it_is(app_on, running_build) -> None:
    fix = AutoFix("Cannot find module 'astro'", 2, 3)
    async with app_on(replace(running_build.state, autofix=fix)).run_test(size=(120, 36)) as pilot:
        screen = await settled(pilot)
        assert "auto-fix 2/3" in line_text(screen.head.who.line(118))
        page = summary_page(screen.view.state, screen.view.tally, screen.head.who.context, 80)
        assert any("attempt 2 of 3: Cannot find module 'astro'" in line_text(line) for line in page)
