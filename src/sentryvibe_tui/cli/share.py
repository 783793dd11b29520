"""`share`: one line that opens a project, or one of its builds, on another machine, for a while."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from pathlib import Path

import click
from msgspec.structs import replace

from ..client.rest import AmbiguousProject, NoSuchProject, ProjectRef, builds, resolve
from ..client.rest import projects as list_projects
from ..errors import BadAddress, BadTokenFile, NoAnswer
from ..model.text import clean_line
from ..principals import TOKENS, NamedTokens, Role
from ..settings import data_dir
from ..wire.address import Address, parse_address
from .audit import note
from .completing import projects
from .options import Server, UsageProblem, find_server, server_option, settings
from .output import any_text, tell, write_line
from .spans import span


@click.command("share")
@click.argument("project", shell_complete=projects)
@click.option("--build", metavar="ID", help="Only this build; the beginning of its id or its session's will do.")
@click.option("--expires", default="1h", show_default=True, metavar="TIME", help="For so long: 30m, 2h, 3d, 1w.")
@click.option("--role", type=click.Choice(("watch", "answer")), default="watch", show_default=True, help="What for.")
@click.option("--url", metavar="URL", help="How others reach the server.  [default: as this command does]")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="The server's data folder."
)
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
    source, length, now = find_server(server), span(expires), time.time_ns() // 1_000_000
    if not length:
        raise UsageProblem(f"--expires {expires!r}: like 30m, 2h, 3d, 1w")
    if not source.address.token:
        raise UsageProblem("the server lets everybody in, so there is nothing to lend: start it without --no-token")
    place = _place(url) if url else source.address
    ref, key = asyncio.run(_meant(source, project, build or ""))
    name = f"share-{secrets.token_hex(3)}"
    folder = Path(data or source.address.data_dir or data_dir(settings().settings))
    try:
        tokens = NamedTokens(folder / TOKENS)
        token = tokens.add(name, role, now, ref.id, now + length, key)
        if not asyncio.run(_opens(source.address, token)):
            tokens.revoke(name)
            raise UsageProblem(
                f"{source.address.base} goes by another list of tokens than {folder / TOKENS}: run this where the "
                "server runs, as its user, and name its folder with --data"
            )
    except BadTokenFile as error:
        raise UsageProblem(str(error)) from None
    what = f"build {key[1]}, " if build else ""
    note(folder, "share", f"{name}: {what}{role}, for {expires}", ref.id)
    watch = shlex.join(["sentryvibe-tui", "watch", ref.id, "--server", url or source.address.base])
    if place.is_loopback:
        tell(f"{place.base} leads to this machine only; --url says how others reach it")
    write_line(f"SENTRYVIBE_TOKEN={token} {watch}")
    tell(f"valid for {expires}; `sentryvibe-tui token revoke {name}` ends it before")
    return 0


def _place(url: str) -> Address:
    """Raises UsageProblem."""
    try:
        return parse_address(url)
    except BadAddress as error:
        raise UsageProblem(f"--url: {error}") from None


async def _opens(server: Address, token: str) -> bool:
    """Whether the server takes the token. One that does not answer just now may."""
    try:
        await list_projects(replace(server, token=token))
    except NoAnswer as error:
        return error.status != 401
    return True


async def _meant(server: Server, text: str, build: str) -> tuple[ProjectRef, tuple[str, str]]:
    """The project, and session and id of the build of which `build` is the beginning; "" all. Raises UsageProblem."""
    try:
        project = await resolve(server.address, text)
        rows = await builds(server.address, project.id) if build else ()
    except (NoSuchProject, AmbiguousProject) as error:
        raise UsageProblem(str(error)) from None
    except NoAnswer as error:
        raise server.unlinked(error) from None
    fitting = [row for row in rows if row.build_id.startswith(build) or row.session_id.startswith(build)]
    if build and len(fitting) != 1:
        many = "several builds begin" if fitting else "no build begins"
        raise UsageProblem(f"{many} with {clean_line(build, 80)!r} in {clean_line(project.id, 80)}; `ls` shows them")
    return project, (fitting[0].session_id, fitting[0].build_id) if build else ("", "")
