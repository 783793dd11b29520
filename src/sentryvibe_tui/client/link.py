"""The life of a link as a state machine without I/O or clock: connect, follow, notice a dead peer, back off, give up.

It is fed with what happened and the time `now` (epoch milliseconds that never run backwards), and answers with
actions for the driver (`watch.py`). Sources of the rules:
docs/protocol.md#reconnecting, docs/protocol.md#liveness, docs/protocol.md#marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..model.state import BuildState, Millis
from ..wire.frames import (
    HEARTBEAT,
    Batch,
    Broken,
    Connected,
    Frame,
    Heartbeat,
    HeartbeatAck,
    Recovery,
    RecoveryFailed,
    Unknown,
    encode_get_state,
)
from .backoff import ATTEMPTS, HEALTHY_AFTER, PROBE_EVERY, next_delay
from .original_replica import Hydration
from .replica import BuildReplica
from .watching import CaughtUp, How, LinkChanged, LinkPhase, LinkStatus, SignOfLife, Skipped, WatchEvent

INTERVAL: Millis = 5_000
"""Longest silence of one of our servers while a build is active; also how often it answers a ping."""
ORIGINAL_INTERVAL: Millis = 30_000
SSE_INTERVAL: Millis = 15_000
FIRST_FRAME: Millis = 10_000
ASK_AGAIN: Millis = 5_000
ASKED_ENOUGH = 3
CATCH_UP: Millis = 3_000
"""Without a mark: what has not come this long after connecting was not missed."""
WAIT_AGAIN: Millis = 2_000
"""How often a project that does not exist yet is looked for."""

_USELESS = "state-response"
"""The v1 server's whole answer to `get-state`: it says that it has none (docs/protocol.md#original-servers)."""

Transport = Literal["ws", "sse"]


class Open(Struct, frozen=True):
    """Connect; `since`, `at` (the time of that entry) and `epoch` say what is known of `build_id`."""

    project_id: str
    session_id: str = ""
    build_id: str = ""
    since: int = 0
    epoch: str = ""
    at: Millis | None = None


class SendFrame(Struct, frozen=True):
    data: bytes


class Hydrate(Struct, frozen=True):
    """Read the whole state over HTTP (an original server)."""


class CloseLink(Struct, frozen=True):
    reason: str = ""


class Emit(Struct, frozen=True):
    event: WatchEvent


LinkAction = Open | SendFrame | Hydrate | CloseLink | Emit


class _Absence(Struct, frozen=True):
    lost_at: Millis
    state: BuildState
    epoch: str


class _Asked(Struct, frozen=True):
    """A question that is under way: about which build (empty: what connecting itself asks), since when, how often."""

    build_id: str
    at: Millis
    times: int


