"""`status` for click: its help, its completion, and whatever `status_line.quick` leaves to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from ..errors import BadAddress, StoreError
from ..model.text import clean_line
from ..settings import data_dir
from .options import NoLink, find_server, server_option, settings
from .status_line import (
    ACTIVE_WITHIN,
    ANSWER_WITHIN,
    NothingLearned,
    now,
    print_answer,
    served,
    start_of_today,
    stored_totals,
)

if TYPE_CHECKING:
    from ..model.summary import BuildSummary
    from ..model.totals import Totals
    from ..wire.address import Address


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
        return print_answer(lambda: _served(found.address), form, as_json)
    ours = settings().settings
    return print_answer(lambda: shared_totals() if ours.store else stored_totals(data_dir(ours)), form, as_json)


def shared_totals() -> Totals:
    """Of the database that servers share. Raises NothingLearned."""
    from ..model.totals import figures_of, totals

    try:
        builds = asyncio.run(_shared())
    except (StoreError, NoLink) as error:
        raise NothingLearned(clean_line(str(error))) from None
    return totals(figures_of(build) for build in builds)


def _served(server: Address) -> Totals:
    """Raises NothingLearned."""
    if server.base.startswith("http:"):
        return served(server.base, server.headers)
    from ..client.dial import connection

    try:
        return served(server.root, server.headers, connection(server, ANSWER_WITHIN))
    except BadAddress as error:
        raise NothingLearned(str(error)) from None


async def _shared() -> tuple[BuildSummary, ...]:
    """As `readonly.recent_figures` chooses: those that go on and were heard of, and those that ended today."""
    from .finding import store_catalogue

    source = store_catalogue()
    if source is None:
        return ()
    active = await source.builds(True, now() - ACTIVE_WITHIN, 0)
    today = await source.builds(False, start_of_today(), 0)
    return (*active, *(build for build in today if not build.is_active and not build.damaged))
