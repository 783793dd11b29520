"""Where what passes a relay is published: to a server that is named, runs here, or is begun for it."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import CannotServe
from ...settings import Settings, data_dir
from ...wire.address import Address
from .relay import Relay


async def publish_relay(relay: Relay, server: Address | None, settings: Settings, tell: Callable[[str], None]) -> None:
    """Until the agent ends, which goes on where nothing can be published."""
    from ...server.embedded import kept_served, server_here

    outbox = data_dir(settings) / "outbox"
    try:
        async with server_here(server, settings, tell) as address:
            if server is not None:
                await relay.publish(address, outbox, tell)
                return
            async with kept_served(relay, address, settings, tell):
                await relay.publish(address, outbox, tell)
    except (CannotServe, OSError) as error:
        tell(f"the agent goes on unwatched: {error}")
