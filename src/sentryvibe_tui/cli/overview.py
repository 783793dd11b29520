"""The program without a command: all agents on one screen."""

from __future__ import annotations

import asyncio
import logging
import time

import click

from .options import find_server, redactor, settings
from .output import any_text, write_line
from .screen import Flags, has_terminal, look_options, looks, show_agents, tell_wrong_theme


@click.command("overview")
@look_options
def command(flags: Flags) -> int:
    """Show all coding agents of this machine, sorted by who needs you.

    Follows what runs, with nothing installed or configured, and serves for as long as it is open, or joins the server
    that runs. Without a terminal it prints those that are active.
    """
    if has_terminal():
        return asyncio.run(_overview(flags))
    tell_wrong_theme(flags)
    any_text()
    for line in asyncio.run(_active()):
        write_line(line)
    return 0


async def _overview(flags: Flags) -> int:
    from ..sources.machine import Machine

    ours = settings().settings
    tell = logging.getLogger("sentryvibe_tui.follow").info
    machine = Machine(ours, redactor(ours), tell, find_server(None).named)
    return await show_agents(machine, looks(ours, flags), ours)


async def _active() -> list[str]:
    """A line for each build that goes on at the server that runs."""
    from msgspec.structs import replace

    from ..client.rest import NoAnswer, projects
    from ..report.table import build_rows, fitted

    try:
        listed = await projects(find_server(None).address)
    except NoAnswer:
        listed = ()
    going = [replace(one, builds=tuple(build for build in one.builds if build.is_active)) for one in listed]
    going = [project for project in going if project.builds]
    if not going:
        return ["no agent is active here; `sentryvibe-tui --help` lists the commands"]
    return list(fitted(build_rows(going, time.time_ns() // 1_000_000), None))
