"""`GET /api/watchers`: who watches this server, for who looks after it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from ..model.state import Millis
from ..wire.json import encode
from .context import ServerContext
from .feed import FeedWatcher
from .hub import Watcher


class _Row(Struct, frozen=True, rename="camel"):
    """`project_id`: "" of the list of builds. `behind`: entries, or changes of the list, that it was not given yet;
    `waiting`: bytes that were given and that its peer has not taken."""

    name: str
    address: str
    transport: str
    protocol: int
    since: Millis
    project_id: str
    session_id: str
    build_id: str
    behind: int
    waiting: int
    recoveries: int
    frames: int
    bytes: int


def listing(context: ServerContext, host: str) -> bytes:
    """All links, the oldest first."""
    rows = sorted(_rows(context), key=lambda row: row.since)
    return encode({"host": host, "watchers": rows})


def _rows(context: ServerContext) -> Iterator[_Row]:
    for channel in context.hub.channels.values():
        for watcher in channel.watchers:
            build_id = "" if watcher.last is None else watcher.last.build_id
            behind = channel.head - watcher.cursor + len(watcher.backlog)
            yield _row(watcher, channel.project_id, watcher.selection.session_id, build_id, behind)
    for watcher in context.feed.watchers:
        behind = context.feed.version - watcher.cursor + len(watcher.backlog)
        yield _row(watcher, watcher.wanted.project_id, "", "", behind)


def _row(watcher: Watcher | FeedWatcher, project_id: str, session_id: str, build_id: str, behind: int) -> _Row:
    peer, traffic = watcher.outlet.peer, watcher.traffic
    return _Row(
        peer.name,
        peer.address,
        peer.transport,
        peer.protocol,
        peer.since,
        project_id,
        session_id,
        build_id,
        behind,
        watcher.outlet.waiting,
        traffic.recoveries,
        traffic.frames,
        traffic.bytes,
    )
