"""`status` for click: its help, its completion, and whatever `status_line.quick` leaves to it."""

from __future__ import annotations

import click

from ..settings import data_dir
from .options import find_server, server_option, settings
from .status_line import answer, served, stored_totals


@click.command("status")
@server_option
@click.option("--format", "form", default="", metavar="TEXT", help="Text with {fields}, see below.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all figures.")
def command(server: str | None, form: str, as_json: bool) -> int:
    """Print what all agents do in one line: `3▶ 1? $3.10` are three at work, one that needs you, and today's cost.

    What is nothing is left out; without agents the line is empty. Without a server it tells what is kept.

    \b
    Fields: {working} {needs} {waiting} {idle} {active} {failed} {ended}
            {cost} {question} {project} {asked}

    {failed} and {ended} count since midnight, as {cost} does; {question} is what was asked longest ago, of {project},
    {asked} minutes ago.

    Exit codes: 0 printed; 2 wrong usage; 3 no answer.
    """
    found = find_server(server)
    if found.certain:
        return answer(lambda: served(found.address.base, found.address.headers), form, as_json)
    return answer(lambda: stored_totals(data_dir(settings().settings)), form, as_json)
