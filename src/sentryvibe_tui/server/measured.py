"""What `/metrics` says of now, beside what was counted: watchers, rings, builds, the store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from ..errors import StoreUnavailable
from ..model.reducer import RULES
from ..store.contract import StoreFigures
from ..version import __version__
from .context import ServerContext
from .metrics import Gauge
from .shared_channel import SharedChannel

WITHIN = 2.0
"""Seconds that a store has for its figures: whoever collects them waits for some ten."""


async def gauges(context: ServerContext, runners: int, within: float = WITHIN) -> Sequence[Gauge]:
    """Without those of a store that does not answer `within` so many seconds."""
    try:
        async with asyncio.timeout(within):
            figures = await context.store.figures()
    except (StoreUnavailable, TimeoutError):  # then the others are wanted most
        figures = None
    return (*_server(context, runners), *_links(context), *(() if figures is None else _store(figures)))


def _server(context: ServerContext, runners: int) -> Iterator[Gauge]:
    hub, feed = context.hub, context.feed
    channels = tuple(hub.channels.values())
    build = f'version="{__version__}",epoch="{hub.epoch}",rules="{RULES}"'
    yield Gauge("build_info", "This server.", 1, build)
    yield Gauge("runners", "Links of original runners.", runners)
    yield Gauge("builds_active", "Builds that go on.", context.liveness.builds)
    yield Gauge("ring_entries", "Recent entries in memory, of watched projects.", sum(c.ring_entries for c in channels))
    yield Gauge("ring_bytes", "Their size.", sum(c.ring_bytes for c in channels))
    for scope, frames in (("project", hub.frames), ("builds", feed.frames)):
        yield Gauge("frames_sent_total", "Frames given to links.", frames, f'scope="{scope}"')
    for scope, size in (("project", hub.frame_bytes), ("builds", feed.frame_bytes)):
        yield Gauge("frame_bytes_total", "Their size before compression.", size, f'scope="{scope}"')
    lag = sum(channel.lag for channel in channels if isinstance(channel, SharedChannel))
    yield Gauge("hint_lag_versions", "Entries of other servers heard of and not read yet.", lag)


def _links(context: ServerContext) -> Iterator[Gauge]:
    projects = Counter(w.outlet.peer.transport for c in context.hub.channels.values() for w in c.watchers)
    builds = Counter(watcher.outlet.peer.transport for watcher in context.feed.watchers)
    for scope, counts in (("project", projects), ("builds", builds)):
        for transport in ("ws", "sse"):
            labels = f'scope="{scope}",transport="{transport}"'
            yield Gauge("watchers", "Links of watchers: of a project, and of all builds.", counts[transport], labels)


def _store(figures: StoreFigures) -> Iterator[Gauge]:
    yield Gauge("live_bytes", "States in memory, about.", figures.live_bytes)
    yield Gauge("snapshots_total", "Snapshots of states that were made.", figures.snapshots)
    yield Gauge("wal_bytes", "The write-ahead log (SQLite).", figures.wal_bytes)
    yield Gauge("database_bytes", "The database.", figures.database_bytes)
    yield Gauge("db_connects_total", "Connections that wrote (PostgreSQL): above 1 some were lost.", figures.connects)
    yield Gauge("append_conflicts_total", "Groups that another server was faster than (PostgreSQL).", figures.conflicts)
    words = "Entries of other servers that a group was put behind (PostgreSQL)."
    yield Gauge("foreign_entries_folded_total", words, figures.foreign)
    for path, count in figures.commits.items():
        yield Gauge("commits_total", "Groups, by the way that they were committed.", count, f'path="{path}"')
    for outcome, count in figures.settled.items():
        words = "Groups whose answer was lost (PostgreSQL), by what had become of them."
        yield Gauge("commit_unknown_total", words, count, f'settled="{outcome}"')
