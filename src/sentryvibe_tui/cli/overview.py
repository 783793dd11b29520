"""The program without a command: all agents on one screen."""

from __future__ import annotations

import asyncio
import logging

import click

from ..tui.display import DisplayOptions
from .options import NoLink, UsageProblem, find_server, redactor, servers_option, settings
from .output import any_text, write_line
from .screen import display_options, has_terminal, look_options, show_agents, tell_wrong_theme


@click.command("overview", context_settings={"allow_interspersed_args": False})
@servers_option
@look_options
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(server: tuple[str, ...], flags: DisplayOptions, words: tuple[str, ...]) -> int:
    """Show all coding agents of this machine, sorted by who needs you, and beside them those of each --server.

    Follows what runs, with nothing installed or configured, and serves for as long as it is open, or joins the server
    that runs. Without a terminal it prints those that are active.
    """
    if words:
        raise UsageProblem(f"options stand behind the command: `sentryvibe-tui {words[0]} …`")
    if has_terminal():
        return asyncio.run(_overview(server, flags))
    tell_wrong_theme(flags)
    _listed(server)
    return 0


def _listed(others: tuple[str, ...]) -> None:
    """What is active on this machine, then on each other server under its address. Raises NoLink for one of those."""
    from .ls import command as listing

    headings = [(other, find_server(other).address.base) for other in others]
    try:
        listing.main(["--active"], prog_name="sentryvibe-tui ls", standalone_mode=False)
    except NoLink:
        any_text()
        write_line("no agent is active here; `sentryvibe-tui --help` lists the commands")
    for other, base in headings:
        write_line(f"{base}:")
        listing.main(["--active", "--server", other], prog_name="sentryvibe-tui ls", standalone_mode=False)


async def _overview(others: tuple[str, ...], flags: DisplayOptions) -> int:
    from ..sources.machine import Machine

    preferences = settings().settings
    tell = logging.getLogger("sentryvibe_tui.follow").info
    addresses = [find_server(other).address for other in others]
    machine = Machine(preferences, redactor(preferences), tell, find_server(None).named, addresses)
    return await show_agents(machine, display_options(preferences, flags), preferences)
