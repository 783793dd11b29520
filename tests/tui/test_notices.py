"""The title, bells and notifications; the clipboard; the page of a build."""

import stat

from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.attention import attention
from sentryvibe_tui.model.facts import BuildEnded, InputNeeded, RequestOpened
from sentryvibe_tui.tui.app import TOGETHER
from sentryvibe_tui.tui.build.summary_page import farewell, summary_page
from sentryvibe_tui.tui.context import RenderContext
from sentryvibe_tui.tui.export.clipboard import LIMIT, osc52, to_file
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.tui.notices import Notices, notice_sequence, notice_text, title_sequence, window_title

from .conftest import tally_of


def test_the_title_says_how_far_and_what_is_wanted(running_build) -> None:
    state = running_build.state
    assert window_title(state, "x") == "◐ 4/8 todo-app"
    assert window_title(running_build.tell(InputNeeded("Allow?")).state, "x") == "? 4/8 todo-app"
    assert window_title(running_build.tell(BuildEnded("failed")).state, "x") == "✗ 4/8 todo-app"


def test_a_notice_is_an_end_or_a_question_and_several_are_one(running_build) -> None:
    first = summary_of(running_build.state)
    asked = summary_of(running_build.tell(InputNeeded("Allow Bash?")).state)
    ended = summary_of(running_build.tell(BuildEnded("completed")).state)
    events = [event for event in (attention(first, asked), attention(asked, ended)) if event]
    assert notice_text(events[:1]) == "todo-app needs you: Allow Bash?"
    assert notice_text(events[1:]) == "todo-app completed"
    assert notice_text(events) == "2 agents: todo-app needs you: Allow Bash?, todo-app completed"
    assert notice_text([]) == ""


def test_a_notice_names_a_call_as_the_row_does(running_build) -> None:
    request = Request("r", "permission", "permission: exec_command touch release.txt", "exec_command")
    first = summary_of(running_build.state)
    event = attention(first, summary_of(running_build.tell(RequestOpened(request)).state))
    assert event is not None
    assert notice_text([event]) == "todo-app needs you: Shell touch release.txt"


def test_sequences_carry_no_foreign_sequences() -> None:
    assert title_sequence("a\x1b]52;c;x\x07b") == "\x1b]2;ab\x07"
    assert notice_sequence("done; \x1b[2Jx", {}) == "\x1b]9;done, x\x07"
    assert notice_sequence("x", {"TMUX": "1"}) == "\x1bPtmux;\x1b\x1b]9;x\x07\x1b\\"


async def test_an_end_rings_once_and_changes_the_title(app_on, running_build) -> None:
    written: list[str] = []
    app = app_on(running_build.state, notices=Notices())
    async with app.run_test(size=(80, 24)) as pilot:
        app._driver.write = written.append
        await pilot.pause(0.05)
        app.watch_screen.flush()
        await pilot.pause()
        running_build.happened.clear()
        running_build.tell(BuildEnded("completed"))
        app.watch_screen.presenter.watching.say(*running_build.happened)
        await pilot.pause(0.05)
        app.watch_screen.flush()
        await pilot.pause(TOGETHER + 0.1)
    told = [text for text in written if text.startswith("\x07") or "\x1b]" in text or "[22;2t" in text]
    assert told[-3:] == ["\x1b]2;✓ 4/8 todo-app\x07", "\x07", "\x1b]9;todo-app completed\x07"]


def test_what_is_too_long_for_the_clipboard_goes_to_a_file_of_ones_own() -> None:
    assert osc52("x" * (LIMIT + 1), {}) is None
    path = to_file("x\ud800")
    assert path.read_text() == "x?"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()


def test_screen_gets_the_clipboard_in_chunks() -> None:
    sequence = osc52("x" * 2000, {"STY": "1"})
    assert sequence is not None
    assert max(len(part) for part in sequence.split("\x1b\\")) < 768


def test_the_page_of_a_build(running_build) -> None:
    state = running_build.state
    lines = [
        line_text(line).rstrip()
        for line in summary_page(state, tally_of(state), RenderContext(lambda: running_build.at), 60)
    ]
    assert lines[0] == "running · 4/8 todos · 2m04s · 23 tools · 2 errors"
    assert [line.split()[:3] for line in lines if line.startswith("Bash")] == [["Bash", "5", "2"]]
    assert "Files touched  10" in lines
    assert any(line.startswith("src/app/page.tsx") for line in lines)


def test_five_lines_at_most_stay_in_the_terminal(running_build) -> None:
    ended = running_build.tell(BuildEnded("failed", error="boom\nbang")).state
    lines = farewell(ended, RenderContext(lambda: running_build.at), 80)
    assert lines[0] == "✗ todo-app · Add login with GitHub"
    assert lines[-1] == "  boom bang"
    assert len(lines) <= 5


async def test_a_key_can_be_bound_anew(app_on, running_build) -> None:
    app = app_on(running_build.state, keys={"retry-link": "x"})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("x")
        await pilot.press("r")
        assert app.watch_screen.presenter.watching.retried == 1
