"""The overview as a reader uses it."""

from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tests.tui.overview.conftest import HERE, MINUTE, NOW, SECOND, Script, fleet_of, many, row
from textual.events import Key, MouseScrollDown

from sentryvibe_tui.client.fleet import BuildChanges, ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import LinkStatus
from sentryvibe_tui.tui.build.screen import BuildScreen
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.arrangement import Fold
from sentryvibe_tui.tui.overview.preferences import PreferencesFile, build_name
from sentryvibe_tui.tui.overview.triage import RowKey


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def opened(tmp_path):
    """An overview of rows (or of a script), at a size; its clock stands still."""

    @asynccontextmanager
    async def opened(rows=None, size=(100, 30), **looks):
        fleet = rows if isinstance(rows, Script) else fleet_of(many() if rows is None else rows)
        clock = Clock()
        app = OverviewApp(fleet, PreferencesFile(tmp_path / "overview.json"), DisplayOptions(**looks), clock)
        async with app.run_test(size=size) as pilot:
            screen = app.overview
            screen.clock, screen.script = clock, fleet
            await settled(pilot)
            yield pilot, screen

    return opened


async def settled(pilot) -> None:
    """Everything told is taken in and painted."""
    screen = pilot.app.overview
    for _ in range(200):
        await pilot.pause()
        if screen.script.told.empty() and not screen._is_due:
            return


async def tell(pilot, *events) -> None:
    for event in events:
        pilot.app.overview.script.told.put_nowait(event)
    await settled(pilot)
    pilot.app.overview.flush()
    await pilot.pause()


async def press(pilot, *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()
    pilot.app.overview.flush()
    await pilot.pause()


def text(screen) -> list[str]:
    strips = screen.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


def names(screen) -> list[str]:
    return [
        screen.roster.visible[slot].row.build.project_name
        for slot in screen.roster.slots
        if slot in screen.roster.visible
    ]


def under_cursor(screen) -> str:
    chosen = screen.agents.chosen
    return chosen.row.build.project_name if chosen else ""


async def test_who_needs_the_reader_stands_first_and_under_the_cursor(opened):
    async with opened() as (_, screen):
        assert names(screen)[:4] == ["shop", "landing", "api", "blog"]
        assert under_cursor(screen) == "shop"
        assert "2 wait for you" in text(screen)[0]


async def test_the_cursor_steps_over_headings_and_back_to_the_top(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "j", "j")
        assert under_cursor(screen) == "api"
        await press(pilot, "k", "k", "k")
        assert under_cursor(screen) == "shop"
        assert screen.agents.scroll_offset.y == 0
        await press(pilot, "end", "up", "home")
        assert under_cursor(screen) == "shop"


async def test_enter_opens_the_build_and_escape_returns_to_its_row(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "j", "j", "j", "enter")
        assert isinstance(pilot.app.screen, BuildScreen)
        assert [build.project_name for build in screen.script.watched] == ["blog"]
        await tell(pilot, BuildChanges(HERE, (row("new", "waiting-person", 9 * MINUTE).build,)))
        screen.clock.now += 5 * SECOND
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert under_cursor(screen) == "blog"
        assert names(screen)[0] == "new"


async def test_a_row_does_not_jump_while_the_reader_is_at_the_keys(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "j")
        line = text(screen).index(next(one for one in text(screen) if "landing" in one and "question" in one))
        await tell(pilot, BuildChanges(HERE, (row("landing", "working").build, row("shop", "working").build)))
        assert "landing" in text(screen)[line]
        assert "working" in text(screen)[line]
        screen.clock.now += 2 * SECOND
        screen.tick()
        await pilot.pause()
        assert under_cursor(screen) == "landing"
        assert names(screen)[0] == "api"


async def test_the_next_that_waits_from_the_list_and_from_inside_a_build(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "exclamation_mark")
        assert under_cursor(screen) == "landing"
        await press(pilot, "enter")
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BuildScreen)
        assert [build.project_name for build in screen.script.watched] == ["landing", "shop"]
        await pilot.press("escape")
        await pilot.pause()
        assert under_cursor(screen) == "shop"


