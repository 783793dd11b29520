"""`demo`: invented agents through a real server."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import click

from ..agents.demo.fleet import demo_fleet
from ..agents.demo.stream import DemoAgent
from ..client.fleet import ServerFleet
from ..client.rest import ProjectRef
from ..client.watch import Watch
from ..report.narrate import narrate
from ..report.plain import PlainLines
from ..settings import Settings
from ..sources.demo import acting
from ..tui.display import DisplayOptions
from ..wire.address import Address, parse_address
from ..wire.projects import project_id
from .options import EXIT_CODES, settings
from .output import any_text, write_line
from .screen import display_options, has_terminal, log_to_file, look_options, show_agents, tell_wrong_theme
from .spans import Speed


@click.command("demo", epilog=EXIT_CODES)
@click.option("--agent", type=click.Choice(["claude", "codex"]), default="claude", show_default=True)
@click.option("--speed", type=Speed(), default=1.0, show_default=True, help="Times as fast.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another build.")
@click.option("--plain", is_flag=True, help="One line for each event; the default without a terminal.")
@look_options
def command(agent: str, speed: float, seed: int, plain: bool, flags: DisplayOptions) -> int:
    """Watch three invented agents, to see what this is: one builds, one asks for a permission, one fails and goes on.

    Starts a server of its own on a free port, publishes what they do to it as agents would and opens the overview on
    it; enter opens a build. Without a terminal, the lines of the first one. Nothing of it is kept.
    """
    preferences = settings().settings
    look = None if plain or not has_terminal() else display_options(preferences, flags)
    if look is None:
        tell_wrong_theme(flags)
    any_text()
    with _in_order(), tempfile.TemporaryDirectory(prefix="sentryvibe-demo-") as folder:
        return asyncio.run(_demo(Path(folder), cast("DemoAgent", agent), speed, seed, look, preferences))


@contextmanager
def _in_order() -> Generator[None]:
    """A signal that ends us does so by way of what is still to be taken away."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _demo(
    folder: Path, agent: DemoAgent, speed: float, seed: int, look: DisplayOptions | None, preferences: Settings
) -> int:
    """The exit status: of the one build in lines; 0 when the overview is left."""
    from ..server.access import secured
    from ..server.serve import running
    from ..server.settings import ServerLimits

    if look is not None:
        log_to_file(preferences)
    limits = secured(ServerLimits(), "127.0.0.1", folder / "data")
    async with running(folder / "data", settings=limits) as server:
        address = parse_address(server.url, limits.token)
        actors = demo_fleet(agent, seed)[: None if look is not None else 1]
        async with acting(actors, address, folder / "outbox", speed):
            if look is not None:
                return await show_agents(ServerFleet((address,)), look, preferences)
            return await _lines(address, actors[0].project)


async def _lines(server: Address, project: str) -> int:
    watch = Watch(server, ProjectRef(project_id(project), project), wait=True)
    try:
        return (await narrate(watch, PlainLines(), write_line)).code
    finally:
        await watch.aclose()
