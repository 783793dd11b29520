"""The Textual application around the watch screen, and the doors that open it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable

from textual.app import App, SystemCommand
from textual.screen import Screen

from ..client.watching import Watching
from ..model.state import Millis
from ..report.exit_codes import INTERRUPTED, NO_LINK, of_build
from ..report.words import ASCII, UNICODE
from .look import Look
from .screens.watch import WatchScreen
from .themes import DARK, THEMES
from .view import View

SIGNALS = ("SIGTERM", "SIGHUP")


def now_millis() -> Millis:
    return time.time_ns() // 1_000_000


class WatchApp(App[int]):
    """One watch on a terminal."""

    CSS_PATH = ["widgets/painted.tcss", "screens/watch.tcss"]
    ENABLE_COMMAND_PALETTE = True
    TITLE = "sentryvibe-tui"
    PAUSE_GC_ON_SCROLL = True

    def __init__(
        self,
        watching: Watching,
        project: str = "",
        *,
        theme: str = "",
        ascii_only: bool = False,
        now: Callable[[], Millis] = now_millis,
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme if theme in self.available_themes else DARK.name
        self.watch_screen = WatchScreen(watching, project, Look(now, ASCII if ascii_only else UNICODE))

    def get_default_screen(self) -> Screen[None]:
        return self.watch_screen

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._handle(loop, number)

    def _handle(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """A signal ends the screen in order, so that the terminal is left as it was found."""
        try:
            loop.add_signal_handler(number, lambda: self.exit(128 + number, return_code=128 + number))
        except (NotImplementedError, RuntimeError, ValueError):
            return

    def on_watch_screen_left(self) -> None:
        self.exit()

    def on_watch_screen_copied(self, event: WatchScreen.Copied) -> None:
        """Over OSC 52, also through tmux and screen; a text too long for that into a file, whose name is told."""
        from .clipboard import osc52, to_file

        sequence = osc52(event.text, os.environ)
        if sequence is not None and self._driver is not None:
            self._driver.write(sequence)
            self.watch_screen.copied(event.text)
        else:
            self.watch_screen.copied(event.text, str(to_file(event.text)))

    def action_help_quit(self) -> None:
        """ctrl+c without a selection."""
        self.exit(INTERRUPTED)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        if isinstance(screen, WatchScreen):
            for title, help_text, action in screen.commands():
                yield SystemCommand(title, help_text, lambda action=action: self.run_action(action, screen))
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)


def exit_code(view: View) -> int:
    """How the newest build ended; else that there was no link; else that the reader left before the end."""
    if view.live.id and not view.live.is_active:
        return of_build(view.live.status)
    if view.link.phase in ("gave-up", "refused"):
        return NO_LINK
    return INTERRUPTED


async def show(
    watching: Watching,
    project: str = "",
    *,
    theme: str = "",
    ascii_only: bool = False,
) -> int:
    """Shows a watch full screen until the reader leaves. The exit status: report.exit_codes, or 128 + signal."""
    app = WatchApp(watching, project, theme=theme, ascii_only=ascii_only)
    result = await app.run_async()
    if app.return_code:
        return app.return_code
    return exit_code(app.watch_screen.view) if result is None else result


def run_screen(watching: Watching, project: str = "", *, theme: str = "", ascii_only: bool = False) -> int:
    """`show` in an event loop of its own."""
    return asyncio.run(show(watching, project, theme=theme, ascii_only=ascii_only))
