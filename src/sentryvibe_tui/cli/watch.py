"""`watch`: a build as it happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..client.deferred import ResolvedWatch
from ..model.text import clean_line
from ..report import exit_codes
from ..tui.display import DisplayOptions
from .completing import projects_or_folders
from .options import EXIT_CODES, Server, UsageProblem, find_server, redactor, servers_option, settings
from .output import any_text, tell, write_line
from .paths import check_path, directory_named, file_named
from .screen import display_options, has_terminal, look_options, show, show_agents, tell_wrong_theme

if TYPE_CHECKING:
    from ..client.watch import Watch
    from ..client.watching import Watching
    from ..report.plain import Detail
    from ..sources.sessions import Session


@click.command("watch", epilog=EXIT_CODES)
@click.argument("project", required=False, shell_complete=projects_or_folders)
@servers_option
@click.option("--session", metavar="ID", help="Watch this session only; the beginning of its id will do.")
@click.option("--wait/--no-wait", default=None, help="Wait for a project that does not exist yet.  [default: locally]")
@click.option("--plain", is_flag=True, help="One line for each event, in words; the default without a terminal.")
@click.option("--jsonl", is_flag=True, help="One JSON object for each update, and a last one with the whole state.")
@click.option("-v", "--verbose", is_flag=True, help="With --plain: also reasoning, whole texts and outputs.")
@click.option("-q", "--quiet", is_flag=True, help="With --plain: todos, errors, start and end only.")
@click.option("--next", "goes_on", is_flag=True, help="With --plain or --jsonl: go on with the builds that follow.")
@look_options
def command(
    project: str | None,
    server: tuple[str, ...],
    session: str | None,
    wait: bool | None,
    plain: bool,
    jsonl: bool,
    verbose: bool,
    quiet: bool,
    goes_on: bool,
    flags: DisplayOptions,
) -> int:
    """Watch PROJECT's newest build: on a screen, or line by line until it ends. Without PROJECT: all agents of the
    server, or of several.

    PROJECT is a name, a slug, an id, or the beginning of one that fits only one project. A directory (`.`, or a path)
    needs nothing else: what agents do there is followed meanwhile, as `follow` does (its help names them). A file
    is a session file of an agent, read on while it grows. Without a server a kept build is shown as it is.
    """
    if (plain and jsonl) or (verbose and quiet):
        raise UsageProblem("choose one of --plain and --jsonl, and one of --verbose and --quiet")
    chosen = find_server(server[0] if server else None)
    detail: Detail = "verbose" if verbose else "quiet" if quiet else "normal"
    on_screen = not plain and not jsonl and has_terminal()
    if not on_screen:
        tell_wrong_theme(flags)
    if project is None or len(server) > 1:
        return _all_agents(project, server, on_screen, flags)
    check_path(project)
    directory = directory_named(project)
    if directory is not None:
        if session:
            raise UsageProblem("--session goes with a project's name; a directory shows its newest session")
        return asyncio.run(_in_directory(chosen, directory, on_screen, jsonl, detail, goes_on, flags))
    path = file_named(project)
    if path is not None and (session or goes_on):
        flag = "--session" if session else "--next"
        raise UsageProblem(f"{flag} goes with a project's name; a file is one session, and one build")
    if path is not None or not chosen.certain:
        code = asyncio.run(_unserved(chosen, path, project, session, on_screen, jsonl, detail, goes_on, flags))
        if code is not None:
            return code
    waits = chosen.address.is_loopback if wait is None else wait
    if on_screen:
        return asyncio.run(_on_screen(chosen, project, session, waits, flags))
    any_text(utf8=jsonl)
    return asyncio.run(_in_lines(chosen, project, session, waits, jsonl, detail, goes_on))


def _all_agents(project: str | None, servers: tuple[str, ...], on_screen: bool, flags: DisplayOptions) -> int:
    """The overview of one server, or of several."""
    if project is not None:
        raise UsageProblem("a project is watched on one server; without a project, several are shown")
    if not on_screen:
        raise UsageProblem("name a project: without one, watch shows all agents on a screen; `ls` lists projects")
    found = [find_server(one) for one in servers or (None,)]
    return asyncio.run(_overview(found, flags))


async def _overview(servers: Sequence[Server], flags: DisplayOptions) -> int:
    """A server that nobody named and that does not answer is told at once."""
    from ..client.fleet import ServerFleet
    from ..client.rest import NoAnswer, projects

    for server in servers:
        if not server.certain:
            try:
                await projects(server.address)
            except NoAnswer as error:
                raise server.unlinked(error) from None
    preferences = settings().settings
    return await show_agents(
        ServerFleet([server.address for server in servers]), display_options(preferences, flags), preferences
    )


async def _on_screen(server: Server, project: str, session: str | None, waits: bool, flags: DisplayOptions) -> int:
    """A mistake is told at once, unless a server runs here: then the screen need not wait for its answer."""
    if not (waits and server.certain):
        from .finding import target

        await target(server, project, session, waits)
    preferences = settings().settings

    async def resolved(expect: Callable[[str], None]) -> Watch:
        from ..client.watch import Watch
        from .finding import target

        ref, session_id = await target(server, project, session, waits, expect)
        return Watch(server.address, ref, session_id, wait=waits, probe=True)

    watch = ResolvedWatch(resolved, is_awaited=bool(session) and waits)
    code = await show(watch, project, display_options(preferences, flags), preferences)
    if watch.problem is not None:
        raise watch.problem
    return code


async def _in_directory(
    server: Server, directory: Path, on_screen: bool, jsonl: bool, detail: Detail, goes_on: bool, flags: DisplayOptions
) -> int:
    """The newest session there, on a screen or in lines."""
    from ..sources.directory import DirectoryWatch

    preferences = settings().settings
    say = logging.getLogger("sentryvibe_tui.follow").info if on_screen else tell

    def idle(session: Session | None, ago: float) -> str:
        words = clean_line(_idle_words(directory, session, ago))
        say(words)
        return words

    if preferences.redact_patterns:
        redactor(preferences)  # says what is wrong with them, before there is a screen
    watch = DirectoryWatch(
        *(directory, server.named, preferences, lambda: redactor(preferences), say, idle),
        probe=on_screen,
        keeps=not (on_screen or goes_on),
    )
    try:
        if on_screen:
            code = await show(watch, directory.name, display_options(preferences, flags), preferences)
        else:
            any_text(utf8=jsonl)
            code = await _narrated(watch, server, jsonl, detail, goes_on, says_waiting=False)
    finally:
        await watch.aclose()
    if watch.problem is None:
        return code
    if on_screen:
        raise click.ClickException(str(watch.problem))
    return exit_codes.UNSUCCESSFUL  # lines have said why


def _idle_words(directory: Path, session: Session | None, ago: float) -> str:
    """What is shown, or waited for, where no agent is at work."""
    from ..agents.registry import agent_kinds
    from ..report.words import age
    from ..sources.directory import LONGEST

    if session is not None:
        return f"no agent is at work in {directory}: its last session, of {session.agent}, ended {age(ago * 1000)}"
    names = ", ".join(kind.name for kind in agent_kinds() if kind.sessions or kind.live)
    return (
        f"waiting for an agent in {directory} or below: {names}; "
        f"none wrote there in the last {LONGEST / 86_400:.0f} days"
    )


async def _unserved(
    server: Server,
    path: Path | None,
    project: str,
    session: str | None,
    on_screen: bool,
    jsonl: bool,
    detail: Detail,
    goes_on: bool,
    flags: DisplayOptions,
) -> int | None:
    """A session file, or a build that is kept while no server runs; None when there is a server."""
    from ..client.catalogue import StoredBuilds
    from ..client.choice import newest_state
    from ..client.kept_watch import KeptWatch
    from ..sources.ingest.file_watch import FileWatch
    from .finding import catalogue, problems_of
    from .session_file import session_fold

    watch: Watching
    if path is not None:
        watch = FileWatch(session_fold(path), path)
    else:
        source = await catalogue(server)
        if not isinstance(source, StoredBuilds):
            return None
        if goes_on:
            tell("--next goes on where a server runs (`sentryvibe-tui serve`); this build is kept, and none follows it")
        with problems_of(server):
            watch = KeptWatch(source, await newest_state(source, project, session))
    preferences = settings().settings
    if on_screen:
        return await show(
            watch, project if path is None else path.name, display_options(preferences, flags), preferences
        )
    any_text(utf8=jsonl)
    return await _narrated(watch, server, jsonl, detail)


async def _in_lines(
    server: Server, project: str, session: str | None, waits: bool, jsonl: bool, detail: Detail, goes_on: bool
) -> int:
    """Lines on stdout until the build ends; the exit status."""
    from ..client.watch import Watch
    from .finding import target

    if session and waits:
        tell(clean_line(f"waiting for session {session!r}, if there is none yet"))
    ref, chosen = await target(server, project, session, waits, tell)
    watch = Watch(server.address, ref, chosen, wait=waits, keeps=not goes_on)
    try:
        return await _narrated(watch, server, jsonl, detail, goes_on)
    finally:
        await watch.aclose()


async def _narrated(
    watch: Watching, server: Server, jsonl: bool, detail: Detail, goes_on: bool = False, says_waiting: bool = True
) -> int:
    """`says_waiting`: of lines, while there is no build yet; not where it was said what is waited for."""
    from ..report.jsonl import JsonReport
    from ..report.narrate import narrate
    from ..report.plain import PlainLines

    report = JsonReport() if jsonl else PlainLines(detail, says_waiting=says_waiting)
    end = await narrate(watch, report, write_line, goes_on=goes_on)
    if end.status in (401, 403):
        tell(server.refusal(end.reason))
    elif end.reason and watch.server is None:
        tell(clean_line(end.reason))
    elif end.reason:
        tell(server.absence if end.reason == server.address.absence else f"{server.absence}: {clean_line(end.reason)}")
    return end.code
