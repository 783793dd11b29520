"""`show`: the state of a build, once."""

from __future__ import annotations

import asyncio
import time

import click

from ..client.choice import newest_state
from ..model.state import BuildState
from ..model.text import clean_line
from .completing import projects
from .finding import catalogue, problems_of
from .options import Server, UsageProblem, find_server, server_option
from .output import any_text, write_line
from .paths import check_path, directory_named, file_named


@click.command("show")
@click.argument("project", shell_complete=projects)
@server_option
@click.option("--session", metavar="ID", help="This session's build, not the newest; the beginning of its id will do.")
@click.option("--json", "as_json", is_flag=True, help="The whole build state as JSON, with stateVersion and status.")
def command(project: str, server: str | None, session: str | None, as_json: bool) -> int:
    """Print the state of PROJECT's newest build once. A path is a session file of an agent.

    Without a server it tells what is kept.

    Exit codes: 0 printed, whatever the build's status; 2 no such project; 3 no link to a server.
    """
    any_text(utf8=as_json)
    check_path(project)
    if directory_named(project) is not None:
        raise UsageProblem(clean_line(f"{project} is a directory: `watch {project}` shows what agents do there"))
    path = file_named(project)
    if path is None:
        state = asyncio.run(_newest(find_server(server), project, session))
    else:
        from .session_file import state_of

        state = asyncio.run(state_of(path))
    if as_json:
        from ..report.jsonl import state_line

        write_line(state_line(state))
        return 0
    from ..report.summary import page

    for line in page(state, time.time_ns() // 1_000_000):
        write_line(line)
    return 0


async def _newest(server: Server, project: str, session: str | None) -> BuildState:
    with problems_of(server):
        return await newest_state(await catalogue(server), project, session)
