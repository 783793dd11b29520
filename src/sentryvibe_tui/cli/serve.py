"""`serve`: the server, headless."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from ..errors import BadTokenFile
from ..settings import SETTINGS, Settings, data_dir, token_path
from ..wire.address import Address, parse_address
from .options import UsageProblem, data_option, redactor, settings
from .output import tell

if TYPE_CHECKING:
    from ..server.settings import ServerLimits

_HOST, _PORT = SETTINGS["host"], SETTINGS["port"]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(dir_okay=False, path_type=Path)
"""Where a file is, or will be."""
_STRANGERS = (
    "whoever reaches {} reads every prompt, tool call and output of every build, and can publish and change builds"
)


@click.command("serve")
@click.option("--host", help=f"Address to listen on.  [default: {_HOST.default}]")
@click.option(
    "--port",
    type=click.IntRange(_PORT.low, _PORT.high),
    help=f"Port to listen on; 0 takes a free one.  [default: {_PORT.default}]",
)
@data_option("Where builds are kept.  [default: the user's data folder]")
@click.option(
    "--store",
    metavar="URL",
    help="Keep builds in PostgreSQL, postgresql://USER@HOST/DATABASE, which several servers may share; --data then has "
    "what is this server's own.",
)
@click.option(
    "--hints",
    metavar="URL",
    help="Servers over one --store wake one another by Redis, redis://HOST, instead of by the database.",
)
@click.option(
    "--token-file",
    type=_PLACE,
    metavar="FILE",
    help="Ask everybody, also this user, for the token in this file; made with a new one if it is not there.",
)
@click.option(
    "--no-token", is_flag=True, help="Let anybody in who reaches the address, also other users of this machine."
)
@click.option(
    "--tls-cert",
    type=_FILE,
    metavar="FILE",
    help="Speak TLS with this certificate, followed by those that vouch for it.",
)
@click.option(
    "--tls-key",
    type=_FILE,
    metavar="FILE",
    help="Its key.  [default: in the same file]",
)
@click.option(
    "--socket",
    type=_PLACE,
    metavar="PATH",
    help="Listen on a Unix socket, which this user alone may open, instead of an address.",
)
@click.option(
    "--forwarded-allow-ips",
    "proxies",
    default="",
    metavar="LIST",
    help="Proxies that may say by X-Forwarded-For and -Proto for whom they ask: addresses, networks, unix, or *.",
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name that requests may be for.")
@click.option("--allow-origin", "origins", multiple=True, metavar="URL", help="A web page's origin that may connect.")
def command(
    host: str | None,
    port: int | None,
    data: Path | None,
    store: str | None,
    hints: str | None,
    token_file: Path | None,
    no_token: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    socket: Path | None,
    proxies: str,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
) -> int:
    """Keep builds, take in events and tell watchers of them.

    Prints `ready URL` once it accepts connections and logs to stderr. Stops on ctrl+c and SIGTERM with exit code 0;
    exits with 1 when it cannot start, and says why.

    It listens on this machine only unless told otherwise, for processes of the same user and for who bears the token
    in the data folder's file `token` (where the system does not tell users apart, as macOS, everybody has to; commands
    find it by themselves). It listens on another address only with --token-file or --no-token. Other machines bear
    the token in SENTRYVIBE_TOKEN, their config file or --token. Nothing is encrypted without --tls-cert, a proxy
    that speaks TLS (named with --forwarded-allow-ips), or an SSH tunnel.
    """
    from ..server.guard import is_loopback
    from ..server.serve import serve
    from ..sources.ingest.leftovers import left_behind

    preferences = settings().settings
    address = preferences.host if host is None else host
    if socket is not None:
        if host is not None or port is not None or tls_cert is not None:
            raise UsageProblem("--socket goes without --host, --port and --tls-cert")
        address = "127.0.0.1"  # as little as that it is reached from elsewhere
    if tls_key is not None and tls_cert is None:
        raise UsageProblem("--tls-key goes with --tls-cert")
    if no_token and not is_loopback(address):
        tell(f"--no-token: {_STRANGERS.format(address)}")
    redactor(preferences)  # says what is wrong with its patterns
    folder = data_dir(preferences) if data is None else data
    limits = replace(
        _limits(preferences, address, folder, token_file or token_path(preferences), no_token),
        store=preferences.store if store is None else store,
        hints=preferences.hints if hints is None else hints,
        hosts=hosts,
        socket="" if socket is None else str(socket.absolute()),
        certificate="" if tls_cert is None else str(tls_cert.absolute()),
        certificate_key="" if tls_key is None else str(tls_key.absolute()),
        proxies=_proxies(proxies),
        origins=origins,
        retention_days=preferences.retention_days,
    )

    def own_address(url: str) -> Address:
        return replace(parse_address(url, limits.token, str(folder.resolve())), certificate=limits.certificate)

    return serve(
        address,
        preferences.port if port is None else port,
        folder,
        limits,
        lambda url: left_behind(own_address(url), data_dir(preferences) / "outbox"),
    )


def _proxies(text: str) -> tuple[str, ...]:
    """Raises UsageProblem."""
    from ..server.forwarded import Proxies

    words = tuple(word.strip() for word in text.split(",") if word.strip())
    try:
        Proxies(words)
    except ValueError as error:
        raise UsageProblem(f"--forwarded-allow-ips: {error}") from None
    return words


def _limits(preferences: Settings, host: str, folder: Path, secret: Path | None, for_all: bool) -> ServerLimits:
    """By the settings, and for whom. Raises UsageProblem."""
    from ..server.access import secured
    from ..server.settings import limits_from

    limits = limits_from(preferences)
    if for_all:
        return replace(limits, tokenless=True)
    try:
        return secured(limits, host, folder, secret)
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
