"""`delete`: builds that have ended, for good."""

from __future__ import annotations

import asyncio

import click

from ..client.choice import choose_builds
from ..client.rest import ProjectRef, builds, delete, resolve
from ..model.summary import BuildSummary
from ..model.text import clean_line
from .completing import projects
from .finding import problems_of
from .options import Server, UsageProblem, find_server, server_option
from .output import any_text, write_line


@click.command("delete")
@click.argument("project", shell_complete=projects)
@click.option("--build", metavar="ID", help="Only this build; the beginning of its id or its session's will do.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@server_option
def command(project: str, build: str | None, yes: bool, server: str | None) -> int:
    """Delete the builds of PROJECT that have ended, for good.

    It says which, and asks. A build that goes on is left. `serve` deletes old ones by itself (setting retention_days).

    Exit codes: 0 deleted; 1 it was not wanted; 2 no such build; 3 no link to a server.
    """
    any_text()
    found = find_server(server)
    with problems_of(found):
        known, ended = asyncio.run(_ended(found, project, build or ""))
        name = clean_line(known.name or known.id, 80)
        for row in ended:
            write_line(f"{clean_line(row.build_id, 60)}  {row.status}  {clean_line(row.title, 80)}".rstrip())
        if not yes and not click.confirm(f"Delete {len(ended)} of {name}'s builds for good?", err=True):
            return 1
        asyncio.run(_delete(found, ended))
    write_line(f"deleted {len(ended)}")
    return 0


async def _ended(server: Server, name: str, text: str) -> tuple[ProjectRef, list[BuildSummary]]:
    """Builds of the project that have ended, of `text` if it is not empty. Raises UsageProblem when there is none."""
    project = await resolve(server.address, name)
    fitting = choose_builds(text, await builds(server.address, project.id))
    ended = [row for row in fitting if row.status != "active"]
    if not ended:
        what = "no such build" if not fitting else "it goes on" if text else "all go on"
        raise UsageProblem(f"nothing to delete in {clean_line(project.id, 80)}: {what}")
    if text and len(fitting) > 1:
        raise UsageProblem(f"several builds begin with {clean_line(text, 80)!r}; `ls` shows what there is")
    return project, ended


async def _delete(server: Server, ended: list[BuildSummary]) -> None:
    for row in ended:
        await delete(server.address, row.project_id, row.session_id, row.build_id)
