"""`W`: who watches, asked again while the list is open."""

from __future__ import annotations

from sentryvibe_tui.client.watchers import ServerWatchers, WatcherRow
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.tui.screens.watchers import WatchersScreen, watcher_lines

from .conftest import HOSTILE, START, Story, watch_app

ROW = WatcherRow("anna", "10.0.0.7:51234", "ws", 2, START, "shop", "s", "b1", 3, 2048, 1, 40, 1_500_000)


def test_a_link_is_a_line_and_a_server_that_does_not_tell_says_so() -> None:
    servers = [
        ServerWatchers("http://a:4777 on box", (ROW, WatcherRow("bot", "", "sse", 1, START))),
        ServerWatchers("http://old:3000", trouble="this server does not tell who watches"),
    ]
    lines = [line_text(line) for line in watcher_lines(servers, START + 90_000)]
    assert lines[0] == "http://a:4777 on box  2 links"
    assert lines[1].split() == ["who", "from", "watches", "way", "since", "behind", "waiting", "states", "sent"]
    cells = "anna 10.0.0.7:51234 shop/b1 ws 1m ago 3 2.0 KiB 1 1.4 MiB"
    assert " ".join(lines[2].split()) == cells
    assert lines[3].split()[:4] == ["bot", "all", "builds", "sse"]
    assert lines[-1].strip() == "this server does not tell who watches"


async def _read(screen: WatchersScreen) -> None:
    """One more look, at once."""
    await screen._read()


async def test_the_list_opens_is_read_again_and_closes(running_build: Story) -> None:
    app = watch_app(running_build.state)
    script = app.watch_screen._watching
    script.audience = (ServerWatchers("http://a:4777", (ROW,)),)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        await pilot.press("W")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, WatchersScreen)
        await _read(screen)
        assert "anna" in line_text(screen.listing._lines[2])
        script.audience = (ServerWatchers("http://a:4777", (WatcherRow(name=HOSTILE),)),)
        await _read(screen)
        assert "anna" not in line_text(screen.listing._lines[2])
        assert "\x1b" not in line_text(screen.listing._lines[2])
        await pilot.press("escape")
        assert not isinstance(app.screen, WatchersScreen)
