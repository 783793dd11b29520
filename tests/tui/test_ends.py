"""What comes by itself: a card after a long absence, the summary at the end of a build."""

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.tui.build.absence import absence_report
from sentryvibe_tui.tui.build.summary_page import summary_page
from sentryvibe_tui.tui.context import RenderContext
from sentryvibe_tui.tui.lines import length, line_text
from sentryvibe_tui.tui.screens.card import squeezed

from .conftest import tally_of


async def settled(pilot) -> None:
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()


def card_text(app) -> str:
    return "\n".join(line_text(line) for line in app.screen.card.lines)


async def test_a_card_tells_what_was_missed_and_any_key_closes_it(app_on, running_build, story) -> None:
    app = app_on(running_build.state)
    at, known = running_build.at, len(running_build.happened)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        say = app.watch_screen.presenter.watching.say
        say(LinkChanged(LinkStatus("retrying", attempt=1, lost_at=at)))
        running_build.call("Bash", {"command": "make broken"}, "Exit code 2", 3, True)
        running_build.text("almost there").plan(5)
        missing = running_build.happened[known:]
        say(*missing, CaughtUp(at, at + 724_000, len(missing), "replayed"), LinkChanged(LinkStatus("live")))
        await settled(pilot)
        said = card_text(app)
        assert "away for 12m04s" in said
        assert "1 tool, 1 text" in said
        assert "1 todo finished\n✓ Wire up auth middleware" in said
        assert "1 error\n✗ Bash make broken" in said
        await pilot.press("q")
        await settled(pilot)
        assert app.screen is app.watch_screen
        assert app.is_running


async def test_a_short_absence_shows_no_card(app_on, running_build) -> None:
    app, at = app_on(running_build.state), running_build.at
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        lost = LinkChanged(LinkStatus("retrying", attempt=1, lost_at=at))
        app.watch_screen.presenter.watching.say(lost, CaughtUp(at, at + 59_000, 0, "nothing missed"))
        await settled(pilot)
        assert app.screen is app.watch_screen


def test_a_card_on_a_small_screen_counts_what_does_not_fit() -> None:
    lines = [[("a", "")], [], [("b", "")], [("c", "")]]
    assert squeezed(lines, 4) == lines
    assert squeezed(lines, 3) == [[("a", "")], [("b", "")], [("c", "")]]
    assert [line_text(line) for line in squeezed(lines, 2)] == ["a", "and 2 more lines"]
    assert len(squeezed(lines, 1)) == 1


def test_the_card_of_another_build_and_of_hostile_words(running_build, story, hostile) -> None:
    other = story(build="b2", start=running_build.at)
    other.plan(1, (hostile, "x")).call(hostile, {"q": hostile}, hostile, 1, True)
    other.tell(BuildEnded("failed", error=hostile))
    gap = CaughtUp(running_build.at, running_build.at + 61_000, 9, "resynchronised")
    lines = [
        line_text(line)
        for line in absence_report(running_build.state, other.state, gap, RenderContext(lambda: other.at), 40)
    ]
    assert "a new build began" in lines
    assert "✗ the build ended: failed" in lines
    assert all(len(line) <= 40 for line in lines)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in "\u2028\u202e" for char in "".join(lines))


async def test_the_summary_comes_at_the_end_unless_the_reader_is_elsewhere(app_on, story) -> None:
    for keys, shown in (((), True), (("2", "g"), False)):
        build = story()
        for number in range(60):
            build.call("Bash", {"command": f"make {number}"})
        known = len(build.happened)
        app = app_on(build.state)
        async with app.run_test(size=(120, 36)) as pilot:
            await settled(pilot)
            await pilot.press(*keys)
            screen = app.watch_screen
            assert not screen.panes.inspector.display
            build.tell(BuildEnded("completed"))
            screen.presenter.watching.say(*build.happened[known:])
            await settled(pilot)
            await settled(pilot)
            assert screen.panes.inspector.display is shown
            assert screen.panes.stream.has_focus
            page = "\n".join(line_text(line) for line in screen.panes.inspector._lines)
            assert ("p95" in page and "60 tools" in page) is shown


def test_the_page_of_a_build_fits_a_narrow_pane(running_build) -> None:
    look = RenderContext(lambda: running_build.at)
    lines = summary_page(running_build.state, tally_of(running_build.state), look, 30)
    assert all(length(line) <= 30 for line in lines)
    assert (
        " ".join(line_text(line).strip() for line in lines[:2]) == "running · 4/8 todos · 2m04s · 23 tools · 2 errors"
    )
