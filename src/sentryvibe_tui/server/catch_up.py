"""Where a watcher starts: what it missed, or a whole state when that is cheaper (docs/protocol.md#resuming)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

from msgspec import Struct

from ..errors import StoreUnavailable
from ..model.standing import meant_at
from ..model.state import BuildState, Millis
from ..store.contract import BuildDamaged, BuildHead, Logged, Store
from ..wire.frames import encode_recovery
from .hub import FRAME_BYTES, Hub, OriginalWatcher, Selection, Watcher, batch_frame
from .originals import whole_frames
from .outbound_frame import OutboundFrame
from .settings import DEFAULT_LIMITS, ServerLimits

_SMALL_STATE = 300
"""Tools in a state up to which it is encoded in the event loop."""
_RECOVERIES = 8


class Since(Struct, frozen=True):
    """What a watcher says it has: `version` of `build_id` in the log `epoch`; None: it asks for a whole state.

    `at`: the time of that entry. In a log that was set back and grew on, another entry has the version.
    """

    version: int | None = None
    epoch: str = ""
    build_id: str = ""
    at: Millis | None = None


class _Recovery:
    """A whole state as it is sent, and how far it goes."""

    def __init__(self, frame: OutboundFrame, head: BuildHead, state: BuildState, now: Millis) -> None:
        self.frame = frame
        self.head = head
        self.state = state
        self._now = now

    @cached_property
    def retold(self) -> tuple[OutboundFrame, ...]:
        """The same for a client that knows no `state-recovery`."""
        return whole_frames(self.head.key, self.state, self._now)


class CatchUp:
    """Prepares starting points, a few at once, first come first served, and none for who left meanwhile.

    Watchers that want the same state share one reading and encoding of it.
    """

    def __init__(
        self,
        hub: Hub,
        store: Store,
        now: Callable[[], Millis],
        limits: ServerLimits = DEFAULT_LIMITS,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`count`: gets why a whole state is sent, in a word."""
        self._hub, self._count = hub, count
        self._store = store
        self._now = now
        self._most = limits.resume_limit
        self._turns = asyncio.Semaphore(limits.starting_points)
        self._recoveries: dict[BuildHead, asyncio.Future[_Recovery | None]] = {}

    def forget(self) -> None:
        """What was read is of another log."""
        self._recoveries.clear()

    async def start(self, watcher: Watcher, since: Since) -> None:
        """Bring `watcher` to the head: the tail of the build it has, then the newest one. Raises StoreUnavailable.

        The cursor is set before anything is read, so nothing falls between; what comes twice is passed over.
        """
        async with self._turns:
            if not watcher.is_gone:
                await self._start(watcher, since)

    async def _start(self, watcher: Watcher, since: Since) -> None:
        self._hub.hold(watcher)
        project_id, selection = watcher.channel.project_id, watcher.selection
        newest = await self._store.find_build(project_id, selection.session_id, selection.build_id)
        if watcher.is_gone:
            return
        if newest is None:
            frame = OutboundFrame(encode_recovery(None, self._hub.epoch, self._now()))
            self._hub.begin(watcher, (frame,), ())
            return
        if isinstance(watcher, OriginalWatcher):
            await self._retell(watcher, newest)
            return
        frames: list[OutboundFrame] = []
        heads: list[BuildHead] = []
        requested = await self._requested_head(project_id, selection, since, newest)
        if requested is not None:
            reason = await self._replay(requested, since, frames, heads)
            if reason:
                await self._recover(watcher, reason, requested, frames, heads)
        if requested is None or requested.key != newest.key:
            other = "another_build" if requested else "join" if since.version is None else "epoch"
            await self._recover(watcher, other, newest, frames, heads)
        self._hub.begin(watcher, frames, heads)

    async def _retell(self, watcher: OriginalWatcher, newest: BuildHead) -> None:
        """An original client has no versions: it gets the whole state, in both forms."""
        recovery = await self._shared(newest)
        if recovery is None:
            self._hub.begin(watcher, (), ())
            return
        is_small = recovery.state.tool_count <= _SMALL_STATE
        retold = recovery.retold if is_small else await asyncio.to_thread(lambda: recovery.retold)
        watcher.channel.originals.begin(recovery.head.key, recovery.state)
        self._hub.begin(watcher, (recovery.frame, *retold), (recovery.head,))

    async def restart(self, watcher: Watcher) -> None:
        """A watcher fell off the ring: whole states of the build it had and of the newest."""
        last = watcher.last
        await self.start(watcher, Since(-1, self._hub.epoch, last.build_id) if last else Since())

    async def _requested_head(
        self, project_id: str, selection: Selection, since: Since, newest: BuildHead
    ) -> BuildHead | None:
        """The build that the watcher has, when the log still knows it."""
        if since.version is None or since.epoch != self._hub.epoch:
            return None
        if since.build_id == newest.key.build_id:
            return newest
        if since.build_id and selection.build_id:
            return None
        if since.build_id:
            return await self._store.find_build(project_id, selection.session_id, since.build_id)
        only = len(await self._store.builds(project_id, 2)) == 1
        return newest if only else None

    async def _replay(self, head: BuildHead, since: Since, frames: list[OutboundFrame], heads: list[BuildHead]) -> str:
        """The entries after `since`; or why it has to be the whole state."""
        had = since.version or 0
        if had < 0:
            return "ring"
        if not 0 < had <= head.version:
            return "never_reached"
        if head.version - had > self._most:
            return "too_far"
        try:
            last_entry, *missed = await self._store.read(head.key, had - 1, self._most + 1)
        except BuildDamaged:  # the state may still be in memory, or come from a snapshot
            return "damaged"
        if since.at is not None and last_entry.entry().at != since.at:
            return "set_back"
        frames.extend(batch_frame(head.key, part, self._now()) for part in _parts(missed))
        heads.append(BuildHead(head.key, head.number, missed[-1].version if missed else had, head.is_active, head.at))
        return ""

    async def _recover(
        self, watcher: Watcher, reason: str, head: BuildHead, frames: list[OutboundFrame], heads: list[BuildHead]
    ) -> None:
        self._count(reason)
        watcher.traffic.recoveries += 1
        recovery = await self._shared(head)
        if recovery is not None:
            frames.append(recovery.frame)
            heads.append(recovery.head)

    async def _shared(self, head: BuildHead) -> _Recovery | None:
        recovery = self._recoveries.get(head)
        if recovery is None:
            recovery = self._recoveries[head] = asyncio.ensure_future(self._recovery(head))
            while len(self._recoveries) > _RECOVERIES:
                del self._recoveries[next(iter(self._recoveries))]
        try:
            return await asyncio.shield(recovery)
        except StoreUnavailable:
            self._recoveries.pop(head, None)
            raise

    async def _recovery(self, head: BuildHead) -> _Recovery | None:
        """The state of a build at `head`, or later."""
        state = await self._store.state(head.key)
        if state is None:
            return None

        def encoded() -> OutboundFrame:
            frame = OutboundFrame(encode_recovery(state, self._hub.epoch, self._now()), head.key, state.version)
            _ = frame.packed_message
            return frame

        frame = encoded() if state.tool_count <= _SMALL_STATE else await asyncio.to_thread(encoded)
        reached = BuildHead(head.key, head.number, state.version, state.is_active, meant_at(state))
        return _Recovery(frame, reached, state, self._now())


def _parts(entries: Sequence[Logged]) -> Sequence[Sequence[Logged]]:
    """`entries` in runs of about a frame's size."""
    parts: list[list[Logged]] = []
    size = FRAME_BYTES
    for logged in entries:
        size += len(logged.updates)
        if size > FRAME_BYTES:
            parts.append([])
            size = len(logged.updates)
        parts[-1].append(logged)
    return parts
