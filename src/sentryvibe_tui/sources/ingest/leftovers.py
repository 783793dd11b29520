"""What publishers that are gone left in their outboxes, sent by a server that starts: to itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from ...model.events import About
from ...wire.address import Address

log = logging.getLogger("sentryvibe_tui.publisher")


@asynccontextmanager
async def left_behind(server: Address, outbox: Path) -> AsyncGenerator[None]:
    """Sends it to `server` while the block lasts; nothing is loaded for it where nothing was left."""
    work = asyncio.create_task(_send(server, outbox)) if _is_there(outbox) else None
    try:
        yield
    finally:
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def _is_there(outbox: Path) -> bool:
    return any(outbox.glob("*.sqlite"))


async def _send(server: Address, outbox: Path) -> None:
    from ...client.publisher import Publisher
    from ...errors import OutboxUnusable

    try:
        async with Publisher(server, About("", "", ""), outbox) as publisher:
            await publisher.drain()
    except OutboxUnusable as error:
        log.warning("%s", error)
