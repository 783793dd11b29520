"""The screen for a watch: what it looks like, and where logs go while it has the terminal."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from msgspec import Struct

from ..client.watching import Watching
from ..settings import Settings, log_file
from .output import tell

Command = TypeVar("Command", bound=Callable[..., Any])


class Looks(Struct, frozen=True):
    theme: str = ""
    ascii_only: bool = False


def look_options(command: Command) -> Command:
    """`--theme` and `--ascii`."""
    command = click.option("--ascii", "ascii_only", is_flag=True, help="Symbols that every font and locale has.")(
        command
    )
    return click.option("--theme", metavar="NAME", help="Colours of the screen; ctrl+p there lists them.")(command)


def looks(settings: Settings, theme: str | None, ascii_only: bool) -> Looks:
    """Flags win over the settings."""
    return Looks(theme or settings.theme, ascii_only or settings.ascii)


def has_terminal() -> bool:
    return os.isatty(0) and os.isatty(1)


async def show(watching: Watching, project: str, look: Looks, settings: Settings) -> int:
    """Full screen until the reader leaves; the exit status."""
    from ..tui.app import show as shown

    log_to_file(settings)
    return await shown(watching, project, theme=look.theme, ascii_only=look.ascii_only)


def log_to_file(settings: Settings) -> None:
    """Nothing is written to a terminal that a screen draws on."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    try:
        logging.basicConfig(filename=log_file(settings), level=logging.INFO, format=form, encoding="utf-8", force=True)
    except OSError as error:
        tell(f"no log file: {error}")
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
