"""`discard`: deletes a build that its server cannot read any more."""

from __future__ import annotations

import asyncio

import click

from ..client.choice import choose_builds
from ..client.rest import builds, discard, resolve
from ..model.summary import BuildSummary
from ..model.text import clean_line
from .completing import projects
from .finding import problems_of
from .options import Server, UsageProblem, find_server, server_option
from .output import any_text, write_line


@click.command("discard")
@click.argument("project", shell_complete=projects)
@click.argument("session")
@server_option
def command(project: str, session: str, server: str | None) -> int:
    """Delete the damaged build of SESSION (the beginning of its id, or of the build's, will do) in PROJECT for good.

    A server marks a build as damaged when it cannot read what it stored of it; `ls` shows that. Other builds are never
    deleted.

    Exit codes: 0 deleted; 2 no such damaged build; 3 no link to a server.
    """
    any_text(utf8=False)
    write_line(f"deleted build {asyncio.run(_discarded(find_server(server), project, session))}")
    return 0


async def _discarded(server: Server, name: str, session: str) -> str:
    with problems_of(server):
        project = await resolve(server.address, name)
        build = _single_build(await builds(server.address, project.id), session)
        await discard(server.address, project.id, build.session_id, build.build_id)
    return clean_line(build.build_id, 80)


def _single_build(listing: tuple[BuildSummary, ...], session: str) -> BuildSummary:
    matches = choose_builds(session, [build for build in listing if build.damaged])
    if len(matches) != 1:
        many, begin = "several" if matches else "no", clean_line(session, 80)
        raise UsageProblem(f"{many} damaged builds have a session that begins with {begin!r}; `ls` shows what there is")
    return matches[0]
