"""`watch`: a build as it happens."""

from __future__ import annotations

import asyncio

import click

from ..client.hydrate import ProjectRef
from ..client.watch import Watch
from ..report.narrate import Report, narrate
from ..report.plain import Detail, PlainLines
from .finding import expect_project, find_project, find_session
from .options import EXIT_CODES, Refused, Server, find_server, server_option, settings
from .output import any_text, tell, write_line
from .screen import has_terminal, look_options, looks, show


@click.command("watch", epilog=EXIT_CODES)
@click.argument("project")
@server_option
@click.option("--session", metavar="ID", help="Watch this session only; the beginning of its id will do.")
@click.option("--wait/--no-wait", default=None, help="Wait for a project that does not exist yet.  [default: locally]")
@click.option("--plain", is_flag=True, help="One line for each event, in words; the default without a terminal.")
@click.option("--jsonl", is_flag=True, help="One JSON object for each update, and a last one with the whole state.")
@click.option("-v", "--verbose", is_flag=True, help="With --plain: also reasoning, whole texts and outputs.")
@click.option("-q", "--quiet", is_flag=True, help="With --plain: todos, errors, start and end only.")
@look_options
def command(
    project: str,
    server: str | None,
    session: str | None,
    wait: bool | None,
    plain: bool,
    jsonl: bool,
    verbose: bool,
    quiet: bool,
    theme: str | None,
    ascii_only: bool,
) -> int:
    """Watch PROJECT's newest build: on a screen, or line by line until it ends.

    PROJECT is a name, a slug, an id, or the beginning of one that fits only one project.
    """
    if (plain and jsonl) or (verbose and quiet):
        raise Refused("choose one of --plain and --jsonl, and one of --verbose and --quiet")
    found = find_server(server)
    waits = found.address.is_loopback if wait is None else wait
    target, chosen = asyncio.run(_target(found, project, session, waits))
    if not plain and not jsonl and has_terminal():
        ours = settings().settings
        watch = Watch(found.address, target, chosen, wait=waits, probe=True)
        return asyncio.run(show(watch, target.name or target.id, looks(ours, theme, ascii_only), ours))
    any_text(utf8=jsonl)
    watch = Watch(found.address, target, chosen, wait=waits)
    return asyncio.run(told(watch, report(jsonl, "verbose" if verbose else "quiet" if quiet else "normal"), found))


async def _target(server: Server, project: str, session: str | None, waits: bool) -> tuple[ProjectRef, str]:
    """The project, and the id of the session or nothing. Raises NoLink, Refused."""
    ref = await (expect_project(server, project) if waits else find_project(server, project))
    if not session:
        return ref, ""
    return ref, session if waits else await find_session(server, ref, session)


def report(jsonl: bool, detail: Detail = "normal") -> Report:
    if not jsonl:
        return PlainLines(detail)
    from ..report.jsonl import JsonLines

    return JsonLines()


async def told(watch: Watch, words: Report, server: Server) -> int:
    """Lines on stdout until the build ends; the exit status."""
    try:
        end = await narrate(watch, words, write_line)
    finally:
        await watch.aclose()
    if end.reason:
        tell(f"{server.absence}: {end.reason}")
    return end.code
