"""What watchers that are original clients get: the log told again in their words, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable

from ..model.state import BuildState, Millis
from ..store.contract import BuildKey, Logged
from ..wire.frames import encode_batch
from ..wire.originals import full_frames, retold
from .outbound_frame import OutboundFrame

TOLD_BYTES = 4 * 1024 * 1024
"""Of frames kept for originals that are slower than others."""


class Originals:
    """The builds of one project, folded beside the log. It costs nothing while no original client watches."""

    def __init__(self) -> None:
        self._states: dict[BuildKey, BuildState] = {}
        self._frames: dict[int, tuple[OutboundFrame, ...]] = {}
        self._bytes = 0

    def begin(self, key: BuildKey, state: BuildState) -> None:
        """A starting point was sent: what follows it can be told."""
        known = self._states.get(key)
        if known is None or known.version < state.version:
            self._states[key] = state

    def frames(
        self, number: int, key: BuildKey, logged: Logged, now: Callable[[], Millis]
    ) -> tuple[OutboundFrame, ...] | None:
        """The frames of the ring's entry `number`. None: they cannot be told, only a new starting point helps."""
        frames = self._frames.get(number)
        if frames is not None:
            return frames
        before = BuildState() if logged.version == 1 else self._states.get(key)
        if before is None or before.version != logged.version - 1:
            return None
        self._states[key], updates = retold(before, logged.entry())
        frames = tuple(original_frame(key, update, now()) for update in updates)
        frames = (*frames[:-1], *(OutboundFrame(last.text, key, logged.version) for last in frames[-1:]))
        self._keep(number, frames)
        return frames

    def _keep(self, number: int, frames: tuple[OutboundFrame, ...]) -> None:
        self._frames[number] = frames
        self._bytes += sum(len(frame.text) for frame in frames)
        while self._bytes > TOLD_BYTES and len(self._frames) > 1:
            oldest = self._frames.pop(next(iter(self._frames)))
            self._bytes -= sum(len(frame.text) for frame in oldest)


def original_frame(key: BuildKey, update: bytes, now: Millis) -> OutboundFrame:
    return OutboundFrame(encode_batch(key.project_id, key.session_id, key.build_id, (update,), now))


def whole_frames(key: BuildKey, state: BuildState, now: Millis) -> tuple[OutboundFrame, ...]:
    """A starting point: everything, for a client that knows no `state-recovery`."""
    return tuple(original_frame(key, update, now) for update in full_frames(state, now))
