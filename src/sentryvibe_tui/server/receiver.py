"""Who is given frames over a link: the link's outlet, and what waits until it can take more."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ..model.state import Millis
from .outbound_frame import OutboundFrame
from .peer import Peer, Traffic

TOO_SLOW = 4408


class Outlet(Protocol):
    """One watcher's link."""

    @property
    def peer(self) -> Peer: ...

    @property
    def waiting(self) -> int:
        """Bytes that its peer has not taken yet."""
        ...

    def take(self, frame: OutboundFrame) -> bool:
        """Send `frame`. False: no more until it is said that it can take one."""
        ...

    def close(self, code: int, reason: str, wait: Millis = 0) -> None:
        """`wait`: how long the peer should before it comes back."""
        ...


class Receiver:
    """`is_paused`: a starting point is being prepared, and goes before anything else. `ready`: the outlet can take a
    frame. `backlog`: frames that go first."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.is_paused = True
        self.ready = True
        self.backlog: deque[OutboundFrame] = deque()
        self.traffic = Traffic()
        self._busy_since = 0.0  # when the peer of an outlet that is not ready took something last, and what was left
        self._left = 0

    def give(self, frame: OutboundFrame, now: float) -> None:
        """At `now`, in seconds, over an outlet that is ready."""
        self.traffic.frames += 1
        self.traffic.bytes += len(frame.text)
        if not self.outlet.take(frame):
            self.ready, self._busy_since, self._left = False, now, self.outlet.waiting

    def end(self) -> None:
        """It is given nothing more."""
        self.is_paused, self.ready = True, False
        self.backlog.clear()

    def take_over(self, earlier: Receiver) -> None:
        """The link of `earlier`, as busy as it is."""
        self.ready, self._busy_since, self._left = earlier.ready, earlier._busy_since, earlier._left
        self.traffic = earlier.traffic

    def is_stalled(self, now: float, longest: float) -> bool:
        """Whether its peer took nothing for `longest` seconds, as far as was asked."""
        if self.ready:
            return False
        left = self.outlet.waiting
        if left < self._left:
            self._busy_since, self._left = now, left
        return self._busy_since < now - longest
