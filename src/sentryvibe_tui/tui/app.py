"""The Textual applications around the screens, and the door that opens one build."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen

from ..agents.doing import summary_of
from ..client.watching import Watching
from ..model.attention import AttentionEvent, attention
from ..model.state import Millis
from ..report.exit_codes import INTERRUPTED, NO_LINK, of_build
from ..report.words import ASCII, UNICODE
from .actions import rebound, usable_keys
from .build.screen import BuildScreen
from .build.view import BuildView
from .context import RenderContext
from .display import DEFAULT_OPTIONS, DisplayOptions
from .garbage import Collector
from .hangup import STATUS, lasting, watch_terminal
from .internals import Picture, driver_of
from .notices import BELL, POP_TITLE, PUSH_TITLE, notice_sequence, notice_text, title_sequence, window_title
from .themes import AUTO, DARK, LIGHT, THEMES
from .widgets.rows_screen import RowsScreen

if TYPE_CHECKING:
    from ..client.join_link import Lender
    from .export.handover import Teller
    from .link_subject import LinkSubject

TOGETHER = 0.3
"""Seconds for which events are gathered before they ring."""

SIGNALS = ("SIGTERM", "SIGHUP", "SIGQUIT")


def now_millis() -> Millis:
    return time.time_ns() // 1_000_000


def _theme_of_terminal() -> str:
    from .terminal_background import background_of, is_light_background

    background = background_of(sys.__stdin__.fileno()) if sys.__stdin__ is not None and sys.__stdin__.isatty() else None
    return LIGHT.name if is_light_background(background, os.environ) else DARK.name


class TerminalApp(App[int]):
    """What every screen has: the looks, signals that end in order, a terminal that is left as it was found.

    `context` is how things are drawn; `lender` makes links to what they show, where there are any.
    """

    ENABLE_COMMAND_PALETTE = True
    TITLE = "sentryvibe-tui"
    PAUSE_GC_ON_SCROLL = True

    def __init__(
        self,
        options: DisplayOptions = DEFAULT_OPTIONS,
        now: Callable[[], Millis] = now_millis,
        lender: Lender | None = None,
    ) -> None:
        self._lender = lender
        self.encoding = options.encoding
        self.ascii_only = options.ascii_only or bool(options.encoding)
        super().__init__()
        self.notices, self._claims = options.notices, options.claims
        self._unattended: list[AttentionEvent] = []
        self.picture = Picture()
        self.collector: Collector | None = None
        self._window_title = ""
        self.is_lent = False
        """Whether another program has the terminal."""
        own_keys, self.wrong_keys = usable_keys(options.keys)
        if own_keys:
            self.set_keymap(own_keys)
        self.set_class(self.ascii_only, "-ascii")
        self.animation_level = "basic" if options.animation else "none"
        for own in THEMES:
            self.register_theme(own)
        self.set_reactive(App.theme, DARK.name)
        self.stylesheet.set_variables(self.get_css_variables())  # as set_reactive alone leaves them
        theme = _theme_of_terminal() if options.theme == AUTO else options.theme
        if theme != DARK.name and theme in self.available_themes:
            self.theme = theme
        self.context = RenderContext(now, ASCII if self.ascii_only else UNICODE, rebound(own_keys))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """`$frame` and `$edge`: how panes are framed, and parted where there is no room for frames."""
        return {"frame": "ascii", "edge": "ascii"} if self.ascii_only else {"frame": "round", "edge": "solid"}

    def get_line_filters(self) -> Sequence[LineFilter]:
        """None but for screens without colours: where colours are the theme's, no other name a terminal's own."""
        filters = super().get_line_filters()
        return filters if self.native_ansi_color or self.no_color else ()

    def _display(self, screen: Screen[Any], renderable: Any) -> None:  # pyright: ignore[reportUnknownMemberType]
        """Of a new picture only what differs is written (internals.Picture)."""
        super()._display(screen, self.picture.difference(renderable))  # pyright: ignore[reportUnknownMemberType]

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """What it does is on screen at once."""
        is_done = await super().run_action(action, default_namespace, namespaces)
        if is_done and isinstance(self.screen, RowsScreen):
            self.screen.hurry()
        return is_done

    def on_resize(self) -> None:
        self.picture.forget()

    def on_app_focus(self) -> None:
        """Whoever comes back finds what should be there, whatever else wrote to the terminal meanwhile."""
        self.picture.forget()
        self.screen.refresh()

    def get_driver_class(self) -> type[Driver]:
        return lasting(super().get_driver_class())

    def on_mount(self) -> None:
        self.app_suspend_signal.subscribe(self, self._lent, immediate=True)  # pyright: ignore[reportUnknownMemberType]
        self.app_resume_signal.subscribe(self, self._taken_back, immediate=True)  # pyright: ignore[reportUnknownMemberType]
        if not self.is_headless:
            self.collector = Collector()
            self.set_interval(1, self.collector.tick)
        loop = asyncio.get_running_loop()
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._handle(loop, number)
        if not self.is_headless and sys.__stdin__ is not None:
            leave = partial(self.exit, STATUS, return_code=STATUS)
            watch_terminal(sys.__stdin__.fileno(), lambda: loop.call_soon_threadsafe(leave))

    def _lent(self, _: object) -> None:
        """The terminal is for a pager, an editor or, with ctrl+z, the shell."""
        self.is_lent = True

    def _taken_back(self, _: object) -> None:
        """After that the terminal's screen is empty."""
        self.is_lent = False
        self.picture.forget()
        self.refresh(layout=True)

    def _handle(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """A signal ends the screen in order, so that the terminal is left as it was found."""
        try:
            loop.add_signal_handler(number, lambda: self.exit(128 + number, return_code=128 + number))
        except (NotImplementedError, RuntimeError, ValueError):
            return

    def entitle(self, title: str) -> None:
        """The window's title, if the reader wants one and it is another."""
        if self.notices.title and title != self._window_title:
            self.write(("" if self._window_title else PUSH_TITLE) + title_sequence(title))
            self._window_title = title

    def attend(self, events: Sequence[AttentionEvent]) -> None:
        """A bell and a notice of the desktop for what no other screen has told of; what comes together rings once."""
        is_due = bool(self._unattended)
        self._unattended += [event for event in events if self._claims is None or self._claims.take(event)]
        if self._unattended and not is_due:
            self.set_timer(TOGETHER, self._ring)

    def _ring(self) -> None:
        text, self._unattended = notice_text(self._unattended), []
        if text and self.notices.bell:
            self.write(BELL)
        if text and self.notices.desktop:
            self.write(notice_sequence(text, os.environ))

    def on_unmount(self) -> None:
        if self._window_title:
            self.write(POP_TITLE)

    def write(self, sequence: str) -> None:
        """To the terminal: past the picture, and also while another program has it."""
        if self.is_lent and sys.__stderr__ is not None:
            with suppress(OSError):
                sys.__stderr__.write(sequence)
                sys.__stderr__.flush()
        elif (driver := driver_of(self)) is not None:
            driver.write(sequence)

    def on_build_screen_leave(self, event: BuildScreen.Leave) -> None:
        if event.program:
            self.exit()
        else:
            event.screen.dismiss()

    def lend(self, subject: LinkSubject | None, screen: Teller) -> None:
        """Somebody is to see what `screen` is about."""
        from .screens.share import ShareScreen

        if self._lender is None:
            screen.tell("no links are lent from here", "warning")
        elif subject is not None:
            self.push_screen(ShareScreen(subject, self._lender, self.context))  # pyright: ignore[reportUnknownMemberType]

    def action_help_quit(self) -> None:
        """ctrl+c without a selection."""
        self.exit(INTERRUPTED)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        commands: Callable[[], Iterable[tuple[str, str, str]]] | None = getattr(screen, "commands", None)
        for title, help_text, action in commands() if commands is not None else ():
            yield SystemCommand(title, help_text, lambda action=action: self.run_action(action, screen))
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)


