"""The life of a link as a state machine without I/O or clock: connect, follow, notice a dead peer, back off, give up.

It is fed with what happened and the time `now` (epoch milliseconds that never run backwards), and answers with
actions for the driver (`watch.py`). Sources of the rules:
docs/protocol.md#reconnecting, docs/protocol.md#liveness, docs/protocol.md#marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from ..model.state import BuildState, Millis
from ..wire.frames import (
    HEARTBEAT,
    PROTOCOL,
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
from .limits import LINK, LinkLimits
from .original_replica import Hydration
from .reconnect import ReconnectingLink
from .replica import BuildReplica
from .watching import CaughtUp, How, LinkPhase, SignOfLife, Skipped, WatchEvent

ORIGINAL_INTERVAL: Millis = 30_000
ASK_AGAIN: Millis = 5_000
ASKED_ENOUGH = 3
CATCH_UP: Millis = 3_000
"""Without a mark: what has not come this long after connecting was not missed."""

_USELESS = "state-response"
"""The v1 server's whole answer to `get-state`: it says that it has none (docs/protocol.md#original-servers)."""


class Open(Struct, frozen=True):
    """Connect; `since`, `at` (the time of that entry) and `epoch` say what is known of `build_id`."""

    project_id: str
    session_id: str = ""
    build_id: str = ""
    since: int = 0
    epoch: str = ""
    at: Millis | None = None

    def query(self) -> dict[str, str]:
        parameters = {"projectId": self.project_id, "protocol": str(PROTOCOL)}
        if self.session_id:
            parameters["sessionId"] = self.session_id
        if self.since:
            parameters |= {"buildId": self.build_id, "since": str(self.since), "epoch": self.epoch}
            if self.at is not None:
                parameters["at"] = str(self.at)
        return parameters

    def stream(self) -> tuple[tuple[str, ...], dict[str, str]]:
        asked = {name: value for name, value in self.query().items() if name != "projectId"}
        return ("projects", self.project_id, "events"), asked

    def last_event_id(self) -> str:
        return f"{self.epoch}:{quote(self.build_id, safe='')}:{self.since}" if self.since else ""


class Hydrate(Struct, frozen=True):
    """Read the whole state over HTTP (an original server)."""


class _Absence(Struct, frozen=True):
    lost_at: Millis
    state: BuildState
    epoch: str


class _OpenQuestion(Struct, frozen=True):
    """A question that is under way: about which build (empty: what connecting itself asks), since when, how often."""

    build_id: str
    at: Millis
    times: int


class Link(ReconnectingLink[WatchEvent]):
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
        limits: LinkLimits = LINK,
    ) -> None:
        self.project_id, self.session_id = project_id, session_id
        self.replica = BuildReplica(session_id, keeps=keeps, limits=limits)
        super().__init__(chance, wait=wait, probe=probe)
        self._question: _OpenQuestion | None = None
        self._hydrate_at: Millis | None = None
        self._absence: _Absence | None = None

    @property
    def state(self) -> BuildState:
        return self.replica.state

    # ----------------------------------------------------------------------- inputs

    def frame(self, frame: Frame, now: Millis) -> tuple[object, ...]:
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

    def hydrated(self, hydration: Hydration, now: Millis) -> tuple[object, ...]:
        """The answer to `Hydrate`."""
        if self._up:
            self._hydrate_at = None
            self._follow(self.replica.hydrated(hydration, now))
            self._stand(now)
            self._caught_up(now)
        return self._done()

    def hydrate_failed(self, reason: str, now: Millis) -> tuple[object, ...]:
        """What was held back counts all the same; the question is put again later."""
        if self._up:
            self._emit(Skipped(1, f"no state over HTTP: {reason}"))
            self._follow(self.replica.unanswered(now))
            self._hydrate_at = now + ASK_AGAIN
            self._send(encode_get_state())
            self._stand(now)
        return self._done()

    def tick(self, now: Millis) -> tuple[object, ...]:
        out = super().tick(now)
        if self._up:
            self._ask(now)
            if self._hydrate_at is not None and now >= self._hydrate_at:
                self._hydrate_at = None
                self._out.append(Hydrate())
            self._ask_original(now)
            if self._healthy_at is not None and now >= self._healthy_at + CATCH_UP:
                self._caught_up(now)
        return (*out, *self._done())

    def _deadlines(self) -> Iterable[Millis]:
        yield from super()._deadlines()
        if self._up and self._heard_at is not None:
            if self._question is not None:
                yield self._question.at + ASK_AGAIN
            if self._hydrate_at is not None:
                yield self._hydrate_at
            if self.replica.due is not None:
                yield self.replica.due
            if self._absence is not None and self._healthy_at is not None and self.replica.is_settled:
                yield self._healthy_at + CATCH_UP

    # ----------------------------------------------------------------------- up

    def _connected(self, frame: Connected, now: Millis) -> None:
        self.replica.connected(frame)
        if self.replica.is_original:
            self._out.append(Hydrate())
        else:
            self._question = _OpenQuestion("", now, 0)

    def _follow(self, events: Iterable[WatchEvent]) -> None:
        for event in events:
            self._emit(event)

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
        lack, question = self.replica.lack, self._question
        if question is not None and not question.build_id and not self.replica.is_expecting:
            question = None
        if lack is None:
            self._question = None
            return
        same = question is not None and question.build_id in ("", lack.build_id)
        if question is not None and same and now < question.at + ASK_AGAIN:
            return
        times = question.times if question is not None and same else 0
        if times >= ASKED_ENOUGH:
            self._drop(now, "the server does not answer")
            return
        self._question = _OpenQuestion(lack.build_id, now, times + 1)
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
        self._absence = self._lost_at = None
        missed, how = _missed(absence, self.state, self.replica)
        self._emit(CaughtUp(absence.lost_at, now, missed, how))
        self._say(replace(self.status, lost_at=None))

    @property
    def _interval(self) -> Millis:
        if self.replica.is_original and self.status.transport != "sse":
            return ORIGINAL_INTERVAL
        return super()._interval

    def _arrived(self, now: Millis) -> None:
        if self._question is not None:
            self._question = replace(self._question, at=now)

    def _left(self, now: Millis) -> None:
        super()._left(now)
        if self._absence is None:
            self._absence = _Absence(now, self.state, self.replica.epoch)

    def _down(self) -> None:
        super()._down()
        self._hydrate_at = self._question = None

    def _open(self) -> None:
        self._down()
        state, epoch = self.state, self.replica.epoch
        if state.id and epoch and state.version and not self.replica.is_foreign:
            opening = Open(self.project_id, self.session_id, state.id, state.version, epoch, self.replica.last_at)
        else:
            opening = Open(self.project_id, self.session_id)
        self._out.append(opening)


def _missed(absence: _Absence, state: BuildState, replica: BuildReplica) -> tuple[int, How]:
    """How many entries (of an original server: items) came during the absence, and how they were made good."""
    before = absence.state
    if state == before:
        return 0, "nothing missed"
    if replica.is_original or before.id != state.id:
        known = len(before.timeline) if before.id == state.id else 0
        count = len(state.timeline) - known if replica.is_original else state.version
        return max(1, count), "resynchronised"
    if absence.epoch != replica.epoch or state.version < before.version:
        return state.version, "resynchronised"
    return max(0, state.version - before.version), "resynchronised" if replica.resynchronised else "replayed"
