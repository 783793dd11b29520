"""Fan-out: what is committed goes to whoever watches (docs/protocol.md#batching).

A watcher is a cursor on its project's ring, not a queue. Everything here is synchronous and knows no sockets:
an outlet takes one frame at a time and says whether it can take another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from ..model.state import Millis
from ..store.contract import BuildHead, BuildKey, Commit, Logged
from ..wire.frames import AgentSign, Heartbeat, encode_batch, encode_heartbeat
from .originals import Originals
from .outbound_frame import OutboundFrame
from .receiver import TOO_SLOW, Outlet, Receiver
from .settings import DEFAULT_LIMITS, ServerLimits

FRAME_BYTES = 192 * 1024
"""About how much goes into one `batch-update`; an entry is never split."""
OTHERS = 16
"""Builds that go on, beside the one that is meant, of which a heartbeat tells the head."""


class Selection(Struct, frozen=True):
    """Which builds of a project are watched: all of them, those of a session, or one."""

    session_id: str = ""
    build_id: str = ""

    def has(self, key: BuildKey) -> bool:
        return self.session_id in ("", key.session_id) and self.build_id in ("", key.build_id)


_ALL = Selection()


class Watcher(Receiver):
    """A cursor: the number of the next entry of the ring that its outlet needs.

    `floors`: how far a starting point brought builds, so that entries up to there are not sent again. `last`: the build
    of the last frame with a place in a log.
    """

    def __init__(self, channel: Channel, selection: Selection, outlet: Outlet) -> None:
        super().__init__(outlet)
        self.channel = channel
        self.selection = selection
        self.cursor = channel.head
        self.floors: dict[BuildKey, BuildHead] = {}
        self.last: BuildKey | None = None

    @property
    def is_gone(self) -> bool:
        """It left its channel: nothing reaches it any more."""
        return self not in self.channel.watchers


class OriginalWatcher(Watcher):
    """An original client. It shows one build, the newest, and is told of it in its own words (`originals`).

    `is_fresh`: its own hydration may still be on its way, and be older than what it was sent; so it begins once more.
    """

    is_fresh = True


class _Slot(Struct, frozen=True):
    key: BuildKey
    logged: Logged


class Channel:
    """A watched project: its ring of recent entries, how far its builds have come, and who watches."""

    def __init__(self, project_id: str, limits: ServerLimits = DEFAULT_LIMITS) -> None:
        self.project_id = project_id
        self.heads: dict[BuildKey, BuildHead] = {}
        self.watchers: dict[Watcher, None] = {}
        self.head = 0
        self.beat_at = 0.0
        self.originals = Originals()
        self._most_entries, self._most_bytes = limits.ring_entries, limits.ring_bytes
        self._ring: deque[_Slot] = deque()
        self._bytes = 0
        self._frames: dict[tuple[int, Selection], tuple[OutboundFrame | None, int]] = {}

    @property
    def ring_entries(self) -> int:
        return len(self._ring)

    @property
    def ring_bytes(self) -> int:
        return self._bytes

    @property
    def tail(self) -> int:
        """Number of the oldest entry in the ring."""
        return self.head - len(self._ring)

    def add(self, commit: Commit) -> None:
        self.learn(commit.head)
        self.push(commit.head.key, commit.entries)

    def push(self, key: BuildKey, entries: Iterable[Logged]) -> None:
        """Into the ring, in order."""
        for logged in entries:
            self._ring.append(_Slot(key, logged))
            self._bytes += len(logged.updates)
            self.head += 1
        while self._ring and (len(self._ring) > self._most_entries or self._bytes > self._most_bytes):
            self._bytes -= len(self._ring.popleft().logged.updates)
        self._frames.clear()

    def greet(self, watcher: Watcher, head: BuildHead) -> bool:
        """A starting point at `head` is about to be sent. False: it would leave a hole before what follows."""
        self.learn(head)
        return True

    def knows(self, key: BuildKey) -> bool:
        """Whether a watcher may have heard of that build here."""
        return key in self.heads

    def learn(self, head: BuildHead) -> None:
        known = self.heads.get(head.key)
        if known is None or known.version < head.version:
            self.heads[head.key] = head

    def newest(self, selection: Selection = _ALL) -> BuildHead | None:
        return _newest(self.heads, selection)

    def heads_for(self, watcher: Watcher) -> Mapping[BuildKey, BuildHead]:
        """As far as the ring has them, or the watcher's starting point where that is ahead of the ring."""
        ahead = {key: head for key, head in watcher.floors.items() if self._lacks(head)}
        return {**self.heads, **ahead} if ahead else self.heads

    def _lacks(self, head: BuildHead) -> bool:
        known = self.heads.get(head.key)
        return known is None or known.version < head.version

    def frame(self, cursor: int, selection: Selection, now: Callable[[], Millis]) -> tuple[OutboundFrame | None, int]:
        """A frame of entries of one build from `cursor` on, and the cursor after it. None: nothing that is selected."""
        frame = self._frames.get((cursor, selection))
        if frame is None:
            frame = self._frames[cursor, selection] = self._encode(cursor, selection, now)
        return frame

    def slots(self, cursor: int) -> Iterable[_Slot]:
        behind = self.head - cursor
        if behind == 1:
            return (self._ring[-1],)
        return islice(self._ring, len(self._ring) - behind, None)

    def _encode(self, cursor: int, selection: Selection, now: Callable[[], Millis]) -> tuple[OutboundFrame | None, int]:
        key: BuildKey | None = None
        run: list[Logged] = []
        size = 0
        for slot in self.slots(cursor):
            if not selection.has(slot.key):
                cursor += 1
                continue
            if run and (slot.key != key or size + len(slot.logged.updates) > FRAME_BYTES):
                break
            key = slot.key
            run.append(slot.logged)
            size += len(slot.logged.updates)
            cursor += 1
        return (None if key is None else batch_frame(key, run, now())), cursor


