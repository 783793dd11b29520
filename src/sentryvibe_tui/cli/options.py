"""What several commands share: their options, the settings, and which server is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from msgspec import Struct

from .. import runtime
from ..report import exit_codes
from ..settings import Loaded, load
from .output import tell

ORIGINAL = "http://127.0.0.1:3000"
"""Where the original SentryVibe listens."""

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_CODES = "Exit codes: " + "; ".join(f"{code} {what}" for code, what in exit_codes.EXPLAINED) + "."


def server_option(command: Command) -> Command:
    return click.option(
        "--server",
        metavar="URL",
        help="Server to use. Default: SENTRYVIBE_SERVER, the config file, a server running on this machine, "
        f"then {ORIGINAL}.",
    )(command)


class NoLink(click.ClickException):
    """No server, or none that answers."""

    exit_code = exit_codes.NO_LINK

    def show(self, file: Any = None) -> None:
        tell(self.message)


class Refused(click.ClickException):
    """The command cannot be done as it was asked for."""

    exit_code = exit_codes.USAGE

    def show(self, file: Any = None) -> None:
        tell(self.message)


class Server(Struct, frozen=True):
    """A server's address and where it was found. `certain`: named by the user, or known to run."""

    url: str
    source: str
    certain: bool

    @property
    def is_local(self) -> bool:
        return (urlsplit(self.url).hostname or "") in ("127.0.0.1", "::1", "localhost")

    @property
    def hint(self) -> str:
        """What to do when it does not answer."""
        start = "start one with `sentryvibe-tui serve`"
        return f"{start}, or name one with --server" if not self.certain else f"it is named by {self.source}; {start}?"


def find_server(flag: str | None) -> Server:
    """Flag, environment, config file, a running local server, the original's address: the first that says something."""
    loaded = settings()
    if flag:
        return Server(_url(flag, "--server"), "--server", True)
    if loaded.settings.server:
        source = loaded.sources["server"]
        return Server(_url(loaded.settings.server, source), source, True)
    running = runtime.find_local_server()
    if running:
        return Server(running, "the server running here", True)
    return Server(ORIGINAL, "default", False)


def settings() -> Loaded:
    """The settings; what is wrong with them is told on stderr."""
    loaded = load()
    for problem in loaded.problems:
        tell(problem)
    return loaded


def _url(text: str, source: str) -> str:
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise Refused(f"{source}: {text!r} is no http:// or https:// address")
    return text.rstrip("/")
