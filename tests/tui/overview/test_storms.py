"""Keys, sizes, clicks and news at random, the same for the same seed: the overview stays whole."""

import gc
import random
import warnings

import pytest
from msgspec.structs import replace
from tests.tui.overview.conftest import HOUR, NOW, SECOND, fleet_of, many, row

from sentryvibe_tui.client.fleet import BuildChanges, ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import LinkStatus
from sentryvibe_tui.tui.actions import ACTIONS, offered
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.arrangement import Heading
from sentryvibe_tui.tui.overview.preferences import PreferencesFile
from sentryvibe_tui.tui.overview.triage import RowKey

LEAVING = {"q", "ctrl+z", "o", "g", "ctrl+p", "colon"}
"""Textual's palette itself fails where it has no rows."""
KEYS = sorted({key for action in offered(ACTIONS, "overview") for key in action.keys.split(",")} - LEAVING)
KINDS = ("working", "waiting-person", "waiting-machine", "idle", "ended")


class Storm:
    def __init__(self, seed: int, app: OverviewApp, clock: list[int]) -> None:
        self._chance, self._app, self._clock = random.Random(seed), app, clock

    def _row(self):
        name = f"app-{self._chance.randrange(30)}"
        host = self._chance.choice(["", "box"])
        return row(name, self._chance.choice(KINDS), self._chance.randrange(2 * HOUR), host=host,
                   status=self._chance.choice(["active", "completed", "failed"]),
                   ended_at=self._chance.choice([None, NOW]))  # fmt: skip

    async def step(self, pilot) -> None:
        one = self._chance.random()
        screen = self._app.overview
        if one < 0.5:
            await pilot.press(self._chance.choice([*KEYS, "a", "enter", "backspace"]))
        elif one < 0.6:
            await pilot.resize_terminal(self._chance.randrange(1, 210), self._chance.randrange(1, 55))
        elif one < 0.9:
            some = self._row()
            screen.take(BuildChanges(some.server, (some.build,), (self._row().build.key,)))
        elif one < 0.95:
            rows = [self._row() for _ in range(self._chance.randrange(40))]
            unique = {one.build.key: replace(one.build, host="") for one in rows}
            screen.take(ServerBuilds("http://here", tuple(unique.values())))
        else:
            phase = self._chance.choice(["live", "retrying", "gave-up"])
            screen.take(ServerLink("http://box", "box", LinkStatus(phase)))
        self._clock[0] += self._chance.randrange(3 * SECOND)
        if self._chance.random() < 0.5:
            screen.tick()
            await pilot.pause()


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_breaks_and_every_row_has_its_place(tmp_path, seed):
    clock = [NOW]
    fleet = fleet_of(many())
    app = OverviewApp(fleet, PreferencesFile(tmp_path / "o.json"), now=lambda: clock[0])
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.1)
        storm = Storm(seed, app, clock)
        for _ in range(60):
            await storm.step(pilot)
        await pilot.resize_terminal(100, 30)
        while len(app.screen_stack) > 1:
            app.pop_screen()
            await pilot.pause()
        clock[0] += 5 * SECOND
        app.overview.tick()
        await pilot.pause()
        screen = app.overview
        assert app.is_running
        keys = [slot for slot in screen.roster.slots if isinstance(slot, RowKey)]
        assert len(keys) == len(set(keys))
        assert set(keys) <= set(screen.roster.visible)
        assert screen.agents._slots == screen.roster.slots
        assert len(screen.agents.heights) == len(screen.roster.slots)
        assert not screen.roster.slots or not isinstance(screen.agents.slot, Heading)


async def test_a_row_that_the_cursor_only_passes_is_not_read(tmp_path):
    fleet = fleet_of(many())
    app = OverviewApp(fleet, PreferencesFile(tmp_path / "o.json"), now=lambda: NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.1)
        pane, entries = app.overview.details, list(app.overview.roster.visible.values())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for entry in entries[:3]:
                pane.show(entry)
            await pilot.pause()
            gc.collect()
    assert [str(one.message) for one in caught] == []
