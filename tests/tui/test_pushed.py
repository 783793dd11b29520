"""The build screen on top of another: it watches for as long as it is there, and escape leads back."""

import asyncio
from collections.abc import AsyncIterator

from textual.app import App
from textual.screen import Screen

from sentryvibe_tui.client.watching import Snapshot, WatchEvent
from sentryvibe_tui.tui.app import WatchApp
from sentryvibe_tui.tui.build.screen import BuildScreen
from sentryvibe_tui.tui.context import RenderContext


class Watch:
    """A watch that says when it is closed."""

    def __init__(self, state) -> None:
        self.state, self.log = state, []

    async def events(self) -> AsyncIterator[WatchEvent]:
        self.log.append("open")
        try:
            yield Snapshot(self.state, "hydrated")
            await asyncio.Event().wait()
        finally:
            self.log.append("closed")


class Below(App[int]):
    """An app of which the build is not the only screen."""

    ascii_only = False
    on_build_screen_leave = WatchApp.on_build_screen_leave
    get_theme_variable_defaults = WatchApp.get_theme_variable_defaults


def pushed(story, watch) -> BuildScreen:
    return BuildScreen(watch, "todo-app", RenderContext(lambda: story.at + 31_000))


async def until(pilot, condition) -> None:
    while not condition():
        await pilot.pause(0.01)


async def test_it_watches_while_it_is_there_and_escape_leads_back(running_build) -> None:
    watch = Watch(running_build.state)
    app = Below()
    async with app.run_test(size=(120, 36)) as pilot:
        below = app.screen
        await app.push_screen(pushed(running_build, watch))
        await until(pilot, lambda: len(app.screen.panes.stream.heights) > 0)
        assert watch.log == ["open"]
        await pilot.press("3")
        assert app.focused.id == "inspector"
        await pilot.press("escape")
        assert isinstance(app.screen, BuildScreen), "out of the pane first"
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is below)
        await until(pilot, lambda: watch.log == ["open", "closed"])


async def test_two_of_them_one_after_the_other(running_build, story) -> None:
    other = story(build="b2", session="s2")
    other.call("Bash", {"command": "make other"})
    app = Below()
    async with app.run_test(size=(120, 36)) as pilot:
        for build in (running_build, other):
            watch = Watch(build.state)
            await app.push_screen(pushed(build, watch))
            await until(pilot, lambda build=build: app.screen.view.state.id == build.state.id)
            assert app.screen.panes.body.region.height > 10, "its styles came along"
            await pilot.press("escape", "escape")
            await until(pilot, lambda watch=watch: watch.log == ["open", "closed"])
            assert type(app.screen) is Screen


async def test_q_leaves_the_program(running_build) -> None:
    app = Below()
    async with app.run_test(size=(120, 36)) as pilot:
        await app.push_screen(pushed(running_build, Watch(running_build.state)))
        await pilot.pause(0.05)
        await pilot.press("q")
        await pilot.pause(0.05)
        assert app._exit
