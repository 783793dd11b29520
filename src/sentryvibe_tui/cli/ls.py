"""`ls`: projects and their builds."""

from __future__ import annotations

import asyncio
import os
import shutil
import time

import click

from ..client.catalogue import Catalogue, grouped
from ..client.rest import ListedProject
from ..model.state import Millis
from .finding import catalogue, problems_of
from .options import Server, UsageProblem, find_server, server_option
from .output import any_text, write_line
from .spans import span


@click.command("ls")
@server_option
@click.option("--active", is_flag=True, help="Builds that go on only.")
@click.option("--since", metavar="TIME", help="Heard of since then: 90s, 30m, 2h, 3d, 1w, or a date (2026-11-28).")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The latest N builds.")
@click.option("--json", "as_json", is_flag=True, help="As JSON: one object with all projects and their builds.")
def command(server: str | None, active: bool, since: str | None, limit: int | None, as_json: bool) -> int:
    """List projects with their builds, newest first: status, what it does, progress, agent, model, cost and age.

    Without a server it lists what is kept.

    Exit codes: 0 listed; 2 wrong usage; 3 no link to a server, and nothing is kept.
    """
    any_text(utf8=as_json)
    now = time.time_ns() // 1_000_000
    from_then = None if since is None else moment(since, now)
    chosen = find_server(server)
    rows = asyncio.run(_projects(chosen, active, from_then, limit or 0))
    if as_json:
        from ..report.jsonl import json_line

        write_line(json_line({"projects": rows}))
        return 0
    from ..report.table import build_rows, table_lines

    if not rows:
        nothing = "no such builds" if since else "no agent is active" if active else None
        write_line(nothing or f"no projects at {chosen.address.base} yet")
        return 0
    width = shutil.get_terminal_size().columns if os.isatty(1) else None
    for line in table_lines(build_rows(rows, now), width):
        write_line(line)
    return 0


async def _projects(server: Server, active: bool, since: Millis | None, limit: int) -> tuple[ListedProject, ...]:
    async def question(source: Catalogue) -> tuple[ListedProject, ...]:
        projects = await source.projects()
        if not (active or limit or since is not None):
            return projects
        return grouped(await source.builds(active, since, limit), projects)

    with problems_of(server):
        return await question(await catalogue(server))


def moment(text: str, now: Millis) -> Millis:
    """Epoch milliseconds of `2h` before now, or of a date. Raises UsageProblem."""
    from datetime import datetime

    length = span(text)
    if length is not None:
        return now - length
    try:
        return int(datetime.fromisoformat(text.strip()).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(f"--since {text!r}: like 90s, 30m, 2h, 3d, 1w, or 2026-11-28") from None