async def test_a_filter_narrows_while_it_is_typed_and_escape_drops_it(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "slash", *"codex", "enter")
        assert names(screen) == ["landing", "scripts"]
        assert any("filter: codex" in line for line in text(screen))
        await press(pilot, "escape")
        assert len(names(screen)) == 8


async def test_letters_are_no_commands_while_a_field_has_the_focus(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "slash", *"qhsg!")
        assert pilot.app.is_running
        assert screen.roster.options.needle == "qhsg!"
        assert screen.roster.preferences.group_by == "state"


async def test_pins_names_hidden_rows_and_groups_are_kept(opened, tmp_path):
    async with opened() as (pilot, screen):
        await press(pilot, "end", "up", "space")
        assert names(screen)[0] == "scripts"
        await press(pilot, "R", *"cron", "enter")
        assert any("cron" in line for line in text(screen))
        await press(pilot, "home", "j", "h")
        assert "shop" not in names(screen)
        await press(pilot, "s")
    kept = PreferencesFile(tmp_path / "overview.json").read()
    by_name = {one.build.project_name: build_name(one.build.key) for one in many()}
    assert kept.pins == (by_name["scripts"],)
    assert kept.names == {by_name["scripts"]: "cron"}
    assert kept.hidden == (by_name["shop"],)
    assert kept.group_by == "project"
    async with opened() as (pilot, screen):
        assert names(screen)[0] == "scripts"
        await press(pilot, "H")
        assert "shop" in names(screen)


async def test_the_fold_of_what_ended_opens(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "end")
        assert "12 ended today" in " ".join(text(screen))
        await press(pilot, "enter")
        assert names(screen).count("old0") == 1
        await press(pilot, "escape")
        assert "old0" not in names(screen)


async def test_a_failure_that_was_looked_at_goes_once_the_reader_has_gone(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "j", "j")
        screen.clock.now += SECOND
        screen.tick()
        assert under_cursor(screen) == "api", "it stays while the cursor is on it"
        await press(pilot, "j")
        screen.clock.now += 3 * SECOND
        screen.tick()
        await pilot.pause()
        assert "api" not in names(screen)
        assert under_cursor(screen) == "blog"


def roles_of(screen, server: str) -> set[str]:
    """In which the words of the row of a server are painted."""
    agents = screen.agents
    (place,) = [at for at, slot in enumerate(agents._slots) if isinstance(slot, RowKey) and slot.server == server]
    return {role for words, role in agents.lines_of(place, 100)[0] if words.strip()}


async def test_a_server_that_is_out_of_reach_says_so_and_its_rows_stay(opened):
    rows = [row("shop", "waiting-person"), row("far", "working", host="box")]
    async with opened(rows, size=(120, 24)) as (pilot, screen):
        assert "HOST" in text(screen)[1]
        lost = LinkStatus("retrying", attempt=2, retry_at=NOW + 4_000, lost_at=NOW)
        await tell(pilot, ServerLink("http://box", "box", lost))
        assert "box retry 2/10 in 4s" in text(screen)[0]
        assert "far" in names(screen)
        assert roles_of(screen, "http://box") == {"faint"}, "as it was last"
        assert roles_of(screen, HERE) != {"faint"}
        await tell(pilot, ServerLink("http://box", "box", LinkStatus("live")))
        assert roles_of(screen, "http://box") != {"faint"}
        await tell(pilot, ServerLink("http://box", "\x1b]0;b\x07ox", LinkStatus("refused", reason="\x1b[2Jno")))
        assert text(screen)[0].rstrip().endswith("ox refused: no")
        await press(pilot, "r")
        assert screen.script.retried == 1


async def test_before_a_server_was_heard_nothing_is_said_of_agents(opened):
    async with opened(Script(ServerLink(HERE, "this machine", LinkStatus("connecting")))) as (_, screen):
        shown = "\n".join(text(screen))
        assert "Looking for agents" in shown
        assert "no agent is at work" not in shown.lower()


