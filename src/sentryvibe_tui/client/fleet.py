"""The builds of several servers as one stream: the words between the client and the overview."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from msgspec import Struct
from msgspec.structs import replace

from ..model.state import BuildState
from ..model.summary import BuildKey, BuildSummary
from ..model.text import clean_line
from ..wire.address import Address
from .watchers import ServerWatchers
from .watching import LinkChanged, LinkStatus, Watching

if TYPE_CHECKING:
    from .builds import BuildsWatch
    from .watch import Watch

log = logging.getLogger("sentryvibe_tui.client")

ENDED = 500
"""Builds that ended of which a server tells at first, the latest."""


class ServerLink(Struct, frozen=True):
    """How the link to a server stands. `server` is its identity, `label` what a person calls it."""

    server: str
    label: str
    status: LinkStatus


class ServerBuilds(Struct, frozen=True):
    """All builds that a server tells of: it has no others."""

    server: str
    builds: tuple[BuildSummary, ...]


class BuildChanges(Struct, frozen=True):
    """What changed since. A build's `host` is "" on this machine."""

    server: str
    changed: tuple[BuildSummary, ...] = ()
    removed: tuple[BuildKey, ...] = ()


FleetEvent = ServerLink | ServerBuilds | BuildChanges


class Fleet(Protocol):
    """All agents as an overview sees them (`ServerFleet` over servers, a script in tests)."""

    def events(self) -> AsyncIterator[FleetEvent]:
        """What happens, until the overview is left."""
        ...

    def retry_now(self) -> None:
        """Try the links at once."""
        ...

    async def build(self, server: str, key: BuildKey) -> BuildState | None:
        """A build as it is now; None where it cannot be read."""
        ...

    def watch(self, server: str, build: BuildSummary) -> Watching:
        """A watch on the session of a build."""
        ...

    def address_of(self, name: str) -> Address | None:
        """Where the server of that identity is; None where none is there yet."""
        ...

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        """Who watches each of the servers."""
        ...

    def outlook(self) -> tuple[str, ...]:
        """Where agents are looked for, in lines for a person who sees none."""
        ...


class ServerFleet:
    """`Fleet` over the builds feeds of `servers`."""

    def __init__(self, servers: Sequence[Address]) -> None:
        self._servers = {server.identity: server for server in servers}
        self._feeds: dict[str, BuildsWatch] = {}
        self._watches: dict[str, WeakSet[Watch]] = {}
        self._queue: asyncio.Queue[FleetEvent] = asyncio.Queue(1_000)

    def announce(self, event: FleetEvent) -> None:
        """An event of the fleet's own, behind what its servers told. One that finds no room is in the log alone."""
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(event)

    async def events(self) -> AsyncIterator[FleetEvent]:
        from .builds import BuildsWatch

        queue = self._queue
        self._feeds = {
            name: BuildsWatch(server, ended=ENDED, probe=True, stay=True) for name, server in self._servers.items()
        }
        tasks = [asyncio.create_task(self._listen(name, feed, queue)) for name, feed in self._feeds.items()]
        try:
            while True:
                yield await queue.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, name: str, feed: BuildsWatch, queue: asyncio.Queue[FleetEvent]) -> None:
        from .builds_link import BuildsChanged, BuildsListed

        address = self._servers[name]
        local = sum(server.is_loopback for server in self._servers.values())
        here = f":{address.port}" if local > 1 else "this machine"
        label = here if address.is_loopback else address.host
        try:
            async for event in feed.events():
                match event:
                    case LinkChanged(status):
                        await queue.put(ServerLink(name, label, status))
                    case BuildsListed(builds):
                        await queue.put(ServerBuilds(name, _placed(builds, address)))
                    case BuildsChanged(builds, removed):
                        await queue.put(BuildChanges(name, _placed(builds, address), removed))
                    case _:
                        pass
        except Exception as error:  # nobody waits for this task
            log.exception("%s is listened to no longer", address.base)
            reason = clean_line(f"{type(error).__name__}: {error}")
            await queue.put(ServerLink(name, label, LinkStatus("refused", reason=reason)))

    def begin_with(self, name: str, server: Address) -> None:
        """`server` before the others, one of which it may be; before `events` is listened to."""
        others = {known: one for known, one in self._servers.items() if one.base != server.base}
        self._servers = {name: server, **others}

    def move(self, name: str, server: Address) -> None:
        """The builds of the server `name` are at this address from now on."""
        self._servers[name] = server
        feed = self._feeds.get(name)
        for watch in (*([feed] if feed else []), *self._watches.get(name, ())):
            watch.turn_to(server)

    def address_of(self, name: str) -> Address | None:
        return self._servers.get(name)

    def is_lost(self, name: str) -> bool:
        """Whether a server that was there is out of reach."""
        return name in self._feeds and self._feeds[name].status.lost_at is not None

    def retry_now(self) -> None:
        for feed in self._feeds.values():
            feed.retry_now()

    async def build(self, server: str, key: BuildKey) -> BuildState | None:
        from .rest import build

        return await build(self._servers[server], key.project_id, key.session_id, key.build_id)

    def watch(self, server: str, build: BuildSummary) -> Watching:
        from .rest import ProjectRef
        from .watch import Watch

        project = ProjectRef(build.project_id, build.project_name)
        watch = Watch(self._servers[server], project, build.session_id, wait=True, probe=True)
        self._watches.setdefault(server, WeakSet()).add(watch)
        return watch

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        from .rest import list_watchers

        return tuple(await asyncio.gather(*map(list_watchers, self._servers.values())))

    def outlook(self) -> tuple[str, ...]:
        there = ", ".join(server.base for server in self._servers.values())
        return (f"No agent publishes to {there} yet.", "", "sentryvibe-tui follow --all   publishes what runs there")


def _placed(builds: tuple[BuildSummary, ...], server: Address) -> tuple[BuildSummary, ...]:
    """An original server does not say on which machine it is: its address does."""
    if server.is_loopback:
        return builds
    return tuple(build if build.host else replace(build, host=server.host) for build in builds)
