"""Whatever the reader presses and the terminal does while anything happens, the screen goes on."""

import asyncio
import random
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus, Snapshot
from sentryvibe_tui.model.events import BuildStarted
from sentryvibe_tui.model.facts import BuildEnded, InputNeeded
from sentryvibe_tui.tui.actions import ACTIONS

LEAVING = {"q", "ctrl+z", "ctrl+p", "colon"}
KEYS = sorted({key for action in ACTIONS for key in action.keys.split(",")} - LEAVING)
WIDTHS = (1, 2, 3, 10, 40, 59, 60, 80, 99, 100, 130, 159, 160, 200, 300)
HEIGHTS = (1, 2, 3, 5, 8, 12, 24, 35, 36, 50, 100)
SCENES = ("running", "completed", "failed", "gap", "empty", "no-todos", "wide-characters", "many-todos", "codex")


async def settled(pilot):
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()
    return pilot.app.watch_screen


@pytest.mark.parametrize("keys", [("w",), ("T", "v"), ("pageup", "j", "G", "g", "ctrl+d")])
async def test_keys_where_no_row_is_left(app_on, story, keys) -> None:
    build = story().plan(0, ("a",))
    for number in range(3):
        build.call("Bash", {"command": f"make {number}"})
    async with app_on(build.state).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("2", "k", "f", *keys)
        await settled(pilot)
        assert len(screen.panes.stream.heights) == 0
        assert pilot.app.is_running


async def test_another_build_is_painted_before_a_key_can_ask_for_rows_of_the_one_before(app_on, story) -> None:
    long = story()
    for number in range(200):
        long.call("Bash", {"command": f"make {number}"})
    long.tell(BuildEnded("completed"))
    other = story(build="b2", start=long.at)
    other.call("Read", {"file_path": "a"})
    app = app_on(long.state)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("2", "f", "f")
        app.watch_screen.presenter.watching.say(Snapshot(other.state, "new-build"))
        while screen.view.state.id != "b2":  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert [screen.panes.stream.lines_of(row, 60) for row in range(len(screen.panes.stream.heights))]
        await pilot.press("pageup", "k", "w")
        assert app.is_running


async def test_a_page_down_at_the_end_of_an_inspector_that_grew_wider(app_on, story) -> None:
    build = story()
    build.call("Bash", {"command": "make"}, "word " * 800)
    app = app_on(build.state)
    async with app.run_test(size=(60, 12)) as pilot:
        screen = await settled(pilot)
        await pilot.press("2", "enter", "G")
        await pilot.resize_terminal(300, 50)
        await settled(pilot)
        await pilot.press("ctrl+d", "ctrl+u")
        assert app.is_running
        assert screen.panes.inspector.cursor < len(screen.panes.inspector.heights)


class Storm:
    """Keys, sizes and news at random, the same for the same seed."""

    def __init__(self, seed: int, app, stories) -> None:
        self._chance, self._app, self._stories = random.Random(seed), app, stories

    async def step(self, pilot) -> None:
        one = self._chance.random()
        if one < 0.6:
            await pilot.press(self._chance.choice(KEYS))
        elif one < 0.75:
            await pilot.resize_terminal(self._chance.choice(WIDTHS), self._chance.choice(HEIGHTS))
        else:
            self._app.watch_screen.presenter.watching.say(*self._news())
        if self._chance.random() < 0.3:
            self._app.watch_screen.flush()
        await pilot.pause()

    def _news(self):
        build, chance = self._chance.choice(self._stories), self._chance
        build.happened.clear()
        match chance.randrange(9):
            case 0:
                build.tell(BuildStarted())
            case 1:
                said = "out\n" * chance.randrange(50)
                took = chance.choice([None, 0.1, 3])
                build.call("Bash", {"command": "x" * chance.randrange(300)}, said, took, chance.random() < 0.5)
            case 2:
                build.text("text " * chance.randrange(400))
            case 3:
                count = chance.randrange(1, 7)
                build.plan(chance.randrange(count), tuple(f"todo {number}" for number in range(count)))
            case 4:
                build.tell(BuildEnded(chance.choice(["completed", "failed", "cancelled", "interrupted"]), "so", "why"))
            case 5:
                build.tell(InputNeeded("which?"))
            case 6:
                phase = chance.choice(["live", "retrying", "gave-up", "closed", "connecting", "waiting", "refused"])
                lost = chance.choice([None, build.at])
                return [LinkChanged(LinkStatus(phase, lost_at=lost, retry_at=build.at + 4_000))]
            case 7:
                return [CaughtUp(build.at - chance.choice([1_000, 90_000]), build.at, 5, "replayed")]
            case _:
                return [Snapshot(build.state, "resynchronised")]
        return build.happened


@pytest.mark.parametrize("seed", [0, 2, 3, 8, 11])
async def test_a_storm_of_keys_sizes_and_news(scene, story, running_build, monkeypatch, tmp_path, seed) -> None:
    @contextmanager
    def suspend(app):
        yield

    monkeypatch.setattr("textual.app.App.suspend", suspend)
    monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path))
    for name in ("PAGER", "EDITOR", "VISUAL"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setattr("builtins.input", lambda prompt: "")
    stories = []
    for number, build in enumerate([running_build, story(build="n", session="n")]):
        ident = f"other-{number}"
        build.about = replace(build.about, build_id=ident, session_id=ident)
        build.state = replace(build.state, id=ident, session_id=ident) if build.state.id else build.state
        stories.append(build)
    chance = random.Random(seed)
    app = scene(chance.choice(SCENES))
    app.watch_screen.presenter.watching.others = {"other-0": running_build.state}
    storm = Storm(seed, app, stories)
    async with app.run_test(size=(chance.choice(WIDTHS), chance.choice(HEIGHTS))) as pilot:
        for _ in range(60):
            await storm.step(pilot)
        assert app.is_running