async def test_an_empty_machine_says_where_it_looked(opened):
    script = Script(ServerLink(HERE, "this machine", LinkStatus("live")), ServerBuilds(HERE, ()))
    async with opened(script) as (_, screen):
        assert any("No agent is at work here." in line for line in text(screen))
        assert any("~/.claude/projects" in line for line in text(screen))


async def test_the_details_hold_the_question_whole_and_the_build_as_it_stands(opened, running_build):
    asked = replace(many()[0].build, project_id="todo-app", session_id="s1", build_id="b1")
    script = Script(ServerLink(HERE, "this machine", LinkStatus("live")), ServerBuilds(HERE, (asked,)),
                    states={"b1": running_build.state})  # fmt: skip
    async with opened(script, size=(120, 40)) as (pilot, screen):
        for _ in range(100):
            await pilot.pause(0.02)
            if screen.details._state is not None:
                break
        said = " ".join(text(screen)[-12:])
        assert "The lockfile is out of step" in said
        assert "todos 4/8" in said
        assert "Wiring up auth middleware" in said or "Wire up auth middleware" in said


async def test_the_window_title_counts_who_waits_and_who_works(opened, monkeypatch):
    written: list[str] = []
    from sentryvibe_tui.tui.notices import Notices

    async with opened(notices=Notices()) as (pilot, _screen):
        monkeypatch.setattr(pilot.app, "write", written.append)
        await tell(pilot, BuildChanges(HERE, (row("shop", "working").build,)))
        assert any("1? 4▶ sentryvibe" in one for one in written)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 80)])
async def test_every_size_shows_what_it_can(opened, size):
    async with opened(size=size) as (pilot, _screen):
        await press(pilot, "j", "end", "home", "v", "s")
        assert pilot.app.is_running


async def test_help_and_palette_offer_every_key_of_the_overview(opened):
    from sentryvibe_tui.tui.actions import ACTIONS, offered

    async with opened(size=(120, 50)) as (pilot, screen):
        await press(pilot, "question_mark")
        columns = pilot.app.screen.query("#help Static")
        said = " ".join(" ".join(str(column.render()) for column in columns).split())
        assert [action.help for action in offered(ACTIONS, "overview") if action.help not in said] == []
        await press(pilot, "escape")
        assert {name.split("  ")[0] for name, _, _ in screen.commands()} >= {"Pin", "Find", "Next that waits"}


async def test_a_question_is_copied(opened, monkeypatch):
    written: list[str] = []
    async with opened() as (pilot, _screen):
        monkeypatch.setattr(pilot.app, "write", written.append)
        await press(pilot, "y")
        await pilot.pause(0.1)
        assert any("]52;" in one for one in written)
        await press(pilot, "c", "2")
        await pilot.pause(0.1)
        assert len([one for one in written if "]52;" in one]) == 2


async def test_a_number_without_a_text_copies_nothing(opened):
    async with opened() as (pilot, _screen):
        await press(pilot, "c", "5")
        await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("cwd", ["/" + "x" * 5_000, "relative/+!touch"])
async def test_a_folder_that_is_none_is_said_to_be_none(opened, cwd: str):
    async with opened([row("odd", "working", cwd=cwd)]) as (pilot, _screen):
        await press(pilot, "o")
        await pilot.pause(0.1)
        assert pilot.app.is_running


async def test_a_folder_of_another_machine_is_not_opened(opened):
    async with opened([row("far", "working", host="box", cwd="/work/far")]) as (pilot, _screen):
        await press(pilot, "o", "g")
        await pilot.pause(0.2)
        assert pilot.app.is_running


def hostile(name: str):
    bad = "\x1b]52;c;ZXZpbA==\x07[/x] [red]" + "漢字" * 40 + "\n\x9b31m\u202e\ud800"
    return row(name, "waiting-person", project_name=bad, title=bad, agent_id=bad, model=bad, branch=bad, cwd=bad,
               now=bad, error=bad, todo=bad)  # fmt: skip


