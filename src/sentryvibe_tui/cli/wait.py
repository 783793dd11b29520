"""`wait`: until an agent needs a person, rests, ends or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click

from ..client.awaited import AWAITED, AnyAgent, Awaited, Met, OneBuild
from ..model.text import clean_line
from ..report import exit_codes
from .completing import projects
from .options import NoLink, Server, UsageProblem, find_server, server_option
from .output import any_text, tell, write_line
from .spans import Length

TIMED_OUT = 124
"""As of `timeout`."""
_MISSED: Mapping[Awaited, tuple[str, str]] = {
    "needs-input": ("ask for anything", "asked for anything"),
    "idle": ("come to rest", "came to rest"),
    "end": ("end", "ended"),
    "error": ("fail", "failed"),
}
"""What a project did not do, and no agent did."""


@click.command("wait")
@click.argument("project", required=False, shell_complete=projects)
@click.option("--any", "any_project", is_flag=True, help="Any agent of the server.")
@click.option("--for", "what", type=click.Choice(AWAITED), default="end", show_default=True, help="What is waited for.")
@click.option("--timeout", type=Length("s"), metavar="SECONDS", help="Give up after so long.  [default: never]")
@click.option("--json", "as_json", is_flag=True, help="Print the build as JSON, as `ls --json` does.")
@server_option
def command(
    project: str | None, any_project: bool, what: Awaited, timeout: float | None, as_json: bool, server: str | None
) -> int:
    """Wait until PROJECT's build, or with --any any agent, needs you, rests (idle or ended), ends, or has an error.

    What is so already counts at once for PROJECT, and with --any an open question does. Then one line tells which build
    and what.

    Exit codes: 0 it came true (--for end: and the build completed); 1 the build ended in another way; 2 wrong usage, or
    no such project; 3 no link to a server; 124 --timeout is over.
    """
    any_text(utf8=as_json)
    if bool(project) == any_project:
        raise UsageProblem("name a project, or say --any")
    found = find_server(server)
    return asyncio.run(_limited(found, project or "", what, timeout, as_json))


async def _limited(server: Server, project: str, what: Awaited, timeout: float | None, as_json: bool) -> int:
    try:
        async with asyncio.timeout(timeout):
            met = await _awaited(server, project, what)
    except TimeoutError:
        it, nobody = _MISSED[what]
        tell(clean_line(f"{f'{project} did not {it}' if project else f'no agent {nobody}'} in that time"))
        return TIMED_OUT
    build = met.build
    if as_json:
        from ..report.jsonl import json_line

        write_line(json_line(build))
    else:
        write_line(clean_line(f"{build.project_name or build.project_id} {met.words}"))
    if what == "end":
        return exit_codes.of_build(build.status)
    return exit_codes.COMPLETED if met.is_true else exit_codes.UNSUCCESSFUL


async def _awaited(server: Server, project: str, what: Awaited) -> Met:
    """The build of which it has come true, and the words. Raises NoLink, UsageProblem."""
    from ..client.builds import BuildsWatch
    from ..client.builds_link import BuildsChanged, BuildsListed
    from ..client.watching import LinkChanged
    from .finding import find_project

    ref = await find_project(server, project) if project else None
    scope = AnyAgent(what) if ref is None else OneBuild(what)
    watch = BuildsWatch(server.address, project="" if ref is None else ref.id)
    try:
        async for event in watch.events():
            match event:
                case LinkChanged(status) if status.phase in ("gave-up", "refused"):
                    raise NoLink(f"{server.address.base}: {clean_line(status.reason)}")
                case BuildsListed(builds):
                    met = scope.listed(builds)
                case BuildsChanged(builds):
                    met = scope.changed(builds)
                case _:
                    continue
            if met is not None:
                return met
    finally:
        await watch.aclose()
    raise NoLink(f"{server.address.base}: the link was closed")
