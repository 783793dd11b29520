"""The life of any link as a state machine without I/O or clock: open, notice a dead peer, back off, give up.

It is fed with what happened and the time `now` (epoch milliseconds that never run backwards), and answers with
actions for the driver (`driver.py`). Sources of the rules: docs/protocol.md#reconnecting, docs/protocol.md#liveness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Literal, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ..model.state import Millis
from ..wire.frames import HEARTBEAT
from .backoff import ATTEMPTS, HEALTHY_AFTER, PROBE_EVERY, next_delay
from .watching import LinkChanged, LinkStatus

INTERVAL: Millis = 5_000
"""Longest silence of one of our servers while a build is active; also how often it answers a ping."""
SSE_INTERVAL: Millis = 15_000
FIRST_FRAME: Millis = 10_000
WAIT_AGAIN: Millis = 2_000
"""How often what does not exist yet is looked for."""

Transport = Literal["ws", "sse", "poll"]
"""`poll`: an original server is asked again and again."""

E = TypeVar("E")


class Opening(Protocol):
    """What to ask a server for. `query`: of `/ws`; `stream`: path below `/api` and query of the same as an event
    stream; `last_event_id`: what is known already, "" for nothing."""

    def query(self) -> dict[str, str]: ...

    def stream(self) -> tuple[tuple[str, ...], dict[str, str]]: ...

    def last_event_id(self) -> str: ...


class SendFrame(Struct, frozen=True):
    data: bytes


class CloseLink(Struct, frozen=True):
    reason: str = ""


class Emit(Struct, Generic[E], frozen=True):
    event: E


class ReconnectingLink(Generic[E]):
    """What every link has in common; `E` are its events, beside LinkChanged.

    A heir says how it opens (`_open`) and calls `_hear` and `_healthy` for its frames. `wait`: what does not exist yet
    is looked for again; `probe`: after giving up, a quiet try once a minute.
    """

    def __init__(self, chance: Callable[[], float], *, wait: bool = False, probe: bool = False) -> None:
        self.status = LinkStatus("connecting")
        self._chance, self._wait, self._probe = chance, wait, probe
        self._out: list[object] = []
        self._failures = 0
        self._retry_at: Millis | None = None
        self._up = False
        self._healthy_at: Millis | None = None
        self._heard_at: Millis | None = None
        self._hinted_at: Millis = 0
        self._nudged = False
        self._lost_at: Millis | None = None

    # ----------------------------------------------------------------------- inputs

    def start(self, now: Millis) -> tuple[object, ...]:
        self._emit(LinkChanged(self.status))
        self._open()
        return self._done()

    def opened(self, now: Millis, transport: Transport = "ws") -> tuple[object, ...]:
        """The transport is up; the link is healthy only after the first valid frame."""
        self._up, self._heard_at, self._nudged = True, now, False
        self.status = replace(self.status, transport=transport, rtt_ms=None)
        return self._done()

    def heard(self, now: Millis, rtt_ms: float) -> tuple[object, ...]:
        """A pong."""
        if self._up:
            self._hear(now)
            measured = replace(self.status, rtt_ms=rtt_ms)
            if self.status.phase in ("live", "waiting"):
                self._say(measured)
            self.status = measured
        return self._done()

    def arriving(self, now: Millis) -> tuple[object, ...]:
        """Part of a frame, or a comment of the event stream. It may be of an answer, and holds up the pings behind it:
        meanwhile the server hears otherwise that we live."""
        if self._up:
            self._hear(now)
            self._arrived(now)
            if now >= self._hinted_at + self._interval:
                self._hinted_at = now
                self._send(HEARTBEAT)
        return self._done()

    def closed(self, now: Millis, code: int = 1006, reason: str = "", retry_after: Millis = 0) -> tuple[object, ...]:
        """The connection ended. 4401, 4403 and 4404 are final, as the statuses they are named after."""
        if code in (4401, 4403, 4404):
            return self.failed(now, code - 4000, reason, retry_after)
        named = {1012: "the server restarts", 1013: "the server is overloaded", 4408: "too slow for the server"}
        self._fail(now, reason or named.get(code, f"closed ({code})"), retry_after)
        return self._done()

    def failed(
        self, now: Millis, status: int | None = None, reason: str = "", retry_after: Millis = 0
    ) -> tuple[object, ...]:
        """No connection came about; `status` is the HTTP status of an answer that the server itself gave."""
        reason = reason or (f"HTTP {status}" if status else "no connection")
        if status == 404 and self._wait:
            self._down()
            self._retry_at = now + WAIT_AGAIN
            self._say(replace(self.status, phase="waiting", attempt=0, retry_at=None, rtt_ms=None, reason=reason))
        elif status in (401, 403, 404):
            self._down()
            refused = replace(self.status, phase="refused", retry_at=None, rtt_ms=None, reason=reason)
            self._say(replace(refused, http_status=status))
        else:
            self._fail(now, reason, retry_after)
        return self._done()

    def retry_now(self, now: Millis) -> tuple[object, ...]:
        """A person asks for a try at once; after giving up, a whole new row of attempts."""
        if self._retry_at is not None or self.status.phase in ("gave-up", "refused"):
            if self.status.phase in ("gave-up", "refused"):
                self._failures = 0
            self._say(replace(self.status, phase="connecting", retry_at=None, http_status=None))
            self._open()
        return self._done()

    def reopen(self, now: Millis) -> tuple[object, ...]:
        """Another way to the server is better: change over without a failure."""
        if self._up:
            self._out.append(CloseLink("changing transport"))
            self._down()
            self._open()
        return self._done()

    def tick(self, now: Millis) -> tuple[object, ...]:
        if self._retry_at is not None and now >= self._retry_at:
            if self.status.phase == "retrying":
                self._say(replace(self.status, phase="connecting", retry_at=None))
            self._open()
        elif self._up:
            self._check_life(now)
        return self._done()

    def next_deadline(self) -> Millis | None:
        """When `tick` is due; None: only another input moves the link."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterable[Millis]:
        if self._retry_at is not None:
            yield self._retry_at
        if self._up and self._heard_at is not None:
            yield self._heard_at + (self._patience if self._nudged or self._healthy_at is None else self._interval)

    # ----------------------------------------------------------------------- for heirs

    def _open(self) -> None:
        """Put the action that connects into `_out`."""
        raise NotImplementedError

    @property
    def _interval(self) -> Millis:
        """Longest silence that is normal."""
        return SSE_INTERVAL if self.status.transport == "sse" else INTERVAL

    def _arrived(self, now: Millis) -> None:
        """Part of a frame came."""

    def _left(self, now: Millis) -> None:
        """A link that was healthy is lost."""
        if self._lost_at is None:
            self._lost_at = now

    # ----------------------------------------------------------------------- up

    def _hear(self, now: Millis) -> None:
        self._heard_at, self._nudged = now, False

    @property
    def _patience(self) -> Millis:
        return FIRST_FRAME if self._healthy_at is None else self._interval * 5 // 2

    def _check_life(self, now: Millis) -> None:
        silent = now - (now if self._heard_at is None else self._heard_at)
        if silent >= self._patience:
            self._drop(now, f"nothing heard for {silent // 1000} s")
        elif silent >= self._interval and not self._nudged and self._healthy_at is not None:
            self._nudged = True
            self._send(HEARTBEAT)

    # ----------------------------------------------------------------------- down

    def _drop(self, now: Millis, reason: str) -> None:
        self._out.append(CloseLink(reason))
        self._fail(now, reason, 0)

    def _fail(self, now: Millis, reason: str, retry_after: Millis) -> None:
        """Back off. The count starts again only after a link that stayed healthy."""
        if self._healthy_at is not None:
            if now - self._healthy_at >= HEALTHY_AFTER:
                self._failures = 0
            self._left(now)
        self._down()
        lost_at = self._lost_at
        wait = next_delay(self._failures, self._chance(), retry_after)
        if wait is None:
            self._retry_at = now + max(PROBE_EVERY, retry_after) if self._probe else None
            self._say(LinkStatus("gave-up", self.status.transport, ATTEMPTS, lost_at=lost_at, reason=reason))
            return
        self._failures += 1
        self._retry_at = now + wait
        status = LinkStatus("retrying", self.status.transport, self._failures, ATTEMPTS, self._retry_at, lost_at)
        self._say(replace(status, reason=reason))

    def _down(self) -> None:
        self._up, self._nudged = False, False
        self._healthy_at = self._heard_at = self._retry_at = None

    # ----------------------------------------------------------------------- out

    def _say(self, status: LinkStatus) -> None:
        if status != self.status:
            self.status = status
            self._emit(LinkChanged(status))

    def _emit(self, event: E | LinkChanged) -> None:
        self._out.append(Emit(event))

    def _send(self, data: bytes) -> None:
        if self.status.transport == "ws":
            self._out.append(SendFrame(data))

    def _done(self) -> tuple[object, ...]:
        out, self._out = tuple(self._out), []
        return out