class WatchApp(TerminalApp):
    """One build on a terminal."""

    CSS_PATH = ["app.tcss", "build/screen.tcss"]  # a default screen's own CSS_PATH is not read by itself

    def __init__(
        self,
        watching: Watching,
        project: str = "",
        options: DisplayOptions = DEFAULT_OPTIONS,
        now: Callable[[], Millis] = now_millis,
        lender: Lender | None = None,
    ) -> None:
        super().__init__(options, now, lender)
        self.project = project
        self.watch_screen = BuildScreen(watching, project, self.context)

    def get_default_screen(self) -> Screen[None]:
        return self.watch_screen

    def on_build_screen_change(self, event: BuildScreen.Change) -> None:
        """The title keeps up; an end or a question rings."""
        before, now = event.before, event.now
        self.entitle(window_title(now, self.project, self.context.glyphs))
        if before.id == now.id and (before.status, before.requests) != (now.status, now.requests):
            notice = attention(summary_of(before), summary_of(now))
            self.attend([notice] if notice is not None else [])

    def action_share(self) -> None:
        self.lend(self.watch_screen.subject, self.watch_screen)

    def action_next_waiting(self) -> None:
        self.watch_screen.tell("only this build is shown here; `sentryvibe-tui` alone shows all agents")


def exit_status(view: BuildView) -> int:
    """How the newest build ended; else that there was no link; else that the reader left before the end."""
    if view.live.id and not view.live.is_active:
        return of_build(view.live.status)
    if view.link.phase in ("gave-up", "refused"):
        return NO_LINK
    return INTERRUPTED


async def show_build(
    watching: Watching, project: str = "", options: DisplayOptions = DEFAULT_OPTIONS, lender: Lender | None = None
) -> int:
    """Shows a watch full screen until the reader leaves. The exit status: report.exit_codes, or 128 + signal."""
    app = WatchApp(watching, project, options, lender=lender)
    result = await app.run_async()
    if app.return_code:
        return app.return_code
    _say_farewell(app.watch_screen)
    return exit_status(app.watch_screen.view) if result is None else result


def _say_farewell(screen: BuildScreen) -> None:
    """A few lines about the build stay in the terminal."""
    from .build.summary_page import farewell
    from .export.external import say

    with suppress(OSError):
        for line in farewell(screen.view.live, screen.context, get_terminal_size().columns):
            say(line)
