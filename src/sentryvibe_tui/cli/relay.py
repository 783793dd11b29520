"""`run --acp`: an agent and its editor, which notice nothing of us."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..settings import Settings, data_dir
from ..wire.address import Address
from ..wire.projects import ProjectName
from .options import redactor
from .output import tell

if TYPE_CHECKING:
    from ..sources.run.relay import Relay


async def relayed(
    argv: tuple[str, ...], project: ProjectName | None, server: Address | None, preferences: Settings
) -> int:
    """The agent's exit status. Whether anything can be published makes no difference to it."""
    from ..sources.run.relay import Relay

    relay = Relay(argv, project, redactor(preferences))
    return await relay.run(lambda: asyncio.create_task(_publish(relay, server, preferences)), tell)


async def _publish(relay: Relay, server: Address | None, preferences: Settings) -> None:
    from ..errors import CannotServe
    from ..server.embedded import kept_served, server_here

    try:
        async with server_here(server, preferences, tell) as address:
            if server is not None:
                await relay.publish(address, data_dir(preferences) / "outbox", tell)
                return
            async with kept_served(relay, address, preferences, tell):
                await relay.publish(address, data_dir(preferences) / "outbox", tell)
    except (CannotServe, OSError) as error:
        tell(f"the agent goes on unwatched: {error}")