async def test_hostile_texts_reach_the_terminal_as_text_only(opened):
    async with opened([hostile("a"), hostile("b")], size=(200, 50)) as (_, screen):
        said = "\n".join(text(screen))
        assert "\x1b" not in said
        assert "\x9b" not in said
        assert "\u202e" not in said
        assert all(len(line) <= 200 for line in text(screen))


async def test_what_happens_rings_once_however_many_screens_are_open(tmp_path):
    from sentryvibe_tui.notify import Claims
    from sentryvibe_tui.tui.app import TOGETHER
    from sentryvibe_tui.tui.notices import Notices

    rung: list[str] = []
    asked = BuildChanges(
        HERE, (row("mobile-app", "waiting-person", SECOND).build, row("docs", "ended", status="failed").build)
    )
    for _ in range(2):
        fleet = fleet_of(many())
        kept, claims = PreferencesFile(tmp_path / "o.json"), Claims("screen", tmp_path)
        app = OverviewApp(fleet, kept, DisplayOptions(notices=Notices(), claims=claims), Clock())
        async with app.run_test(size=(80, 24)) as pilot:
            app.overview.script = fleet
            await settled(pilot)
            app.write = rung.append
            await tell(pilot, asked)
            await pilot.pause(TOGETHER + 0.2)
    assert rung.count("\x07") == 1
    notices = [one for one in rung if "]9;" in one or "]777;" in one]
    assert len(notices) == 1
    assert "2 agents: mobile-app needs you: Bash npm install, docs failed" in notices[0]


@pytest.mark.parametrize(("later", "rings"), [("waiting-person", 1), ("working", 0)])
async def test_what_was_asked_a_while_ago_rings_when_it_has_stood(tmp_path, later, rings):
    """At the start the end of a session may be read just after what it asked."""
    from sentryvibe_tui.model.attention import STANDING
    from sentryvibe_tui.tui.notices import Notices

    rung, clock = list[str](), Clock()
    app = OverviewApp(fleet_of(many()), PreferencesFile(tmp_path / "o.json"), DisplayOptions(notices=Notices()), clock)
    async with app.run_test(size=(80, 24)) as pilot:
        app.overview.script = app.fleet
        await settled(pilot)
        app.write = rung.append
        await tell(pilot, BuildChanges(HERE, (row("mobile-app", "waiting-person", MINUTE).build,)))
        await tell(pilot, BuildChanges(HERE, (row("mobile-app", later, MINUTE).build,)))
        assert app._unattended == []
        clock.now += STANDING + SECOND
        app.overview.tick()
        await pilot.pause()
        assert len(app._unattended) == rings


async def test_a_click_goes_to_a_row_and_a_second_one_opens_it(opened):
    async with opened() as (pilot, screen):
        at = next(y for y, line in enumerate(text(screen)) if "blog" in line)
        await pilot.click(offset=(40, at))
        await pilot.pause()
        assert under_cursor(screen) == "blog"
        fold = next(y for y, line in enumerate(text(screen)) if "ended today" in line and y > 1)
        await pilot.click(offset=(4, fold))
        await pilot.pause(0.1)
        assert "old0" in names(screen)
        await pilot.click(offset=(40, at), times=2)
        await pilot.pause()
        assert [build.project_name for build in screen.script.watched] == ["blog"]


async def test_from_inside_the_only_build_that_waits_nobody_else_does(opened):
    async with opened([row("shop", "waiting-person"), row("blog", "working")]) as (pilot, _screen):
        await press(pilot, "enter")
        inside = pilot.app.screen
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert pilot.app.screen is inside
        assert inside.chrome.keys.message == "nobody else waits for you"


async def test_the_wheel_takes_the_cursor_along_but_never_onto_a_heading(opened):
    async with opened(size=(80, 24)) as (pilot, screen):
        for _ in range(4):
            await pilot._post_mouse_events([MouseScrollDown], screen.agents)
            await pilot.pause()
            assert screen.agents.chosen is not None or isinstance(screen.agents.slot, Fold)


