"""Invented agents at work: what they report goes through the ingest that every agent uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from ..agents.demo.fleet import Actor
from ..model.events import About
from ..model.state import Agent
from ..wire.address import Address
from ..wire.projects import project_id


@asynccontextmanager
async def acting(actors: Iterable[Actor], server: Address, outbox: Path, speed: float) -> AsyncGenerator[None]:
    """They begin, each at its own pace, `speed` times as fast, and leave with the block."""
    tasks = [asyncio.create_task(_act(actor, server, outbox, speed)) for actor in actors]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _act(actor: Actor, server: Address, outbox: Path, speed: float) -> None:
    """What an agent reports, step by step."""
    from ..client.publisher import Publisher

    name = f"demo-{actor.project}"
    about = About(project_id(actor.project), name, name, Agent(project_name=actor.project))
    async with Publisher(server, about, outbox) as publisher:
        for step in actor.steps:
            await asyncio.sleep(step.delay_ms / 1000 / speed)
            publisher.publish(step.event)
        await publisher.drain()
