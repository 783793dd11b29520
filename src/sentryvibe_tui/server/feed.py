"""The builds feed: summaries of what changed, to whoever lists builds (docs/protocol.md#builds-feed).

A watcher is a cursor on one list of the builds that changed, the latest last; each build stands in it once. So what a
slow watcher misses is bounded by the number of builds, and resuming is reading the list from a version on. Everything
here is synchronous and knows no sockets, as in `hub`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from ..model.state import Millis
from ..model.summary import BuildKey, BuildSummary
from ..store.contract import Commit
from ..wire.feed import encode_builds_update
from ..wire.frames import Heartbeat, encode_heartbeat
from .outbound_frame import OutboundFrame
from .receiver import TOO_SLOW, Outlet, Receiver
from .settings import DEFAULT_LIMITS, ServerLimits

PERIOD = 0.2
"""Seconds between two frames at least: a build is told of at most five times a second."""


class FeedFilter(Struct, frozen=True):
    """Which builds: of a project ("" all), those that go on only."""

    project_id: str = ""
    active: bool = False


class _Change(Struct, frozen=True):
    """`encoded`: the summary as JSON; None: the build was deleted."""

    version: int
    encoded: bytes | None
    is_active: bool


class FeedWatcher(Receiver):
    """`cursor`: version that its outlet has been given all up to; `sent`: of the last frame that said so."""

    def __init__(self, feed_filter: FeedFilter, outlet: Outlet, cursor: int) -> None:
        super().__init__(outlet)
        self.wanted = feed_filter
        self.cursor = self.sent = cursor


class Feed:
    """`clock`: monotonic seconds. `now`: epoch milliseconds. `frames`, `frame_bytes`: as of `hub.Hub`."""

    def __init__(
        self, epoch: str, clock: Callable[[], float], now: Callable[[], Millis], limits: ServerLimits = DEFAULT_LIMITS
    ) -> None:
        self.epoch = epoch
        self.version = self.frames = self.frame_bytes = 0
        self.watchers: dict[FeedWatcher, None] = {}
        self._clock, self._now = clock, now
        self._history = limits.feed_history
        self._changes: OrderedDict[BuildKey, _Change] = OrderedDict()
        self._pending: dict[BuildKey, Commit | None] = {}
        self._floor = 0
        self._flushed_at = float("-inf")
        self._beat_at = clock()
        self._frames: dict[tuple[FeedFilter, int], OutboundFrame | None] = {}

    # ------------------------------------------------------------------ what changes

    def note(self, commits: Sequence[Commit]) -> None:
        """Told at the next `flush`, which is due in `delay` seconds."""
        for commit in commits:
            self._pending[commit.head.key] = commit

    def remove(self, key: BuildKey) -> None:
        self._pending[key] = None

    @property
    def has_news(self) -> bool:
        return bool(self._pending)

    @property
    def delay(self) -> float:
        return max(0.0, self._flushed_at + PERIOD - self._clock())

    def flush(self) -> list[BuildSummary]:
        """What has changed goes out, under one version; the builds that have."""
        self._flushed_at = self._clock()
        changed = [commit.summary for commit in self._pending.values() if commit is not None]
        if self._pending:
            self._take_in()
        for watcher in tuple(self.watchers):
            if watcher.ready:
                self._pump(watcher)
        return changed

    def _take_in(self) -> None:
        self.version += 1
        for key, commit in self._pending.items():
            change = (None, False) if commit is None else (commit.encoded, commit.head.is_active)
            self._changes[key] = _Change(self.version, *change)
            self._changes.move_to_end(key)
        self._pending.clear()
        while len(self._changes) > self._history:
            self._floor = self._changes.popitem(last=False)[1].version
        self._frames.clear()

    # ------------------------------------------------------------------ watchers

    def join(self, feed_filter: FeedFilter, outlet: Outlet) -> FeedWatcher:
        """A watcher at the present version, held until `begin`."""
        watcher = FeedWatcher(feed_filter, outlet, self.version)
        self.watchers[watcher] = None
        return watcher

    def leave(self, watcher: FeedWatcher) -> None:
        watcher.end()
        self.watchers.pop(watcher, None)

    def hold(self, watcher: FeedWatcher) -> int:
        """Nothing more is sent until `begin`; the version that a whole list has which is read from now on."""
        watcher.is_paused = True
        watcher.cursor = watcher.sent = self.version
        return self.version

    def can_resume(self, epoch: str, since: int) -> bool:
        return epoch == self.epoch and self._floor <= since <= self.version

    def begin(self, watcher: FeedWatcher, frames: Iterable[OutboundFrame], since: int) -> None:
        """Sends `frames`, which bring it to version `since`, then what came after, and a mark."""
        watcher.cursor = watcher.sent = since
        watcher.backlog.extend(frames)
        watcher.is_paused = False
        self._pump(watcher)
        if watcher.cursor == self.version:
            watcher.backlog.extend(self._marks(watcher))
            self._pump(watcher)

    def resume(self, watcher: FeedWatcher) -> None:
        """The outlet can take a frame again."""
        watcher.ready = True
        self._pump(watcher)

    def tell(self, watcher: FeedWatcher, frame: OutboundFrame) -> None:
        """A frame beside the list; left out when the outlet is busy."""
        if watcher.ready and not watcher.backlog:
            self._give(watcher, frame)

    def beat(self, interval: float) -> None:
        """Marks, where they are due, to who has everything."""
        if self._clock() - self._beat_at < interval:
            return
        self._beat_at = self._clock()
        for watcher in tuple(self.watchers):
            if watcher.ready and not watcher.is_paused and not watcher.backlog and watcher.cursor == self.version:
                watcher.backlog.extend(self._marks(watcher))
                self._pump(watcher)

    def close_stalled(self, longest: float) -> None:
        """End the links that took nothing for `longest` seconds."""
        now = self._clock()
        for watcher in tuple(self.watchers):
            if watcher.is_stalled(now, longest):
                self.leave(watcher)
                watcher.outlet.close(TOO_SLOW, "too slow")

    def close(self, code: int, reason: str, wait: Callable[[], Millis] = int) -> None:
        """As `Hub.close`."""
        for watcher in tuple(self.watchers):
            self.leave(watcher)
            watcher.outlet.close(code, reason, wait())

    # ------------------------------------------------------------------ frames

    def _pump(self, watcher: FeedWatcher) -> None:
        while watcher.ready:
            if watcher.backlog:
                self._give(watcher, watcher.backlog.popleft())
            elif watcher.is_paused or watcher.cursor == self.version:
                return
            else:
                watcher.cursor = self.version
                frame = self._frame(watcher.wanted, watcher.sent)
                if frame is not None:
                    watcher.sent = self.version
                    self._give(watcher, frame)

    def _frame(self, feed_filter: FeedFilter, since: int) -> OutboundFrame | None:
        """What came after `since`, encoded once for all who lack the same; None: nothing for this filter."""
        cache_key = (feed_filter, since)
        if cache_key not in self._frames:
            builds, removed = self._changed(feed_filter, since)
            text = encode_builds_update(self.epoch, since, self.version, builds, removed)
            self._frames[cache_key] = OutboundFrame(text, FEED, self.version) if builds or removed else None
        return self._frames[cache_key]

    def _changed(self, feed_filter: FeedFilter, since: int) -> tuple[list[bytes], list[BuildKey]]:
        builds: list[bytes] = []
        removed: list[BuildKey] = []
        for key, change in reversed(self._changes.items()):
            if change.version <= since:
                break
            if feed_filter.project_id not in ("", key.project_id):
                continue
            if change.encoded is None or (feed_filter.active and not change.is_active):
                removed.append(key)
            else:
                builds.append(change.encoded)
        return builds, removed

    def _marks(self, watcher: FeedWatcher) -> Iterable[OutboundFrame]:
        """A heartbeat; before it, when what came was not for the watcher's filter, that there was nothing for it."""
        if watcher.sent != self.version:
            yield OutboundFrame(
                encode_builds_update(self.epoch, watcher.sent, self.version, (), ()), FEED, self.version
            )
            watcher.sent = self.version
        beat = Heartbeat(self.epoch, version=self.version, watchers=len(self.watchers))
        yield OutboundFrame(encode_heartbeat(beat, self._now()))

    def _give(self, watcher: FeedWatcher, frame: OutboundFrame) -> None:
        self.frames += 1
        self.frame_bytes += len(frame.text)
        watcher.give(frame, self._clock())


FEED = BuildKey("", "", "")
"""Stands for the feed in the place of a frame."""