class Link:
    """One watcher's link to one project (or one session of it)."""

    def __init__(
        self,
        project_id: str,
        session_id: str = "",
        *,
        chance: Callable[[], float],
        wait: bool = False,
        probe: bool = False,
        keeps: bool = False,
    ) -> None:
        self.project_id, self.session_id = project_id, session_id
        self.replica = BuildReplica(session_id, keeps=keeps)
        self.status = LinkStatus("connecting")
        self._chance, self._wait, self._probe = chance, wait, probe
        self._out: list[LinkAction] = []
        self._failures = 0
        self._retry_at: Millis | None = None
        self._up = False
        self._healthy_at: Millis | None = None
        self._heard_at: Millis | None = None
        self._hinted_at: Millis = 0
        self._nudged = False
        self._asked: _Asked | None = None
        self._hydrate_at: Millis | None = None
        self._absence: _Absence | None = None

    @property
    def state(self) -> BuildState:
        return self.replica.state

    # ----------------------------------------------------------------------- inputs

    def start(self, now: Millis) -> tuple[LinkAction, ...]:
        self._emit(LinkChanged(self.status))
        self._open()
        return self._done()

    def opened(self, now: Millis, transport: Transport = "ws") -> tuple[LinkAction, ...]:
        """The transport is up; the link is healthy only after the first valid frame."""
        self._up, self._heard_at, self._nudged = True, now, False
        self.status = replace(self.status, transport=transport, rtt_ms=None)
        return self._done()

    def heard(self, now: Millis, rtt_ms: float) -> tuple[LinkAction, ...]:
        """A pong."""
        if self._up:
            self._hear(now)
            measured = replace(self.status, rtt_ms=rtt_ms)
            if self.status.phase in ("live", "waiting"):
                self._say(measured)
            self.status = measured
        return self._done()

    def arriving(self, now: Millis) -> tuple[LinkAction, ...]:
        """Part of a frame, or a comment of the event stream. It may be of an answer, and holds up the pings behind it:
        meanwhile the server hears otherwise that we live."""
        if self._up:
            self._hear(now)
            if self._asked is not None:
                self._asked = replace(self._asked, at=now)
            if now >= self._hinted_at + self._interval:
                self._hinted_at = now
                self._send(HEARTBEAT)
        return self._done()

    def frame(self, frame: Frame, now: Millis) -> tuple[LinkAction, ...]:
        if not self._up:
            return self._done()
        self._hear(now)
        if isinstance(frame, Broken):
            self._drop(now, frame.reason)
            return self._done()
        if isinstance(frame, Unknown):
            if frame.type != _USELESS:
                self._emit(Skipped(1, frame.reason or f"a frame of type {frame.type!r}"))
            return self._done()
        if self._healthy_at is None:
            self._healthy_at = now
        match frame:
            case Connected():
                self._connected(frame, now)
            case Batch() | Recovery():
                self._follow(self.replica.frame(frame, now))
            case Heartbeat():
                self._heartbeat(frame, now)
            case RecoveryFailed(error):
                self._emit(Skipped(1, f"the server could not answer: {error}"))
            case HeartbeatAck():
                pass
        self._stand(now)
        if isinstance(frame, Recovery | Heartbeat):
            self._caught_up(now)
        return self._done()

    def hydrated(self, found: Hydration, now: Millis) -> tuple[LinkAction, ...]:
        """The answer to `Hydrate`."""
        if self._up:
            self._hydrate_at = None
            self._follow(self.replica.hydrated(found, now))
            self._stand(now)
            self._caught_up(now)
        return self._done()

    def hydrate_failed(self, reason: str, now: Millis) -> tuple[LinkAction, ...]:
        """What was held back counts all the same; the question is put again later."""
        if self._up:
            self._emit(Skipped(1, f"no state over HTTP: {reason}"))
            self._follow(self.replica.unanswered(now))
            self._hydrate_at = now + ASK_AGAIN
            self._send(encode_get_state())
            self._stand(now)
        return self._done()

    def closed(
        self, now: Millis, code: int = 1006, reason: str = "", retry_after: Millis = 0
    ) -> tuple[LinkAction, ...]:
        """The connection ended. 4401, 4403 and 4404 are final, as the statuses they are named after."""
        if code in (4401, 4403, 4404):
            return self.failed(now, code - 4000, reason, retry_after)
        named = {1012: "the server restarts", 1013: "the server is overloaded", 4408: "too slow for the server"}
        self._lost(now, reason or named.get(code, f"closed ({code})"), retry_after)
        return self._done()

    def failed(
        self, now: Millis, status: int | None = None, reason: str = "", retry_after: Millis = 0
    ) -> tuple[LinkAction, ...]:
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
            self._lost(now, reason, retry_after)
        return self._done()

    def retry_now(self, now: Millis) -> tuple[LinkAction, ...]:
        """A person asks for a try at once; after giving up, a whole new row of attempts."""
        if self._retry_at is not None or self.status.phase in ("gave-up", "refused"):
            if self.status.phase in ("gave-up", "refused"):
                self._failures = 0
            self._say(replace(self.status, phase="connecting", retry_at=None, http_status=None))
            self._open()
        return self._done()

    def reopen(self, now: Millis) -> tuple[LinkAction, ...]:
        """Another way to the server is better: change over without a failure."""
        if self._up:
            self._out.append(CloseLink("changing transport"))
            self._down()
            self._open()
        return self._done()

    def tick(self, now: Millis) -> tuple[LinkAction, ...]:
        if self._retry_at is not None and now >= self._retry_at:
            if self.status.phase == "retrying":
                self._say(replace(self.status, phase="connecting", retry_at=None))
            self._open()
        elif self._up:
            self._check_life(now)
        if self._up:
            self._ask(now)
            if self._hydrate_at is not None and now >= self._hydrate_at:
                self._hydrate_at = None
                self._out.append(Hydrate())
            self._ask_original(now)
            if self._healthy_at is not None and now >= self._healthy_at + CATCH_UP:
                self._caught_up(now)
        return self._done()

    def next_deadline(self) -> Millis | None:
        """When `tick` is due; None: only another input moves the link."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterable[Millis]:
        if self._retry_at is not None:
            yield self._retry_at
        if self._up and self._heard_at is not None:
            yield self._heard_at + (self._patience if self._nudged or self._healthy_at is None else self._interval)
            if self._asked is not None:
                yield self._asked.at + ASK_AGAIN
            if self._hydrate_at is not None:
                yield self._hydrate_at
            if self.replica.due is not None:
                yield self.replica.due
            if self._absence is not None and self._healthy_at is not None and self.replica.is_settled:
                yield self._healthy_at + CATCH_UP

    # ----------------------------------------------------------------------- up

    def _hear(self, now: Millis) -> None:
        self._heard_at, self._nudged = now, False

    def _connected(self, frame: Connected, now: Millis) -> None:
        self.replica.connected(frame)
        if self.replica.is_original:
            self._out.append(Hydrate())
        else:
            self._asked = _Asked("", now, 0)

    def _follow(self, events: Iterable[WatchEvent]) -> None:
        self._out.extend(map(Emit, events))

    def _heartbeat(self, frame: Heartbeat, now: Millis) -> None:
        self._send(HEARTBEAT)
        self._follow(self.replica.frame(frame, now))
        if frame.watchers is not None or frame.agent is not None:
            agent = frame.agent
            outbox = agent.outbox if agent else 0
            self._emit(SignOfLife(frame.watchers, agent.last_event_at if agent else None, outbox))

    def _stand(self, now: Millis) -> None:
        """After each frame: where the link stands, and what is to be asked."""
        self._ask(now)
        if not self._up:
            return
        unknown: LinkPhase = "connecting" if self.replica.is_expecting else "waiting"
        phase: LinkPhase = "live" if self.state.id else unknown
        lost_at = self._absence.lost_at if self._absence else None
        self._say(
            replace(self.status, phase=phase, attempt=0, retry_at=None, lost_at=lost_at, reason="", http_status=None)
        )

    def _ask(self, now: Millis) -> None:
        """Asks once for what is lacking, again when no answer comes, and leaves a server that never answers."""
        lack, asked = self.replica.lack, self._asked
        if asked is not None and not asked.build_id and not self.replica.is_expecting:
            asked = None
        if lack is None:
            self._asked = None
            return
        same = asked is not None and asked.build_id in ("", lack.build_id)
        if asked is not None and same and now < asked.at + ASK_AGAIN:
            return
        times = asked.times if asked is not None and same else 0
        if times >= ASKED_ENOUGH:
            self._drop(now, "the server does not answer")
            return
        self._asked = _Asked(lack.build_id, now, times + 1)
        self._send(encode_get_state(lack.build_id, lack.since, self.replica.epoch))

    def _ask_original(self, now: Millis) -> None:
        asking = self.replica.ask(now)
        if asking == "rows":
            self._out.append(Hydrate())
        elif asking == "state":
            self._send(encode_get_state())

    def _caught_up(self, now: Millis) -> None:
        absence = self._absence
        if absence is None or not self.replica.is_settled:
            return
        self._absence = None
        missed, how = _missed(absence, self.state, self.replica)
        self._emit(CaughtUp(absence.lost_at, now, missed, how))
        self._say(replace(self.status, lost_at=None))

    @property
    def _interval(self) -> Millis:
        if self.status.transport == "sse":
            return SSE_INTERVAL
        return ORIGINAL_INTERVAL if self.replica.is_original else INTERVAL

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
        self._lost(now, reason, 0)

    def _lost(self, now: Millis, reason: str, retry_after: Millis) -> None:
        """Back off. The count starts again only after a link that stayed healthy."""
        if self._healthy_at is not None:
            if now - self._healthy_at >= HEALTHY_AFTER:
                self._failures = 0
            if self._absence is None:
                self._absence = _Absence(now, self.state, self.replica.epoch)
        self._down()
        lost_at = self._absence.lost_at if self._absence else None
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
        self._healthy_at = self._heard_at = self._retry_at = self._hydrate_at = None
        self._asked = None

    def _open(self) -> None:
        self._down()
        state, epoch = self.state, self.replica.epoch
        if state.id and epoch and state.version and not self.replica.is_foreign:
            opening = Open(self.project_id, self.session_id, state.id, state.version, epoch, self.replica.last_at)
        else:
            opening = Open(self.project_id, self.session_id)
        self._out.append(opening)

    # ----------------------------------------------------------------------- out

    def _say(self, status: LinkStatus) -> None:
        if status != self.status:
            self.status = status
            self._emit(LinkChanged(status))

    def _emit(self, event: WatchEvent) -> None:
        self._out.append(Emit(event))

    def _send(self, data: bytes) -> None:
        if self.status.transport == "ws":
            self._out.append(SendFrame(data))

    def _done(self) -> tuple[LinkAction, ...]:
        out, self._out = tuple(self._out), []
        return out


def _missed(absence: _Absence, state: BuildState, follower: BuildReplica) -> tuple[int, How]:
    """How many entries (of an original server: items) came during the absence, and how they were made good."""
    before = absence.state
    if state == before:
        return 0, "nothing missed"
    if follower.is_original or before.id != state.id:
        known = len(before.timeline) if before.id == state.id else 0
        count = len(state.timeline) - known if follower.is_original else state.version
        return max(1, count), "resynchronised"
    if absence.epoch != follower.epoch or state.version < before.version:
        return state.version, "resynchronised"
    return max(0, state.version - before.version), "resynchronised" if follower.resynchronised else "replayed"
