"""The screen for a watch: what it looks like, and where logs go while it has the terminal."""

from __future__ import annotations

import codecs
import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click
from msgspec.structs import replace

from ..client.fleet import Fleet
from ..client.watching import Watching
from ..settings import Settings, data_dir, log_file
from ..tui.display import DisplayOptions
from ..tui.notices import Notices
from .completing import themes
from .imports import uncollected
from .options import UsageProblem
from .output import any_text, tell

if TYPE_CHECKING:
    from ..client.join_link import Lender

_Command = TypeVar("_Command", bound=Callable[..., Any])


def look_options(command: _Command) -> _Command:
    """`--theme`, `--ascii` and `--no-animation`; the command gets them as `flags`; what is not said is as in none."""

    @wraps(command)
    def flagged(*args: Any, theme: str | None, ascii_only: bool, no_animation: bool, **options: Any) -> Any:
        return command(*args, flags=DisplayOptions(theme or "", ascii_only, not no_animation), **options)

    for option in (
        click.option("--no-animation", is_flag=True, help="Nothing glides; clocks still tick."),
        click.option("--ascii", "ascii_only", is_flag=True, help="Symbols that every font and locale has."),
        click.option(
            "--theme",
            metavar="NAME",
            shell_complete=themes,
            help="Colours of the screen; an unknown name lists them.",
        ),
    ):
        flagged = option(flagged)
    return flagged  # type: ignore[return-value]


def display_options(settings: Settings, flags: DisplayOptions) -> DisplayOptions:
    """Flags win over the settings. An unknown theme is refused in a flag, and told where it is a setting."""
    if flags.theme and (problem := wrong_theme(flags.theme)):
        raise UsageProblem(f"--theme: {problem}")
    for problem in wrong_looks(settings) if not flags.theme else wrong_keys(settings):
        tell(problem)
    return DisplayOptions(
        flags.theme or settings.theme,
        flags.ascii_only or settings.ascii,
        settings.animation and flags.animation,
        settings.keys,
        Notices(settings.window_title, settings.bell, settings.desktop_notices),
        encoding=other_encoding(sys.__stderr__),
    )


def other_encoding(stream: TextIO | None) -> str:
    """That of the locale, by which a screen writes, where it is not UTF-8."""
    name = getattr(stream, "encoding", None) or "utf-8"
    return "" if codecs.lookup(name).name == "utf-8" else name


def tell_wrong_theme(flags: DisplayOptions) -> None:
    """Lines have no theme; a name that is none is told all the same."""
    if flags.theme and (problem := wrong_theme(flags.theme)):
        tell(f"--theme: {problem}")


def wrong_looks(settings: Settings) -> list[str]:
    """What is wrong with the theme and the keys that are set, in sentences for a person."""
    problem = wrong_theme(settings.theme)
    return [*([f"theme: {problem}"] if problem else []), *wrong_keys(settings)]


def wrong_theme(name: str) -> str:
    if not name:
        return ""
    from ..tui.themes import theme_names

    known = theme_names()
    return "" if name in known else f"there is no theme {name!r}; there are {', '.join(known)}"


def wrong_keys(settings: Settings) -> list[str]:
    if not settings.keys:
        return []
    from ..tui.actions import usable_keys

    return usable_keys(settings.keys)[1]


def has_terminal() -> bool:
    """Whether a screen can be drawn: a dumb terminal (an editor's shell) takes lines only."""
    return os.isatty(0) and os.isatty(1) and os.environ.get("TERM") != "dumb"


async def show(watching: Watching, project: str, options: DisplayOptions, settings: Settings) -> int:
    """Full screen until the reader leaves; the exit status."""
    with uncollected():
        from ..notify import Claims
        from ..tui.app import show_build

    any_text()
    log_to_file(settings)
    return await show_build(watching, project, replace(options, claims=Claims("screen")), _lender(settings))


async def show_agents(fleet: Fleet, options: DisplayOptions, settings: Settings) -> int:
    """The overview, full screen, until the reader leaves; the exit status."""
    with uncollected():
        from ..folders import state_folder
        from ..notify import Claims
        from ..tui.overview.app import OverviewApp
        from ..tui.overview.preferences import PreferencesFile

    any_text()
    log_to_file(settings)
    app = OverviewApp(
        fleet,
        PreferencesFile(state_folder() / "overview.json"),
        replace(options, claims=Claims("screen")),
        lender=_lender(settings),
    )
    result = await app.run_async()
    return app.return_code or result or 0


def _lender(settings: Settings) -> Lender:
    """What makes links to servers of this user."""
    from ..client.join_link import Lender
    from ..tui.app import now_millis

    return Lender(data_dir(settings), now_millis)


def log_to_file(settings: Settings) -> None:
    """Nothing is written to a terminal that a screen draws on."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    try:
        logging.basicConfig(filename=log_file(settings), level=logging.INFO, format=form, encoding="utf-8", force=True)
    except OSError as error:
        tell(f"no log file: {error}")
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each event that is published
