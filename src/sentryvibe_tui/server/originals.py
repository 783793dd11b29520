"""What watchers that are original clients get: the log told again in their words, encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable

from ..model.state import BuildState, Millis
from ..store.contract import BuildKey, Logged
from ..wire.frames import encode_batch
from ..wire.originals import retold, whole
from .outbound_frame import OutboundFrame

TOLD_BYTES = 4 * 1024 * 1024
"""Of frames kept for originals that are slower than others."""


class Originals:
    """The builds of one project, folded beside the log. It costs nothing while no original client watches."""

    def __init__(self) -> None:
        self._states: dict[BuildKey, BuildState] = {}
        self._told: dict[int, tuple[OutboundFrame, ...]] = {}
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
        told = self._told.get(number)
        if told is not None:
            return told
        before = BuildState() if logged.version == 1 else self._states.get(key)
        if before is None or before.version != logged.version - 1:
            return None
        self._states[key], updates = retold(before, logged.entry())
        told = tuple(original_frame(key, update, now()) for update in updates)
        told = (*told[:-1], *(OutboundFrame(last.text, key, logged.version) for last in told[-1:]))
        self._keep(number, told)
        return told

    def _keep(self, number: int, told: tuple[OutboundFrame, ...]) -> None:
        self._told[number] = told
        self._bytes += sum(len(frame.text) for frame in told)
        while self._bytes > TOLD_BYTES and len(self._told) > 1:
            oldest = self._told.pop(next(iter(self._told)))
            self._bytes -= sum(len(frame.text) for frame in oldest)


def original_frame(key: BuildKey, update: bytes, now: Millis) -> OutboundFrame:
    return OutboundFrame(encode_batch(key.project_id, key.session_id, key.build_id, (update,), now))


def whole_frames(key: BuildKey, state: BuildState, now: Millis) -> tuple[OutboundFrame, ...]:
    """A starting point: everything, for a client that knows no `state-recovery`."""
    return tuple(original_frame(key, update, now) for update in whole(state, now))
