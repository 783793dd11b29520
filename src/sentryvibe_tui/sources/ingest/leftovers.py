"""What publishers that are gone left in their outboxes, sent by a server that starts: to itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from ...model.events import About
from ...wire.address import Address, parse_address

log = logging.getLogger("sentryvibe_tui.publisher")


@asynccontextmanager
async def left_behind(url: str, data: Path, outbox: Path, token: str = "") -> AsyncGenerator[None]:
    """Sends it while the block lasts; nothing is loaded for it where nothing was left."""
    work = asyncio.create_task(_send(_own(url, data, token), outbox)) if _is_there(outbox) else None
    try:
        yield
    finally:
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def _is_there(outbox: Path) -> bool:
    return any(outbox.glob("*.sqlite"))


def _own(url: str, data: Path, token: str) -> Address:
    return parse_address(url, token, str(data.resolve()))


async def _send(server: Address, outbox: Path) -> None:
    from ...client.publisher import Publisher
    from ...errors import OutboxUnusable

    try:
        async with Publisher(server, About("", "", ""), outbox) as publisher:
            await publisher.drain()
    except OutboxUnusable as error:
        log.warning("%s", error)