async def test_a_build_over_the_overview_says_which_key_leads_back(opened):
    async with opened(size=(100, 30)) as (pilot, screen):
        await press(pilot, "enter")
        inside = pilot.app.screen
        inside.settle()
        await pilot.pause()
        assert text(screen)[-1].startswith(" esc back")


@pytest.mark.parametrize("size", [(120, 50), (80, 24), (40, 10)])
async def test_help_speaks_of_agents_and_of_nothing_that_is_in_a_build(opened, size):
    async with opened(size=size) as (pilot, _):
        await press(pilot, "question_mark")
        columns = pilot.app.screen.query("#help Static")
        said = " ".join(" ".join(str(column.render()) for column in columns).split())
        assert "Open the build, esc leads back to its row" in said
        assert not [
            word for word in ("inspector", "todo unfolds", "todo above", "follow", "exit status") if word in said
        ]


@pytest.mark.parametrize("size", [(120, 50), (80, 24), (60, 15), (40, 10)])
async def test_no_line_of_the_help_is_broken_twice(opened, size):
    async with opened(size=size) as (pilot, _):
        await press(pilot, "question_mark")
        for column in pilot.app.screen.query("#help Static"):
            longest = max(len(line.rstrip()) for line in str(column.render()).split("\n"))
            assert longest <= column.content_size.width


async def test_the_help_follows_the_size_of_the_terminal(opened):
    async with opened(size=(160, 40)) as (pilot, _):
        await press(pilot, "question_mark")
        for size, number in (((40, 20), 1), ((80, 24), 1), ((160, 40), 2)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            columns = [column for column in pilot.app.screen.query("#help Static") if column.display]
            assert len(columns) == number
            for column in columns:
                longest = max(len(line.rstrip()) for line in str(column.render()).split("\n"))
                assert longest <= column.content_size.width


async def test_a_column_in_which_only_folded_rows_say_something_waits_for_them(opened):
    rows = [row("shop", "working", cost_usd=1.0), row("old", "ended", 30 * 3_600_000, todos_done=1, todos_total=3)]
    async with opened(rows, size=(120, 36)) as (pilot, screen):
        assert "TODOS" not in text(screen)[1]
        assert "COST" in text(screen)[1]
        await press(pilot, "right")
        assert "TODOS" in text(screen)[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_a_terminal_of_another_encoding_gets_what_it_takes_in_columns_that_stay(opened, encoding):
    rows = [row("日本 é", "working"), row("plain-", "working", title="“Ünï” 😀")]
    async with opened(rows, size=(80, 24), encoding=encoding) as (pilot, screen):
        for keys in ((), ("j",), ("question_mark",)):
            await press(pilot, *keys)
            for line in text(screen):
                line.encode(encoding)
                assert len(line) <= 80
        await press(pilot, "escape")
        lines = [line for line in text(screen) if " working " in line and "Edit" in line]
        assert len(lines) == 2
        assert len({line.index("Edit") for line in lines}) == 1
        assert any("???? ?" in line if encoding == "ascii" else "???? é" in line for line in lines)


async def test_without_colours_the_cursor_is_a_bar_without_patches(opened, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as (_, screen):
        strip = screen.agents.render_line(screen.agents.cursor)
        styles = {
            (one.style.color, one.style.bgcolor, one.style.reverse, bool(one.style.dim)) for one in strip if one.text
        }
        assert len({style for style in styles if style[2]}) == 1


LONG = "it runs in tmux claude:0.0, but this terminal is in another tmux: tmux -S /tmp/tmux-0/agents attach -t claude"


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15), (40, 24)])
async def test_a_long_message_is_said_whole_and_leaves_the_list_as_it_was(opened, size):
    async with opened(size=size) as (pilot, screen):
        before = text(screen)
        screen.tell(LONG, "warning")
        await pilot.pause()
        said = text(screen)[-screen.keys.size.height :]
        assert " ".join(" ".join(said).split()) == LONG
        assert len(text(screen)) == size[1]
        screen.keys.hush()
        await pilot.pause()
        assert text(screen) == before


