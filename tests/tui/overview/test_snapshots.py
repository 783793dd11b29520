"""How the overview looks, at the sizes that matter."""

import pytest
from tests.tui.overview.conftest import NOW, Script, fleet_of, many, row

from sentryvibe_tui.client.fleet import ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import LinkStatus
from sentryvibe_tui.tui.display import DisplayOptions
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.preferences import PreferencesFile

SIZES = ((40, 10), (60, 15), (80, 24), (120, 36), (200, 50))


def overview(tmp_path, rows=None, **looks) -> OverviewApp:
    fleet = rows if isinstance(rows, Script) else fleet_of(many() if rows is None else rows)
    return OverviewApp(fleet, PreferencesFile(tmp_path / "overview.json"), DisplayOptions(**looks), lambda: NOW)


def after(*keys: str):
    async def painted(pilot) -> None:
        await pilot.pause(0.1)
        await pilot.press(*keys)
        await pilot.pause()
        pilot.app.overview.flush()
        await pilot.pause()

    return painted


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_agents_of_every_state(snap_compare, tmp_path, size) -> None:
    assert snap_compare(overview(tmp_path), terminal_size=size, run_before=after())


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_question_with_its_answers(snap_compare, tmp_path, size) -> None:
    assert snap_compare(overview(tmp_path), terminal_size=size, run_before=after("j"))


LOOKS = {
    "ascii": {"ascii_only": True},
    "light": {"theme": "sentry-light"},
    "contrast": {"theme": "sentry-contrast"},
    "terminal": {"theme": "ansi-dark"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_looks(snap_compare, tmp_path, look) -> None:
    assert snap_compare(overview(tmp_path, **LOOKS[look]), terminal_size=(100, 30), run_before=after())


def test_two_servers_of_which_one_is_lost(snap_compare, tmp_path) -> None:
    far = [row("trainer", "working", 12_000, host="build-box", now="Bash python train.py"),
           row("shop-ci", "waiting-person", 90_000, host="build-box")]  # fmt: skip
    lost = ServerLink("http://build-box", "build-box", LinkStatus("retrying", attempt=2, retry_at=NOW + 4_000))
    fleet = fleet_of([*many()[:6], *far])
    fleet.told.put_nowait(lost)
    assert snap_compare(overview(tmp_path, fleet), terminal_size=(120, 30), run_before=after())


def test_nothing_there(snap_compare, tmp_path) -> None:
    here = "http://here"
    empty = Script(ServerLink(here, "this machine", LinkStatus("live")), ServerBuilds(here, ()))
    assert snap_compare(overview(tmp_path, empty), terminal_size=(80, 24), run_before=after())


def test_grouped_by_agent_with_a_pin_and_the_fold_open(snap_compare, tmp_path) -> None:
    keys = ("j", "j", "j", "space", "s", "s", "end", "enter", "home")
    assert snap_compare(overview(tmp_path), terminal_size=(120, 36), run_before=after(*keys))


def test_a_filter(snap_compare, tmp_path) -> None:
    keys = ("slash", *"codex")
    assert snap_compare(overview(tmp_path), terminal_size=(80, 24), run_before=after(*keys))
