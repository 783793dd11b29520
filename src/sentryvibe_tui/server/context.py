"""What the endpoints of one server share: store, hub, starting points, and who is alive."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import cast

from ..bus.bus import Bus
from ..errors import StoreUnavailable
from ..model.attention import Attention, AttentionEvent
from ..model.state import Millis
from ..store.contract import BuildDamaged, BuildFilter, BuildKey, Commit, SharedStore, Store
from ..wire.envelope import EventEnvelope
from .catch_up import CatchUp
from .draining import RESTART, STOPPING, spread
from .feed_start import MOST, FeedStart, host_name, new_feed
from .hub import Channel, Hub, Watcher
from .liveness import Liveness, end_of_silence
from .metrics import Metrics
from .peers import Peers
from .settings import ServerLimits
from .shared_channel import SharedChannel

log = logging.getLogger("sentryvibe_tui.server")

NOT_FOUND = 4404
_FEW = 10


class ServerContext:
    """`bus`: with a store that other servers share, a `SharedStore`."""

    def __init__(
        self,
        store: Store,
        settings: ServerLimits,
        bus: Bus | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.store = store
        self._chance = chance
        self.settings = settings
        self.metrics = Metrics()
        self.liveness = Liveness(time.monotonic, self.now)
        kind = Channel if bus is None else SharedChannel
        self.hub = Hub(store.epoch, time.monotonic, self.now, self.liveness.sign, kind, settings)
        self._shared = None if bus is None else cast("SharedStore", store)
        self.catch_up = CatchUp(self.hub, store, self.now, settings, self.metrics.recovered)
        self.feed = new_feed(time.monotonic, self.now, settings)
        self.feed_start = FeedStart(self.feed, store, host_name())
        self._peers = None
        if bus is not None and self._shared is not None:
            hear, deleted = self._list, self._deleted_elsewhere
            self._peers = Peers(
                self._shared, bus, self.hub, hear, deleted, time.monotonic, settings, metrics=self.metrics
            )
        self._flushing: asyncio.TimerHandle | None = None
        self.on_attention: Callable[[Sequence[AttentionEvent]], None] = lambda _: None
        self._attention = Attention()
        self._unpublished: list[Commit] = []
        self._unpublished_since = 0.0
        self._publishing: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @staticmethod
    def now() -> Millis:
        return time.time_ns() // 1_000_000

    async def start(self) -> None:
        self.hub.on_loss = self._restart
        self._attention.listed((await self.store.all_builds(BuildFilter(active=True), MOST)).builds, self.now())
        self.store.on_commit(self._committed)
        self.store.on_sync(self.metrics.synced)
        self.liveness.expect(await self.store.active_builds())
        self._keep(asyncio.create_task(self._rounds(), name="rounds"))
        self._keep(asyncio.create_task(self.metrics.measure_loop(), name="loop lag"))
        if self._peers is not None and self._shared is not None:
            self._shared.on_epoch(self._renewed)
            await self._peers.start()
            self._keep(asyncio.create_task(self._peers.run(), name="peers"))

    async def stop(self) -> None:
        self.dismiss(STOPPING)
        if self._flushing is not None:
            self._flushing.cancel()
        if self._peers is not None:
            await self._peers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dismiss(self, reason: str) -> None:
        """Ends every watcher's link; they come back, one after another."""
        wait = spread(self.hub.watchers + len(self.feed.watchers), self._chance)
        self.hub.close(RESTART, reason, wait)
        self.feed.close(RESTART, reason, wait)

    async def deleted(self, key: BuildKey) -> None:
        """Who watches its project comes back, and gets what it is now; a project without builds is gone."""
        self.expired(key)
        self.liveness.forget(key)
        try:
            is_gone = await self.store.project(key.project_id) is None
        except StoreUnavailable:  # the build is deleted all the same; who comes back hears of the project
            is_gone = False
        if is_gone:
            self.hub.dismiss(key.project_id, NOT_FOUND, "the project was deleted")
        else:
            self.hub.dismiss(key.project_id, RESTART, "a build was deleted")

    async def _deleted_elsewhere(self, key: BuildKey) -> None:
        """By another server, perhaps because it was old: only who may have heard of it has to come back."""
        channel = self.hub.channels.get(key.project_id)
        if channel is not None and channel.knows(key):
            await self.deleted(key)
        else:
            self.expired(key)

    def expired(self, key: BuildKey) -> None:
        """A build that its project does not mean is gone."""
        self.feed.remove(key)
        self._plan_flush()

    def _committed(self, commits: Sequence[Commit]) -> None:
        """A few watchers are told at once; many only after the publishers have their answers."""
        self.metrics.committed(commits)
        if self._peers is not None:
            self._peers.committed(commits)
        self._list(commits)
        if not self._unpublished:
            self._unpublished_since = self.metrics.safe_at
        self._unpublished.extend(commits)
        if self._publishing is None and self.hub.watchers > _FEW:
            self._publishing = asyncio.get_running_loop().call_soon(self._publish)
        elif self._publishing is None:
            self._publish()

    def _list(self, commits: Sequence[Commit]) -> None:
        """Lists and clocks; the hub has the entries from whoever heard of them."""
        self.liveness.committed(commits)
        self.feed.note(commits)
        self._plan_flush()

    async def agent_heartbeat(self, key: BuildKey, outbox: int) -> bool:
        """The publisher of `key` lives, and so many events wait with it. False: no such build is active."""
        is_known = self.liveness.heartbeat(key, outbox)
        if self._peers is None:
            return is_known
        if not is_known:
            head = await self.store.find_build(key.project_id, key.session_id, key.build_id)
            if head is None or not head.is_active:
                return False
            self.liveness.expect((key,))
            self.liveness.heartbeat(key, outbox)
        self._peers.agent_lives(key)
        return True

    def _renewed(self) -> None:
        """The store is another one: whoever watches begins anew."""
        self.hub.epoch = self.store.epoch
        self.catch_up.forget()
        self.feed_start.renew()
        self.dismiss("the database was set back")
        if self._peers is not None:
            self._peers.forget()

    def _plan_flush(self) -> None:
        """The feed's next frames; the first after a pause goes out at once."""
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(self.feed.delay, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._attend(self._attention.changed(self.feed.flush(), self.now()))

    def _attend(self, events: Sequence[AttentionEvent]) -> None:
        if news := [event for event in events if event.is_fresh(self.now())]:
            self.on_attention(news)

    def _publish(self) -> None:
        commits, self._unpublished, self._publishing = self._unpublished, [], None
        if self.hub.publish(commits) and any(commit.entries for commit in commits):  # a mark of damage has none
            self.metrics.delivered(self._unpublished_since)
        if self._peers is not None:
            self._peers.published(commits)

    def _restart(self, watcher: Watcher) -> None:
        self._keep(asyncio.create_task(self._start_again(watcher)))

    async def _start_again(self, watcher: Watcher) -> None:
        try:
            await self.catch_up.restart(watcher)
        except StoreUnavailable as error:
            log.warning("no starting point: %s", error)
            self.metrics.unavailable(error.reason)
            watcher.outlet.close(RESTART, "the store is unavailable")
        except Exception:  # a watcher that gets nothing more must not take its link for a quiet one
            log.exception("no starting point")
            watcher.outlet.close(RESTART, "the server cannot tell the state")

    async def _rounds(self) -> None:
        """Again and again, whatever goes wrong in one round."""
        while True:
            await asyncio.sleep(self.settings.round_every)
            try:
                await self._round()
            except StoreUnavailable as error:
                log.warning("cannot end silent builds: %s", error)
            except Exception:
                log.exception("a round failed")

    async def _round(self) -> None:
        """Heartbeats, links that stand still, agents that fell silent."""
        self.hub.beat(self.settings.heartbeat, self.settings.idle_heartbeat)
        self.hub.close_stalled(self.settings.send_timeout)
        self.feed.beat(self.settings.heartbeat)
        self.feed.close_stalled(self.settings.send_timeout)
        self._attend(self._attention.late(self.now()))
        silent = await self._silent()
        ends = [self.store.append((end,), self.now()) for end in silent]
        for end, answer in zip(silent, await asyncio.gather(*ends, return_exceptions=True), strict=True):
            if isinstance(answer, BuildDamaged):
                self.liveness.forget(answer.key)
            elif isinstance(answer, BaseException):
                log.warning("cannot end a silent build of %s: %s", end.about.project_id, answer)
            else:
                self.liveness.end_posted((end,))
                self.metrics.interrupted()

    async def _silent(self) -> Sequence[EventEnvelope]:
        """The ends of builds whose agents fell silent; of several servers, one gets each."""
        bound = self.settings.silence
        if self._shared is None:
            return self.liveness.silent(bound)
        return [end_of_silence(key, bound, rounds) for key, rounds in await self._shared.silent(bound)]

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
