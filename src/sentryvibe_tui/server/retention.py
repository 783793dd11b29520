"""Builds that ended long ago are deleted, but never the one that a project means."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from msgspec import Struct

from ..errors import StoreUnavailable
from ..model.state import Millis
from ..store.contract import BuildKey, Expiry
from ..wire.ids import RULE, is_id
from ..wire.json import encode
from .asgi import HTTPError
from .context import ServerContext

log = logging.getLogger("sentryvibe_tui.server")

DAY: Millis = 24 * 3600 * 1000
AT_ONCE = 50
"""Builds that are deleted before it is looked again: a few seconds."""
_FIRST = 60.0
_EVERY = 3600.0
_PAUSE = 0.05
_LISTING = 10_000


class Deleted(Struct, frozen=True):
    """Builds that were deleted, and the entries of their logs."""

    builds: int = 0
    entries: int = 0


async def retain(context: ServerContext, days: int, deleted: Callable[[BuildKey], None] = lambda _: None) -> None:
    """Once an hour; 0 days: everything is kept. `deleted` hears of each build."""
    if not days:
        return
    await asyncio.sleep(_FIRST)
    while True:
        try:
            await _delete_all(context, Expiry(context.now() - days * DAY), deleted)
        except StoreUnavailable as error:
            log.warning("no old builds are deleted: %s", error)
        except Exception:
            log.exception("no old builds are deleted")
        await asyncio.sleep(_EVERY)


async def _delete_all(context: ServerContext, expiry: Expiry, hear: Callable[[BuildKey], None]) -> None:
    count = 0
    while (deleted := await delete_expired(context, expiry, hear)).builds:
        count += deleted.builds
    if count:
        log.info("deleted %d builds that ended long ago", count)


async def delete_expired(
    context: ServerContext, expiry: Expiry, hear: Callable[[BuildKey], None] = lambda _: None
) -> Deleted:
    """Delete some of the builds that have had their time, one after another; none: nothing is left to delete.

    `hear` gets each.
    """
    deleted = Deleted()
    for build in await context.store.expired(expiry, AT_ONCE):
        if await context.store.delete(build.key, expiry.before):
            deleted = Deleted(deleted.builds + 1, deleted.entries + build.entries)
            context.expired(build.key)
            hear(build.key)
        await asyncio.sleep(_PAUSE)
    context.metrics.deleted(deleted.builds)
    return deleted


async def list_expired(context: ServerContext, parameters: dict[str, str]) -> bytes:
    """What `prune` would delete, the oldest first."""
    rows = [
        {
            "projectId": build.key.project_id,
            "sessionId": build.key.session_id,
            "buildId": build.key.build_id,
            "entries": build.entries,
        }
        for build in await context.store.expired(_expiry(parameters), _LISTING)
    ]
    return encode({"builds": rows})


async def delete_some(context: ServerContext, parameters: dict[str, str], hear: Callable[[BuildKey], None]) -> bytes:
    """Deletes some of them; to be asked for again until it has deleted none."""
    deleted = await delete_expired(context, _expiry(parameters), hear)
    return encode({"deleted": deleted.builds, "entries": deleted.entries})


def _expiry(parameters: dict[str, str]) -> Expiry:
    """Raises HTTPError (400)."""
    project_id = parameters.get("projectId", "")
    if project_id and not is_id(project_id):
        raise HTTPError(400, RULE, field="projectId")
    return Expiry(_number(parameters, "before"), max(1, _number(parameters, "keep", "1")), project_id)


def _number(parameters: dict[str, str], name: str, default: str = "") -> int:
    text = parameters.get(name, default)
    if not (text.isascii() and text.isdecimal() and len(text) < 17):
        raise HTTPError(400, "a whole number is needed", field=name)
    return int(text)
