"""The other servers over one store: what they committed is read here, what was committed here they are told of.

Hints say which builds moved; a look at the store once a second finds what no hint told. Both only make this server
read: the store is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set

from ..bus.bus import Bus
from ..errors import StoreUnavailable
from ..store.contract import BuildHead, BuildKey, Commit, SharedStore
from .hub import Hub
from .metrics import Metrics
from .settings import ServerLimits
from .shared_channel import SharedChannel

log = logging.getLogger("sentryvibe_tui.server")

WINDOW = 0.005
"""Seconds that hints are collected before the store is read."""
_MARKED = 0
"""In a hint, instead of a version: the build has no new entry, but its row says something else, that it is damaged."""
HEARD_EVERY = 5.0
"""Seconds between two notes in the store of which agents were heard."""


class Peers:
    """`hear`: gets what other servers committed, with summaries, and with entries where somebody watches. `deleted`:
    gets the builds that they deleted.

    `window`: seconds that hints are collected for.
    """

    def __init__(
        self,
        store: SharedStore,
        bus: Bus,
        hub: Hub,
        hear: Callable[[Sequence[Commit]], None],
        deleted: Callable[[BuildKey], Awaitable[None]],
        clock: Callable[[], float],
        limits: ServerLimits,
        window: float = WINDOW,
        metrics: Metrics | None = None,
    ) -> None:
        self._store, self._bus, self._hub, self._clock = store, bus, hub, clock
        self._hear, self._deleted = hear, deleted
        self._look_every, self._most, self._window = limits.look_every, limits.resume_limit, window
        self._metrics = metrics or Metrics()
        self._versions: dict[int, int] = {}
        self._active: set[int] = set()
        self._moved: set[int] = set()
        self._marked: set[int] = set()
        self._gone: dict[BuildKey, None] = {}
        self._unhinted: set[int] = set()
        self._signs: dict[BuildKey, None] = {}
        self._heard_at = self._looked_at = clock()
        self._wake = asyncio.Event()
        self._must_look = False

    async def start(self) -> None:
        """What is active now is known. Raises StoreUnavailable."""
        self._note(await self._store.active_heads())
        await self._store.deletions()
        self._bus.start(self._hinted, self._joined)

    async def stop(self) -> None:
        await self._bus.stop()

    def committed(self, commits: Sequence[Commit]) -> None:
        """Here: the others hear of it."""
        self._note([commit.head for commit in commits])
        self._bus.announce((one.head.number, one.head.version if one.entries else _MARKED) for one in commits)

    def published(self, commits: Sequence[Commit]) -> None:
        """The hub has them; what it lacks between is read."""
        for project_id in {commit.head.key.project_id for commit in commits}:
            channel = self._hub.channels.get(project_id)
            if isinstance(channel, SharedChannel) and channel.is_behind:
                self._wake.set()

    def agent_lives(self, key: BuildKey) -> None:
        """Its publisher says so here; the other servers have to know, too."""
        self._signs[key] = None

    def forget(self) -> None:
        """The log is another one."""
        self._versions.clear()
        self._lost()

    async def run(self) -> None:
        """Reads what the others write, for ever."""
        while True:
            wait = max(0.0, self._looked_at + self._look_every - self._clock())
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
                await asyncio.sleep(self._window)
            except TimeoutError:
                self._must_look = True
            self._wake.clear()
            try:
                await self._read()
            except StoreUnavailable as error:
                log.warning("other servers' builds wait: %s", error)
            except Exception:
                log.exception("other servers' builds could not be read")

    # ------------------------------------------------------------------ what moved

    def _hinted(self, versions: Mapping[int, int]) -> None:
        self._unhinted -= versions.keys()
        marked = {number for number, version in versions.items() if version == _MARKED}
        moved = marked | {number for number, version in versions.items() if self._versions.get(number, 0) < version}
        self._marked |= marked
        self._metrics.hinted(len(moved), len(versions) - len(moved))
        if moved:
            self._moved |= moved
            self._wake.set()

    def _joined(self) -> None:
        self._metrics.bus_joined()
        self._lost()

    def _lost(self) -> None:
        self._must_look = True
        self._wake.set()

    def _note(self, heads: Iterable[BuildHead]) -> None:
        for head in heads:
            self._versions[head.number] = max(head.version, self._versions.get(head.number, 0))
            if head.is_active:
                self._active.add(head.number)
            else:
                self._active.discard(head.number)

    def _channels(self) -> list[SharedChannel]:
        return [channel for channel in self._hub.channels.values() if isinstance(channel, SharedChannel)]

    async def _read(self) -> None:
        looks, self._must_look = self._must_look, False
        numbers, self._moved = self._moved, set()
        marked, self._marked = self._marked, set()
        try:
            heads = await (self._look(numbers) if looks else self._store.heads(tuple(numbers)))
            moved = [head for head in heads if head.number in marked or self._has_moved(head)]
            if looks:
                self._metrics.healed(len(self._unhinted))
                self._unhinted = {head.number for head in moved} - numbers - self._moved  # whose hint may be late
            await self._read_moved(moved)
        except BaseException:
            self._must_look = True
            self._moved |= numbers
            self._marked |= marked
            raise

    def _has_moved(self, head: BuildHead) -> bool:
        """It has more entries than are known here, or goes on no longer: it was found damaged."""
        return self._versions.get(head.number, 0) < head.version or (head.number in self._active and not head.is_active)

    async def _look(self, hinted: Set[int]) -> list[BuildHead]:
        """Every head that may have moved: of active builds, of those that were, of those that are watched, and of those
        that a hint named."""
        self._looked_at = self._clock()
        await self._store.sign_of_life()
        await self._read_deletions()
        if self._signs and self._clock() - self._heard_at >= HEARD_EVERY:
            self._heard_at = self._clock()
            keys, self._signs = tuple(self._signs), {}
            await self._store.heard(keys)
        active = await self._store.active_heads()
        watched = {head.number for channel in self._channels() for head in channel.heads.values()}
        rest = (self._active | watched | hinted) - {head.number for head in active}
        return [*active, *(await self._store.heads(tuple(rest)) if rest else ())]

    async def _read_deletions(self) -> None:
        """Lists forget what is gone; what was made anew since is heard of again. What fails is done at the next look,
        since the store tells of a deletion once."""
        self._gone |= dict.fromkeys(await self._store.deletions())
        if not self._gone:
            return
        for key in self._gone:
            await self._deleted(key)
        if anew := await self._store.changes(tuple(self._gone)):
            self._hear(anew)
        self._gone.clear()

    async def _read_moved(self, moved: Sequence[BuildHead]) -> None:
        for head in moved:
            channel = self._hub.channels.get(head.key.project_id)
            if isinstance(channel, SharedChannel):
                channel.hear(head)
        tails = await self._read_tails()
        told = {commit.head.key for commit in tails}
        rest = [head.key for head in moved if head.key not in told]
        changes = await self._store.changes(rest) if rest else ()
        self._note(moved)
        self._hear((*tails, *changes))

    async def _read_tails(self) -> Sequence[Commit]:
        """One query for all that is watched here; a watcher that lacks too much begins again instead."""
        since: dict[BuildKey, int] = {}
        for channel in self._channels():
            if channel.pass_over(self._most):
                self._hub.begin_again(channel)
            since |= channel.behind()
        if not since:
            return ()
        start = self._metrics.clock()
        tails = await self._store.tails(since, self._most)
        self._metrics.tails_read(start)
        self._hub.publish(tails)
        return tails
