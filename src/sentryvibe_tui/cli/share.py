"""`share`: one line that opens a project, or one of its builds, on another machine, for a while."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import click
from msgspec.structs import replace

from ..client.choice import choose_builds
from ..client.join_link import CannotLend, Lender, LinkTerms, public_url, require_token
from ..client.rest import ProjectRef, builds, resolve
from ..errors import BadAddress
from ..model.state import Millis
from ..model.text import clean_line
from ..principals import Role
from ..settings import data_dir
from ..wire.address import Address, parse_address
from .completing import projects
from .finding import problems_of
from .options import Server, UsageProblem, data_option, find_server, find_server_of, server_option, settings
from .output import any_text, tell, write_line
from .spans import span


@click.command("share")
@click.argument("project", shell_complete=projects)
@click.option("--build", metavar="ID", help="Only this build; the beginning of its id or its session's will do.")
@click.option("--expires", default="1h", show_default=True, metavar="TIME", help="For so long: 30m, 2h, 3d, 1w.")
@click.option("--role", type=click.Choice(("watch", "answer")), default="watch", show_default=True, help="What for.")
@click.option("--url", metavar="URL", help="How others reach the server.  [default: as this command does]")
@data_option("The server's data folder.")
@server_option
def command(
    project: str,
    build: str | None,
    expires: str,
    role: Role,
    url: str | None,
    data: Path | None,
    server: str | None,
) -> int:
    """Print a line that opens PROJECT on another machine. Run it where the server runs, as the same user.

    The line holds a token for this project only, or for one build of it, which expires, and which `token revoke` takes
    back. The token stands in the environment of the command, which sends it in a header; it is in no URL and no log.
    """
    any_text()
    source, length = find_server(server) if data is None else find_server_of(data, server), span(expires)
    if not length:
        raise UsageProblem(f"--expires {expires!r}: like 30m, 2h, 3d, 1w")
    own_folder = data_dir(settings().settings)
    address = replace(source.address, data_dir=str(data or source.address.data_dir or own_folder))
    try:
        require_token(address)
        place = _place(url or _own_url(address))
        terms = asyncio.run(_terms(source, project, build or "", length, role))
        link = asyncio.run(Lender(own_folder, _now).lend(address, terms, url or place.base))
    except CannotLend as error:
        raise UsageProblem(str(error)) from None
    if place.is_loopback:
        tell(f"{place.base} leads to this machine only; --url says how others reach it")
    for caution in link.cautions:
        tell(caution)
    write_line(link.line)
    tell(f"valid for {expires}; `{link.revocation}` ends it before")
    return 0


def _own_url(server: Address) -> str:
    """As others reach it, or else as this command does, which is told. Raises CannotLend."""
    return server.base if server.is_loopback else public_url(server)


def _now() -> Millis:
    return time.time_ns() // 1_000_000


def _place(url: str) -> Address:
    """Raises UsageProblem."""
    try:
        return parse_address(url)
    except BadAddress as error:
        raise UsageProblem(f"--url: {error}") from None


async def _terms(server: Server, text: str, build: str, length: Millis, role: Role) -> LinkTerms:
    """Of the project, and of the build of which `build` is the beginning; "" all. Raises UsageProblem."""
    project, (session_id, build_id) = await _meant(server, text, build)
    return LinkTerms(project.id, length, session_id, build_id, role)


async def _meant(server: Server, text: str, build: str) -> tuple[ProjectRef, tuple[str, str]]:
    """The project, and session and id of the build of which `build` is the beginning; "" all. Raises UsageProblem."""
    with problems_of(server):
        project = await resolve(server.address, text)
        rows = await builds(server.address, project.id) if build else ()
    fitting = choose_builds(build, rows)
    if build and len(fitting) != 1:
        many = "several builds begin" if fitting else "no build begins"
        raise UsageProblem(f"{many} with {clean_line(build, 80)!r} in {clean_line(project.id, 80)}; `ls` shows them")
    return project, (fitting[0].session_id, fitting[0].build_id) if build else ("", "")
