"""How the watch screen looks, at the sizes that matter."""

import pytest

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus

SIZES = ((80, 24), (120, 36), (200, 50))
SCENES = (
    "running",
    "completed",
    "failed",
    "gap",
    "gave-up",
    "asking",
    "background",
    "rate-limit",
    "idle",
    "empty",
    "no-todos",
    "wide-characters",
    "hostile",
    "many-todos",
    "codex",
)


async def _painted(pilot) -> None:
    await pilot.pause(0.05)
    pilot.app.watch_screen.flush()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
def test_scene(snap_compare, scene, name, size) -> None:
    assert snap_compare(scene(name), terminal_size=size, run_before=_painted)


LOOKS = {
    "ascii": {"ascii_only": True},
    "light": {"theme": "sentry-light"},
    "contrast": {"theme": "sentry-contrast"},
    "terminal": {"theme": "ansi-dark"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_looks(snap_compare, scene, look) -> None:
    assert snap_compare(scene("running", **LOOKS[look]), terminal_size=(120, 36), run_before=_painted)


@pytest.mark.parametrize("theme", ["sentry", "sentry-contrast", "ansi-dark"])
def test_without_colours(snap_compare, scene, monkeypatch, theme) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(scene("running", theme=theme), terminal_size=(120, 36), run_before=_painted)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_inspector(snap_compare, scene, size) -> None:
    async def opened(pilot) -> None:
        await _painted(pilot)
        await pilot.press("E", "enter")
        await _painted(pilot)

    assert snap_compare(scene("running"), terminal_size=size, run_before=opened)


def test_help(snap_compare, scene) -> None:
    async def opened(pilot) -> None:
        await _painted(pilot)
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(scene("running"), terminal_size=(120, 50), run_before=opened)


@pytest.mark.parametrize("keys", [("2", "g", "c"), ("v", "w", "T", "M")], ids=["copy-menu", "verbose-wrapped"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_after_keys(snap_compare, scene, size, keys) -> None:
    async def pressed(pilot) -> None:
        await _painted(pilot)
        await pilot.press(*keys)
        await _painted(pilot)

    assert snap_compare(scene("running"), terminal_size=size, run_before=pressed)


@pytest.mark.parametrize("size", [(60, 12), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_card_after_an_absence(snap_compare, scene, running_build, size) -> None:
    async def away(pilot) -> None:
        await _painted(pilot)
        at, known = running_build.at, len(running_build.happened)
        running_build.call("Bash", {"command": "make broken"}, "Exit code 2", 3, True)
        running_build.text("almost there").plan(6)
        say = pilot.app.watch_screen.presenter.watching.say
        say(LinkChanged(LinkStatus("retrying", attempt=1, lost_at=at)))
        say(*running_build.happened[known:], CaughtUp(at, at + 724_000, 5, "replayed"))
        say(LinkChanged(LinkStatus("live", rtt_ms=38.0)))
        await _painted(pilot)

    assert snap_compare(scene("running"), terminal_size=size, run_before=away)
