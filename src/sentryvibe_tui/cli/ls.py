"""`ls`: projects and their builds."""

from __future__ import annotations

import asyncio
import os
import shutil
import time

import click
from msgspec.structs import replace

from ..agents.doing import summary_of
from ..client.rest import ListedProject, projects, states
from ..errors import NoAnswer
from .options import Server, find_server, server_option
from .output import any_text, write_line


@click.command("ls")
@server_option
@click.option("--json", "as_json", is_flag=True, help="As JSON: one object with all projects and their builds.")
def command(server: str | None, as_json: bool) -> int:
    """List projects with their builds, newest first: status, progress, agent, model and age.

    Exit codes: 0 listed; 3 no link to a server.
    """
    any_text(utf8=as_json)
    found = find_server(server)
    listed = asyncio.run(_listed(found))
    if as_json:
        from ..report.jsonl import json_line

        write_line(json_line({"projects": listed}))
        return 0
    from ..report.table import build_rows, fitted

    if not listed:
        write_line(f"no projects at {found.address.base} yet")
        return 0
    width = shutil.get_terminal_size().columns if os.isatty(1) else None
    for line in fitted(build_rows(listed, time.time_ns() // 1_000_000), width):
        write_line(line)
    return 0


async def _listed(server: Server) -> tuple[ListedProject, ...]:
    """Projects with their builds, also from a server whose list does not tell of builds."""
    try:
        known = await projects(server.address)
        return tuple([project if project.builds else await _with_builds(server, project) for project in known])
    except NoAnswer as error:
        raise server.unlinked(error) from None


async def _with_builds(server: Server, project: ListedProject) -> ListedProject:
    return replace(project, builds=tuple(map(summary_of, await states(server.address, project.id))))