def _newest(heads: Mapping[BuildKey, BuildHead], selection: Selection) -> BuildHead | None:
    """The head of the build that is meant, of one session or of all."""
    fitting = (head for head in heads.values() if selection.has(head.key))
    return max(fitting, key=lambda head: head.rank, default=None)


def _others(heads: Mapping[BuildKey, BuildHead], newest: BuildHead, selection: Selection) -> dict[str, int]:
    """Versions of other builds that go on, by build id; of many, the latest."""
    others = [head for head in heads.values() if head.is_active and head.key != newest.key and selection.has(head.key)]
    others.sort(key=lambda head: head.rank, reverse=True)
    return {head.key.build_id: head.version for head in others[:OTHERS]}


def batch_frame(key: BuildKey, entries: Sequence[Logged], now: Millis) -> OutboundFrame:
    updates = (logged.updates for logged in entries)
    text = encode_batch(key.project_id, key.session_id, key.build_id, updates, now)
    return OutboundFrame(text, key, entries[-1].version)


class Hub:
    """`clock`: monotonic seconds. `now`: epoch milliseconds. `lost`: prepares a new starting point for a watcher.
    `kind`: of the channels; a server that is not alone has `SharedChannel`s.

    Counted since the start: `frames` given to outlets, and how large they were.
    """

    def __init__(
        self,
        epoch: str,
        clock: Callable[[], float],
        now: Callable[[], Millis],
        sign: Callable[[BuildKey], AgentSign | None] = lambda _: None,
        kind: type[Channel] = Channel,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        self.epoch = epoch
        self.on_loss: Callable[[Watcher], None] = lambda _: None
        self._clock = clock
        self._now = now
        self._sign = sign
        self._kind, self._limits = kind, limits
        self.channels: dict[str, Channel] = {}
        self.frames = self.frame_bytes = 0

    @property
    def watchers(self) -> int:
        return sum(len(channel.watchers) for channel in self.channels.values())

    def join(
        self, project_id: str, session_id: str, outlet: Outlet, kind: type[Watcher] = Watcher, build_id: str = ""
    ) -> Watcher:
        """A watcher at the head, held until `begin`: whatever is committed from now on reaches it.

        Without a `session_id` and a `build_id` it watches all of the project.
        """
        channel = self.channels.get(project_id)
        if channel is None:
            channel = self.channels[project_id] = self._kind(project_id, self._limits)
            channel.beat_at = self._clock()
        watcher = kind(channel, Selection(session_id, build_id), outlet)
        channel.watchers[watcher] = None
        return watcher

    def move(self, watcher: Watcher, project_id: str, session_id: str, build_id: str = "") -> Watcher:
        """The same link, as busy as it is, watches something else from now on."""
        moved = self.join(project_id, session_id, watcher.outlet, type(watcher), build_id)
        moved.take_over(watcher)
        self.leave(watcher)
        return moved

    def leave(self, watcher: Watcher) -> None:
        watcher.end()
        channel = watcher.channel
        channel.watchers.pop(watcher, None)
        if not channel.watchers and self.channels.get(channel.project_id) is channel:
            del self.channels[channel.project_id]

    def hold(self, watcher: Watcher) -> None:
        """Nothing more is sent from the ring until `begin`; what follows from now on will be."""
        watcher.is_paused = True
        watcher.cursor = watcher.channel.head
        watcher.backlog.clear()

    def begin(self, watcher: Watcher, frames: Iterable[OutboundFrame], heads: Iterable[BuildHead]) -> None:
        """Send a starting point, then a mark, then what lies in the ring beyond `heads`."""
        for head in heads:
            if not watcher.channel.greet(watcher, head):
                self._begin_again(watcher)
                return
            if (before := watcher.floors.get(head.key)) is None or before.version < head.version:
                watcher.floors[head.key] = head
        watcher.backlog.extend(frames)
        watcher.backlog.append(self._mark(watcher.channel.heads_for(watcher), watcher))
        watcher.is_paused = False
        self._pump(watcher)

    def publish(self, commits: Sequence[Commit]) -> bool:
        """What was committed goes out: at once to who is ready, with the rest later to who is not. False: nobody
        watches any of it."""
        touched: dict[Channel, None] = {}
        for commit in commits:
            channel = self.channels.get(commit.head.key.project_id)
            if channel is not None:
                channel.add(commit)
                touched[channel] = None
        for channel in touched:
            for watcher in tuple(channel.watchers):
                if watcher.ready:
                    self._pump(watcher)
        return bool(touched)

    def begin_again(self, channel: Channel) -> None:
        """What its watchers lack is too much: each gets a new starting point."""
        for watcher in tuple(channel.watchers):
            if not watcher.is_paused:
                self._begin_again(watcher)

    def resume(self, watcher: Watcher) -> None:
        """The outlet can take a frame again."""
        watcher.ready = True
        self._pump(watcher)

    def tell(self, watcher: Watcher, frame: OutboundFrame) -> None:
        """A frame outside the log; left out when the outlet is busy."""
        if watcher.ready and not watcher.backlog:
            self._give(watcher, frame)

    def beat(self, interval: float, idle_interval: float) -> None:
        """Heartbeats where they are due: each a mark, so only to who has everything."""
        now = self._clock()
        for channel in tuple(self.channels.values()):
            newest = channel.newest()
            if now - channel.beat_at < (interval if newest and newest.is_active else idle_interval):
                continue
            channel.beat_at = now
            marks: dict[Selection, OutboundFrame] = {}
            for watcher in tuple(channel.watchers):
                if isinstance(watcher, OriginalWatcher) and watcher.is_fresh and not watcher.is_paused:
                    watcher.is_fresh = False
                    self._begin_again(watcher)
                elif watcher.ready and not watcher.is_paused and watcher.cursor == channel.head:
                    self.tell(watcher, self._beat(watcher, marks))

    def close_stalled(self, longest: float) -> None:
        """End the links that took nothing for `longest` seconds."""
        now = self._clock()
        for channel in tuple(self.channels.values()):
            for watcher in tuple(channel.watchers):
                if watcher.is_stalled(now, longest):
                    self.leave(watcher)
                    watcher.outlet.close(TOO_SLOW, "too slow")

    def close(self, code: int, reason: str, wait: Callable[[], Millis] = int) -> None:
        """End every link. `wait`: how long the next one should before it comes back."""
        for project_id in tuple(self.channels):
            self.dismiss(project_id, code, reason, wait)

    def dismiss(self, project_id: str, code: int, reason: str, wait: Callable[[], Millis] = int) -> None:
        """End the links of who watches a project."""
        channel = self.channels.get(project_id)
        for watcher in tuple(channel.watchers) if channel is not None else ():
            self.leave(watcher)
            watcher.outlet.close(code, reason, wait())

    def _beat(self, watcher: Watcher, marks: dict[Selection, OutboundFrame]) -> OutboundFrame:
        """`marks`: those made already; who is ahead of the ring gets one of its own."""
        heads = watcher.channel.heads_for(watcher)
        if heads is not watcher.channel.heads:
            return self._mark(heads, watcher)
        if watcher.selection not in marks:
            marks[watcher.selection] = self._mark(heads, watcher)
        return marks[watcher.selection]

    def _mark(self, heads: Mapping[BuildKey, BuildHead], watcher: Watcher) -> OutboundFrame:
        newest = _newest(heads, watcher.selection)
        count = len(watcher.channel.watchers)
        if newest is None:
            beat = Heartbeat(self.epoch, watchers=count)
        else:
            sign, others = self._sign(newest.key), _others(heads, newest, watcher.selection)
            beat = Heartbeat(self.epoch, newest.key.build_id, newest.version, count, sign, others)
        return OutboundFrame(encode_heartbeat(beat, self._now()))

    def _pump(self, watcher: Watcher) -> None:
        """Give the outlet what it lacks, frame by frame, until it is busy or has everything."""
        channel = watcher.channel
        while watcher.ready:
            if watcher.backlog:
                self._give(watcher, watcher.backlog.popleft())
            elif watcher.is_paused or watcher.cursor == channel.head:
                return
            elif watcher.cursor < channel.tail:
                self._begin_again(watcher)
            else:
                self._advance(watcher, channel)

    def _advance(self, watcher: Watcher, channel: Channel) -> None:
        if watcher.floors and self._skip(watcher, channel):
            return
        if isinstance(watcher, OriginalWatcher):
            self._retell(watcher, channel)
            return
        frame, watcher.cursor = channel.frame(watcher.cursor, watcher.selection, self._now)
        if frame is not None:
            self._give(watcher, frame)

    def _retell(self, watcher: OriginalWatcher, channel: Channel) -> None:
        """The next entry, when it is of the build that is shown."""
        slot, newest = next(iter(channel.slots(watcher.cursor))), channel.newest(watcher.selection)
        if newest is None or slot.key != newest.key:
            watcher.cursor += 1
            return
        frames = channel.originals.frames(watcher.cursor, slot.key, slot.logged, self._now)
        if frames is None:
            self._begin_again(watcher)
            return
        watcher.cursor += 1
        watcher.backlog.extend(frames)

    def _begin_again(self, watcher: Watcher) -> None:
        self.hold(watcher)
        self.on_loss(watcher)

    def _skip(self, watcher: Watcher, channel: Channel) -> bool:
        """Whether the next entry was part of the starting point; then it is passed over."""
        slot = next(iter(channel.slots(watcher.cursor)))
        floor = watcher.floors.get(slot.key)
        if floor is not None and slot.logged.version <= floor.version:
            watcher.cursor += 1
            return True
        watcher.floors.pop(slot.key, None)
        return False

    def _give(self, watcher: Watcher, frame: OutboundFrame) -> None:
        self.frames += 1
        self.frame_bytes += len(frame.text)
        if frame.key is not None:
            watcher.last = frame.key
        watcher.give(frame, self._clock())
