"""What several commands share: their options, the settings, and which server is meant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from .. import runtime
from ..errors import BadAddress, OddAnswer, SentryVibeError
from ..folders import user_path
from ..model.text import clean_line
from ..report import exit_codes
from ..settings import Loaded, Settings, load
from ..wire.address import Address, parse_address
from ..wire.local import local_address, with_local_token
from .output import tell

if TYPE_CHECKING:
    from ..agents.redact import Redactor
    from ..errors import NoAnswer

_LOCAL = "running here"
_TOKEN, _CA = f"{__name__}.token", f"{__name__}.ca"

ORIGINAL = "http://127.0.0.1:3000"
"""Where the original SentryVibe listens."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

EXIT_CODES = "Exit codes: " + "; ".join(f"{code} {what}" for code, what in exit_codes.EXPLAINED) + "."


def data_option(words: str) -> Callable[[_Command], _Command]:
    """`--data`, with `words` for help."""
    return click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help=words)


def server_option(command: _Command) -> _Command:
    """`--server` and `--token`; `find_server` knows the token by itself."""
    return _server_option(command, "Server to use.", multiple=False)


def servers_option(command: _Command) -> _Command:
    """The same, of which several may be named: the command gets them as a tuple."""
    return _server_option(command, "Server to use; several times to show the agents of several.", multiple=True)


def _server_option(command: _Command, what: str, *, multiple: bool) -> _Command:
    token = click.option(
        "--token",
        metavar="TOKEN",
        expose_value=False,
        callback=_keep_token,
        help="What the server asks for. Others see a command line: SENTRYVIBE_TOKEN or the config file keep it to you.",
    )
    server = click.option(
        "--server",
        metavar="URL",
        multiple=multiple,
        help=f"{what} Default: SENTRYVIBE_SERVER, the config file, a server running on this machine, then {ORIGINAL}.",
    )
    authorities = click.option(
        "--ca",
        metavar="FILE",
        expose_value=False,
        callback=_keep_authorities,
        help="Certificates that vouch for an https server, beside the system's.",
    )
    return server(token(authorities(command)))


def _keep_token(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta[_TOKEN] = value or ""


def _keep_authorities(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta[_CA] = value or ""


def _authorities() -> str:
    """The file of the command line, the environment or the config file."""
    ctx = click.get_current_context(silent=True)
    flag: str = ctx.meta.get(_CA, "") if ctx is not None else ""
    file = flag or settings().settings.ca
    return str(user_path(file)) if file else ""


def _token() -> str:
    """Of the command line, the environment or the config file."""
    ctx = click.get_current_context(silent=True)
    flag: str = ctx.meta.get(_TOKEN, "") if ctx is not None else ""
    return flag or settings().settings.token


class NoLink(SentryVibeError, click.ClickException):
    """No server, or none that answers."""

    exit_code = exit_codes.NO_LINK


class UsageProblem(SentryVibeError, click.ClickException):
    """The command cannot be done as it was asked for."""

    exit_code = exit_codes.USAGE


class Server(Struct, frozen=True):
    """A server's address and where it was found. `certain`: named by the user, or known to run."""

    address: Address
    source: str
    certain: bool = True

    def unlinked(self, error: NoAnswer) -> NoLink:
        """Why nothing was learned from it: it does not answer, wants a token, or answers not as a server of builds."""
        if error.status in (401, 403):
            return NoLink(self.refusal(str(error)))
        odd = f"{self.address.base} ({self.source}) does not answer as a SentryVibe server"
        return NoLink(f"{odd if isinstance(error, OddAnswer) else self.absence}: {clean_line(str(error))}")

    def refusal(self, words: str) -> str:
        """What to say and to do when it lets us not in; `words` are its own."""
        what = "does not take this token" if self.address.token else "asks for a token: --token or SENTRYVIBE_TOKEN"
        return f"{self.address.base} ({self.source}) {what}: {clean_line(words)}"

    @property
    def named(self) -> Address | None:
        """The address, when somebody named it. One that was merely found here may go away."""
        return self.address if self.certain and self.source != _LOCAL else None

    @property
    def absence(self) -> str:
        """What to say and to do when it does not answer."""
        other = "" if self.source == "--server" else ", or name one with --server URL"
        return f"{self.address.absence}{self._source_note}; start one with `sentryvibe-tui serve`{other}"

    @property
    def _source_note(self) -> str:
        if self.source != "default":
            return f" ({self.source})"
        ours = f"http://127.0.0.1:{settings().settings.port}"
        return f" (where the original SentryVibe listens), and none of ours runs here (`serve` uses {ours})"


def find_server(flag: str | None) -> Server:
    """Flag, environment, config file, a running local server, the original's address: the first that says something."""
    loaded = settings()
    if flag:
        return Server(_address(flag, "--server"), "--server")
    if loaded.settings.server:
        source = loaded.sources["server"]
        return Server(_address(loaded.settings.server, source), source)
    running = _running()
    return Server(parse_address(ORIGINAL, _token()), "default", False) if running is None else Server(running, _LOCAL)


def find_server_of(data: Path, flag: str | None) -> Server:
    """The flag, or the server that runs here with that data folder, or what environment and config file name."""
    if not flag:
        here = str(data.resolve())
        running = next((one for one in runtime.local_servers() if one.data_dir == here), None)
        if running is not None and (address := _reached(running)) is not None:
            return Server(address, _LOCAL)
        if not settings().settings.server:
            raise UsageProblem(f"no server runs here with the data folder {data}; start it, or name it with --server")
    return find_server(flag)


def _address(text: str, source: str) -> Address:
    try:
        address = parse_address(text, _token())
    except BadAddress as error:
        raise UsageProblem(f"{source}: {error}") from None
    address = with_local_token(address)
    if not address.base.startswith("https:"):
        return address
    from ..client.dial import check_certificates

    address = address if address.certificate else replace(address, authorities=_authorities())
    try:
        check_certificates(address)
    except BadAddress as error:
        raise UsageProblem(f"{address.base} ({source}): {error}") from None
    return address


def _running() -> Address | None:
    """A server that runs here."""
    running = runtime.find_local_server()
    return None if running is None else _reached(running)


def _reached(running: runtime.LocalServer) -> Address | None:
    """None: a runtime file that says nonsense is as good as none."""
    with suppress(BadAddress):
        address = local_address(running)
        return address if address.token else replace(address, token=_token())
    return None


def redactor(settings: Settings) -> Redactor | None:
    """What masks secrets before they leave the process; None when that is switched off. Raises UsageProblem."""
    from ..agents.redact import Redactor

    try:
        return Redactor(settings.redact_patterns) if settings.redact else None
    except ValueError as error:
        raise UsageProblem(f"redact_patterns: {error}") from None


@cache
def settings() -> Loaded:
    """The settings; what is wrong with them is told on stderr, once."""
    loaded = load()
    for problem in loaded.problems:
        tell(problem)
    return loaded