async def test_on_a_low_screen_a_message_has_one_line(opened):
    async with opened(size=(40, 10)) as (pilot, screen):
        screen.tell(LONG, "warning")
        await pilot.pause()
        assert screen.keys.size.height == 1
        assert text(screen)[-1].startswith(" it runs in tmux")
        assert text(screen)[-1].endswith("attach -t claude")


async def test_hidden_rows_that_are_shown_are_marked(opened):
    async with opened() as (pilot, screen):
        await press(pilot, "h")
        assert "1 hidden" in "\n".join(text(screen))
        assert under_cursor(screen) == "landing"
        await press(pilot, "H")
        assert "1 hidden, shown" in "\n".join(text(screen))
        assert any(" -shop " in line for line in text(screen))
        assert not any(" -landing " in line for line in text(screen))


async def test_the_footer_leaves_out_what_would_do_nothing(opened):
    async with opened([], size=(120, 30)) as (pilot, screen):
        assert text(screen)[-1].split()[:4] == ["q", "quit", "?", "help"]
        await tell(pilot, ServerBuilds(HERE, (row("shop", "working").build, row("old", "ended", MINUTE).build)))
        foot = text(screen)[-1]
        assert "enter open" in foot
        assert "next that waits" not in foot
        await press(pilot, "end")
        assert "enter unfold" in text(screen)[-1]
        assert not [words for words in ("terminal", "pin", "hide", "rename", "folder") if words in text(screen)[-1]]
        await press(pilot, "enter")
        assert "enter fold" in text(screen)[-1]


async def test_a_list_without_rows_says_what_keeps_them_out_and_how_they_come_back(opened):
    async with opened([row("shop", "working")], size=(80, 24)) as (pilot, screen):
        await press(pilot, "slash", *"zzz", "enter")
        assert any("No agent has “zzz” in its row." in line for line in text(screen))
        assert text(screen)[-1].startswith(" esc back")
        assert "/ find" in text(screen)[-1]
        await press(pilot, "escape", "h")
        screen.keys.hush()
        await pilot.pause()
        assert any("All agents are hidden." in line for line in text(screen))
        assert text(screen)[-1].startswith(" H hidden ones")
        await press(pilot, "H")
        assert names(screen) == ["shop"]
        assert "hidden ones" not in text(screen)[-1]


async def test_what_is_said_instead_of_rows_is_never_cut(opened):
    fleet = Script(ServerLink(HERE, "this machine", LinkStatus("live")), ServerBuilds(HERE, ()))
    fleet.outlook = lambda: (
        "The agents of this machine cannot be shown:",
        "cannot open it: " + "the disk is full " * 9,
    )
    async with opened(fleet, size=(60, 24)) as (_, screen):
        assert " ".join(" ".join(text(screen)).split()).count("the disk is full") == 9


async def test_keys_that_were_typed_ahead_meet_the_fold_as_it_is_by_then(opened):
    async with opened([row("shop", "working"), row("old", "ended", MINUTE)]) as (pilot, screen):
        for key in ("right", "right", "end", "enter"):
            pilot.app.post_message(Key(key, None))
        await pilot.pause()
        await pilot.pause()
        assert isinstance(pilot.app.screen, BuildScreen)
        assert [build.project_name for build in screen.script.watched] == ["old"]


async def test_arrows_open_and_close_the_fold_from_any_row(opened):
    async with opened() as (pilot, screen):
        before = names(screen)
        await press(pilot, "right")
        assert len(names(screen)) > len(before)
        assert under_cursor(screen) == "shop"
        await press(pilot, "l", "end")
        assert under_cursor(screen) not in ("", "shop")
        await press(pilot, "left")
        assert names(screen) == before
        assert isinstance(screen.agents.slot, Fold)
        await press(pilot, "left")
        assert names(screen) == before


async def test_help_shows_the_signs_and_no_key_that_means_something_else_here(opened):
    async with opened(size=(120, 50)) as (pilot, _):
        await press(pilot, "question_mark")
        columns = pilot.app.screen.query("#help Static")
        said = "\n".join(str(column.render()) for column in columns)
        assert "stuck: its call takes longer" in " ".join(said.split())
        assert "g home" not in said
