"""Builds that ended long ago are deleted, but never the one that a project means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import StoreUnavailable
from ..model.state import Millis
from ..store.contract import BuildKey
from .context import ServerContext

log = logging.getLogger("sentryvibe_tui.server")

DAY: Millis = 24 * 3600 * 1000
_FIRST = 60.0
_EVERY = 3600.0
_AT_ONCE = 100
_PAUSE = 0.05


async def retain(context: ServerContext, days: int, deleted: Callable[[BuildKey], None] = lambda _: None) -> None:
    """Once an hour; 0 days: everything is kept. `deleted` hears of each build."""
    if not days:
        return
    await asyncio.sleep(_FIRST)
    while True:
        try:
            await delete_expired(context, context.now() - days * DAY, deleted)
        except StoreUnavailable as error:
            log.warning("no old builds are deleted: %s", error)
        except Exception:
            log.exception("no old builds are deleted")
        await asyncio.sleep(_EVERY)


async def delete_expired(
    context: ServerContext, before: Millis, deleted: Callable[[BuildKey], None] = lambda _: None
) -> int:
    """Delete ended builds of which nothing came since `before`, whenever their agents worked; how many."""
    count = 0
    while keys := await context.store.expired(before, _AT_ONCE):
        gone = 0
        for key in keys:
            if await context.store.delete(key):
                gone += 1
                context.expired(key)
                deleted(key)
            await asyncio.sleep(_PAUSE)
        count += gone
        if not gone:
            break
    if count:
        log.info("deleted %d builds that ended long ago", count)
    return count
