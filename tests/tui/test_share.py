"""`S`: a link is chosen, made, shown and copied, or it is said why there can be none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sentryvibe_tui.client.join_link import CannotLend, JoinLink, Lender, LinkTerms
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.preferences import PreferencesFile
from sentryvibe_tui.tui.screens.share import HOUR, ShareScreen
from sentryvibe_tui.wire.address import Address, parse_address

from .conftest import HOSTILE, START, Story, told_build, watch_app
from .overview.conftest import NOW, fleet_of, many

URL = "http://192.0.2.7:4777"
SECRET = "svt_0123456789ab.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
COMMAND = "sentryvibe-tui token revoke share-a1b2c3"
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")


class FixedLender(Lender):
    """Makes one and the same link, and remembers for what."""

    def __init__(self) -> None:
        super().__init__(Path(), lambda: START)
        self.lent: list[LinkTerms] = []
        self.failure = ""

    async def lend(self, server: Address, terms: LinkTerms, url: str) -> JoinLink:
        self.lent.append(terms)
        if self.failure:
            raise CannotLend(self.failure)
        line = f"SENTRYVIBE_TOKEN={SECRET} sentryvibe-tui watch {terms.project_id} --server {url}"
        return JoinLink("share-a1b2c3", line, START + terms.length, COMMAND)


class SilentLender(FixedLender):
    """Its server never answers."""

    async def lend(self, server: Address, terms: LinkTerms, url: str) -> JoinLink:
        await asyncio.Event().wait()
        return await super().lend(server, terms, url)


@pytest.fixture(autouse=True)
def no_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("STY", raising=False)


def _app(state: BuildState, lender: Lender | None, server: Address | None, **looks):
    app = watch_app(state, lender=lender, **looks)
    app.watch_screen._watching.server = server
    return app


def _served(state: BuildState, **looks):
    return _app(state, FixedLender(), parse_address(URL, "secret", "/data"), **looks)


async def _quiet(pilot) -> None:
    """What was started is done, and painted."""
    await pilot.pause()
    while work := [worker for worker in pilot.app.workers if worker.group in ("share", "export")]:
        await pilot.app.workers.wait_for_complete(work)
        await pilot.pause()


async def _opened(pilot, *keys: str) -> ShareScreen:
    await pilot.pause(0.05)
    pilot.app.screen.flush()
    await pilot.press("S")
    await _quiet(pilot)
    for key in keys:
        await pilot.press(key)
        await _quiet(pilot)
    return pilot.app.screen


def _text(app) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_enter_lends_the_build_for_an_hour_and_copies_the_line(running_build: Story, monkeypatch) -> None:
    app, written = _served(running_build.state), []
    async with app.run_test(size=(120, 36)) as pilot:
        monkeypatch.setattr(app, "write", written.append)
        await _opened(pilot)
        assert "this build" in _text(app)
        assert SECRET not in _text(app)
        await pilot.press("enter")
        await _quiet(pilot)
        assert app._lender.lent == [LinkTerms("todo-app", HOUR, "s1", "b1")]
        shown = _text(app)
        assert COMMAND in shown
        assert "It ends in 1h, at 2025-11-22 13:01" in shown
        assert "sent to the terminal's clipboard" in shown
        assert len(written) == 1
        await pilot.press("y")
        await _quiet(pilot)
        assert written[1:] == written[:1]
        await pilot.press("enter", "p", "right")
        await _quiet(pilot)
        assert len(app._lender.lent) == 1
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ShareScreen)
        app.watch_screen.flush()
        assert SECRET not in _text(app)


async def test_esc_leaves_while_the_server_does_not_answer(running_build: Story) -> None:
    app = _app(running_build.state, SilentLender(), parse_address(URL, "secret", "/data"))
    async with app.run_test(size=(120, 36)) as pilot:
        await _opened(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert "making it" in _text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ShareScreen)


async def test_the_project_and_another_time_can_be_chosen(running_build: Story) -> None:
    app = _served(running_build.state)
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot, "p", "right", "right", "right", "right", "left", "enter")
        assert app._lender.lent == [LinkTerms("todo-app", 24 * HOUR)]


async def test_what_is_lent_is_the_build_that_is_shown(running_build: Story) -> None:
    older = Story("b0", "s0")
    older.text("before")
    app = _served(running_build.state)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.05)
        app.watch_screen.view.show(older.state)
        await _opened(pilot, "enter")
        assert app._lender.lent == [LinkTerms("todo-app", HOUR, "s0", "b0")]


REFUSALS = {
    "read from files": (None, "no server has this build"),
    "only this machine": (parse_address("http://127.0.0.1:4777", "secret", "/data"), "serve --host 0.0.0.0"),
    "a socket": (parse_address("unix:/run/builds.sock", "secret", "/data"), "serve --host 0.0.0.0"),
    "for everybody": (parse_address(URL, "", "/data"), "lets everybody in"),
    "another machine": (parse_address("http://127.0.0.1:9", "secret"), "where it runs"),
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_where_no_link_can_be_made_the_reader_is_told_why_and_nothing_is_made(
    running_build: Story, tmp_path: Path, why: str
) -> None:
    server, words = REFUSALS[why]
    app = _app(running_build.state, Lender(tmp_path, lambda: START), server)
    async with app.run_test(size=(120, 36)) as pilot:
        await _opened(pilot, "enter", "y")
        assert words in " ".join(_text(app).split())
        assert NamedTokens(tmp_path / TOKENS).records() == ()
        await pilot.press("q")
        await pilot.pause()
        assert not isinstance(app.screen, ShareScreen)


async def test_a_link_that_could_not_be_made_is_a_sentence(running_build: Story) -> None:
    app = _served(running_build.state)
    app._lender.failure = f"the tokens cannot be read: {HOSTILE}"
    async with app.run_test(size=(120, 36)) as pilot:
        await _opened(pilot, "enter")
        assert "the tokens cannot be read" in _text(app)
        assert "\x1b" not in _text(app)


async def test_before_there_is_a_build_there_is_nothing_to_share() -> None:
    app = _served(BuildState())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await _opened(pilot)
        assert not isinstance(screen, ShareScreen)
        assert "there is no build yet" in _text(app)


async def test_a_screen_of_another_program_lends_nothing(running_build: Story) -> None:
    app = _app(running_build.state, None, None)
    async with app.run_test(size=(80, 24)) as pilot:
        assert not isinstance(await _opened(pilot), ShareScreen)
        assert "no links are lent from here" in _text(app)


async def test_the_overview_lends_the_build_under_the_cursor(tmp_path: Path) -> None:
    fleet = fleet_of(many())
    fleet.addresses = {many()[0].server: parse_address(URL, "secret", "/data")}
    lender = FixedLender()
    app = OverviewApp(fleet, PreferencesFile(tmp_path / "o.json"), DisplayOptions(), lambda: NOW, lender)
    async with app.run_test(size=(120, 36)) as pilot:
        await _opened(pilot, "enter")
        assert lender.lent == [LinkTerms("p-shop", HOUR, "s-shop", "b-shop")]


async def test_an_overview_without_agents_has_nothing_to_share(tmp_path: Path) -> None:
    app = OverviewApp(fleet_of([]), PreferencesFile(tmp_path / "o.json"), DisplayOptions(), lambda: NOW, FixedLender())
    async with app.run_test(size=(80, 24)) as pilot:
        assert not isinstance(await _opened(pilot), ShareScreen)
        assert "no agent under the cursor" in _text(app)


@SIZES
@pytest.mark.parametrize("keys", [(), ("p", "right"), ("enter",)], ids=["choice", "project", "made"])
def test_share_screen(snap_compare, size, keys) -> None:
    async def pressed(pilot) -> None:
        await _opened(pilot, *keys)

    assert snap_compare(_served(told_build().state), terminal_size=size, run_before=pressed)


@SIZES
def test_share_refused(snap_compare, size) -> None:
    async def pressed(pilot) -> None:
        await _opened(pilot)

    server = parse_address("http://127.0.0.1:4777", "secret", "/data")
    app = _app(told_build().state, Lender(Path(), lambda: START), server)
    assert snap_compare(app, terminal_size=size, run_before=pressed)


def test_share_in_ascii(snap_compare) -> None:
    async def pressed(pilot) -> None:
        await _opened(pilot)

    assert snap_compare(_served(told_build().state, ascii_only=True), terminal_size=(80, 24), run_before=pressed)
