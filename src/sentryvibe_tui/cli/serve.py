"""`serve`: the server, headless."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec.structs import replace

from ..settings import data_dir
from .options import redactor, settings


@click.command("serve")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.  [default: 4777]")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where builds are kept.  [default: the user's data folder]",
)
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name that requests may be for.")
@click.option("--allow-origin", "origins", multiple=True, metavar="URL", help="A web page's origin that may connect.")
def command(
    host: str | None, port: int | None, data: Path | None, hosts: tuple[str, ...], origins: tuple[str, ...]
) -> int:
    """Keep builds, take in events and tell watchers of them.

    Prints `ready URL` once it accepts connections and logs to stderr. Stops on ctrl+c and SIGTERM with exit code 0;
    exits with 1 when it cannot start, and says why.

    It listens on this machine only unless told otherwise. There is no password yet: give it another address only
    in a network that you trust.
    """
    from ..server.serve import serve
    from ..server.settings import Settings
    from ..sources.left_behind import left_behind

    ours = settings().settings
    redactor(ours)  # says what is wrong with its patterns
    masks = tuple(ours.redact_patterns)
    theirs = replace(
        Settings(),
        body_limit=ours.max_body,
        hosts=hosts,
        origins=origins,
        redact=ours.redact,
        redact_patterns=masks,
    )
    folder = data_dir(ours) if data is None else data
    return serve(
        ours.host if host is None else host,
        ours.port if port is None else port,
        folder,
        theirs,
        lambda url: left_behind(url, folder, data_dir(ours) / "outbox"),
    )
