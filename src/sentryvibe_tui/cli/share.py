"""`share`: one line that opens a project's build on another machine, for a while."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from pathlib import Path

import click

from ..client.rest import AmbiguousProject, NoSuchProject, ProjectRef, resolve
from ..errors import BadTokenFile, NoAnswer
from ..principals import TOKENS, Role, Tokens
from ..settings import data_dir
from .completing import projects
from .options import Server, UsageProblem, find_server, server_option, settings
from .output import any_text, tell, write_line
from .spans import span


@click.command("share")
@click.argument("project", shell_complete=projects)
@click.option("--expires", default="1h", show_default=True, metavar="TIME", help="For so long: 30m, 2h, 3d, 1w.")
@click.option("--role", type=click.Choice(("watch", "answer")), default="watch", show_default=True, help="What for.")
@click.option("--url", metavar="URL", help="How others reach the server.  [default: as this command does]")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="The server's data folder."
)
@server_option
def command(project: str, expires: str, role: Role, url: str | None, data: Path | None, server: str | None) -> int:
    """Print a line that opens PROJECT on another machine. Run it where the server runs, as the same user.

    The line holds a token for this project only, which expires, and which `token revoke` takes back.
    """
    any_text()
    source, length, now = find_server(server), span(expires), time.time_ns() // 1_000_000
    if not length:
        raise UsageProblem(f"--expires {expires!r}: like 30m, 2h, 3d, 1w")
    if not source.address.token:
        raise UsageProblem("the server lets everybody in, so there is nothing to lend: start it without --no-token")
    ref, name = asyncio.run(_project(source, project)), f"share-{secrets.token_hex(3)}"
    folder = Path(data or source.address.data_dir or data_dir(settings().settings))
    try:
        token = Tokens(folder / TOKENS).add(name, role, now, ref.id, now + length)
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
    watch = shlex.join(["sentryvibe-tui", "watch", ref.id, "--server", url or source.address.base])
    write_line(f"SENTRYVIBE_TOKEN={token} {watch}")
    tell(f"valid for {expires}; `sentryvibe-tui token revoke {name}` ends it before")
    return 0


async def _project(server: Server, text: str) -> ProjectRef:
    try:
        return await resolve(server.address, text)
    except (NoSuchProject, AmbiguousProject) as error:
        raise UsageProblem(str(error)) from None
    except NoAnswer as error:
        raise server.unlinked(error) from None
