"""This machine as a fleet, when what follows its agents stops."""

import asyncio

from sentryvibe_tui.client.fleet import ServerLink
from sentryvibe_tui.errors import OutboxUnusable
from sentryvibe_tui.settings import Settings
from sentryvibe_tui.sources.machine import Machine
from sentryvibe_tui.wire.address import Address

from ..patience import PATIENCE


class Stopping(Machine):
    async def _follow(self, found: asyncio.Future[Address]) -> None:
        found.set_result(Address("http://127.0.0.1:9"))
        await asyncio.sleep(0)
        raise OutboxUnusable("the outbox is full")


async def test_why_agents_are_followed_no_longer_is_told() -> None:
    machine = Stopping(Settings(), None, lambda _: None)
    async with asyncio.timeout(PATIENCE):
        async for event in machine.events():
            if isinstance(event, ServerLink) and event.status.phase == "refused":
                break
    assert event.status.reason == "the outbox is full"
    assert "the outbox is full" in machine.outlook()
