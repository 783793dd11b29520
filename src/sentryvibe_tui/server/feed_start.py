"""What a builds feed begins with: what its watcher missed, or a whole list."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from ..errors import StoreUnavailable
from ..model.state import Millis
from ..store.contract import BuildFilter, Store
from ..wire.feed import encode_builds_recovery
from ..wire.summary import encode_summary
from .feed import FEED, Feed, FeedFilter, FeedWatcher
from .outbound_frame import OutboundFrame
from .settings import ServerLimits

MOST = 10_000
"""Builds of a list at most."""


class Wish(Struct, frozen=True):
    """What a feed is asked for. `ended`: how many builds that have ended it begins with."""

    filter: FeedFilter
    ended: int
    since: int | None
    epoch: str


class FeedStart:
    """Prepares the lists that feeds begin with; those that want the same share one reading and encoding of it."""

    def __init__(self, feed: Feed, store: Store, host: str) -> None:
        self._feed, self._store, self._host = feed, store, host
        self._lists: dict[tuple[FeedFilter, int, int], asyncio.Future[OutboundFrame]] = {}

    def renew(self) -> None:
        """The store is another one: nobody resumes, here or at another server, and no list from before is given."""
        self._feed.epoch = secrets.token_hex(8)
        self._lists.clear()

    async def start(self, watcher: FeedWatcher, wish: Wish) -> None:
        """What it missed, or a whole list. Raises StoreUnavailable."""
        if wish.since is not None and self._feed.can_resume(wish.epoch, wish.since):
            self._feed.begin(watcher, (), wish.since)
            return
        version = self._feed.hold(watcher)
        watcher.traffic.recoveries += 1
        self._feed.begin(watcher, (await self._shared(wish, version),), version)

    async def _shared(self, wish: Wish, version: int) -> OutboundFrame:
        cache_key = (wish.filter, wish.ended, version)
        listing = self._lists.get(cache_key)
        if listing is None:
            listing = asyncio.ensure_future(self._list(wish, version))
            self._lists = {key: one for key, one in self._lists.items() if key[2] == version} | {cache_key: listing}
        try:
            return await asyncio.shield(listing)
        except StoreUnavailable:
            self._lists.pop(cache_key, None)
            raise

    async def _list(self, wish: Wish, version: int) -> OutboundFrame:
        project_id = wish.filter.project_id
        builds = list((await self._store.all_builds(BuildFilter(project_id, active=True), MOST)).builds)
        if wish.ended and not wish.filter.active:
            builds += (await self._store.all_builds(BuildFilter(project_id, active=False), wish.ended)).builds

        def encoded() -> OutboundFrame:
            text = encode_builds_recovery(self._feed.epoch, version, map(encode_summary, builds), self._host)
            frame = OutboundFrame(text, FEED, version)
            _ = frame.packed_message
            return frame

        return await asyncio.to_thread(encoded)


def new_feed(clock: Callable[[], float], now: Callable[[], Millis], limits: ServerLimits) -> Feed:
    """Its epoch ends with the process: versions count in memory."""
    return Feed(secrets.token_hex(8), clock, now, limits)


def host_name() -> str:
    with suppress(OSError):
        return socket.gethostname()
    return ""
