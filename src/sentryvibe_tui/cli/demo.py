"""`demo`: an invented build through a real server."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import click

from ..agents.demo.stream import DemoAgent, demo_build
from ..client.rest import ProjectRef
from ..client.watch import Watch
from ..model.events import About
from ..report.narrate import narrate
from ..report.plain import PlainLines
from ..settings import Settings
from ..wire.projects import project_id
from .options import EXIT_CODES, settings
from .output import any_text, write_line
from .screen import Flags, Looks, has_terminal, log_to_file, look_options, looks, show, tell_wrong_theme

NAME = "demo"


@click.command("demo", epilog=EXIT_CODES)
@click.option("--agent", type=click.Choice(["claude", "codex"]), default="claude", show_default=True)
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Times as fast.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another build.")
@click.option("--plain", is_flag=True, help="One line for each event; the default without a terminal.")
@look_options
def command(agent: str, speed: float, seed: int, plain: bool, flags: Flags) -> int:
    """Watch an invented build, to see what this is.

    Starts a server of its own on a free port, publishes the build to it as an agent would and opens the screen on
    it. Nothing of it is kept.
    """
    ours = settings().settings
    look = None if plain or not has_terminal() else looks(ours, flags)
    if look is None:
        tell_wrong_theme(flags)
    any_text()
    with _in_order(), tempfile.TemporaryDirectory(prefix="sentryvibe-demo-") as folder:
        return asyncio.run(_demo(Path(folder), cast("DemoAgent", agent), speed, seed, look, ours))


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


async def _demo(folder: Path, agent: DemoAgent, speed: float, seed: int, look: Looks | None, ours: Settings) -> int:
    from ..server.serve import running

    if look is not None:
        log_to_file(ours)
    async with running(folder / "data") as server:
        about = About(project_id(NAME), f"demo-{agent}-{seed}", f"demo-{agent}-{seed}")
        playing = asyncio.create_task(_play(server.url, about, folder / "outbox", agent, speed, seed))
        watch = Watch(server.url, ProjectRef(about.project_id, NAME), wait=True)
        try:
            if look is not None:
                return await show(watch, NAME, look, ours)
            return (await narrate(watch, PlainLines(), write_line)).code
        finally:
            playing.cancel()
            await watch.aclose()
            with suppress(asyncio.CancelledError):
                await playing


async def _play(url: str, about: About, outbox: Path, agent: DemoAgent, speed: float, seed: int) -> None:
    """The build, step by step, through the ingest that every agent uses."""
    from ..client.publisher import Publisher

    async with Publisher(url, about, outbox) as publisher:
        for step in demo_build(agent, seed):
            await asyncio.sleep(step.delay_ms / 1000 / speed)
            publisher.publish(step.event)
        await publisher.drain()
