"""A link to a builds feed as a state machine: the list of a server's builds, kept by recovery, updates and marks."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ..model.state import Millis
from ..model.summary import BuildKey, BuildSummary
from ..wire.feed import BuildsRecovery, BuildsUpdate, FeedFrame
from ..wire.frames import HEARTBEAT, PROTOCOL, Broken, Connected, Heartbeat, Unknown, encode_get_state
from .reconnect import ReconnectingLink
from .watching import LinkChanged, Skipped

POLL_INTERVAL: Millis = 60_000
"""Longest silence of an original server that is polled."""
ASK_AGAIN: Millis = 5_000


class BuildsListed(Struct, frozen=True):
    """All builds as they are now: the link came about, or what was missed was too much."""

    builds: tuple[BuildSummary, ...]


class BuildsChanged(Struct, frozen=True):
    """These are new or another; `removed` are in the list no longer (deleted, or outside of its filter)."""

    builds: tuple[BuildSummary, ...]
    removed: tuple[BuildKey, ...] = ()


BuildsEvent = LinkChanged | BuildsListed | BuildsChanged | Skipped


class OpenBuilds(Struct, frozen=True):
    """Connect; `since` and `epoch` say what is known. Empty and False: no filter. `ended`: how many of those that have
    ended come at first, the latest."""

    project_id: str = ""
    active: bool = False
    ended: int = 500
    since: int = 0
    epoch: str = ""

    def query(self) -> dict[str, str]:
        return {"scope": "builds", "protocol": str(PROTOCOL), **self.stream()[1]}

    def stream(self) -> tuple[tuple[str, ...], dict[str, str]]:
        query = {
            "projectId": self.project_id,
            "active": "1" if self.active else "",
            "limit": "" if self.active else str(self.ended),
            "since": str(self.since) if self.epoch else "",
            "epoch": self.epoch,
        }
        return ("builds", "events"), {name: value for name, value in query.items() if value}

    def last_event_id(self) -> str:
        return f"{self.epoch}::{self.since}" if self.epoch else ""


class BuildsLink(ReconnectingLink[BuildsEvent]):
    """`builds` are those known, by key. `opening` is what it asks for when nothing is known; `here`: this
    machine."""

    def __init__(
        self, opening: OpenBuilds, *, chance: Callable[[], float], probe: bool = False, here: str = ""
    ) -> None:
        super().__init__(chance, probe=probe)
        self.builds: dict[BuildKey, BuildSummary] = {}
        self._opening = opening
        self._epoch, self._version, self._host, self._here = "", 0, "", here
        self._asked_at: Millis | None = None

    def frame(self, frame: FeedFrame, now: Millis) -> tuple[object, ...]:
        if not self._up:
            return self._done()
        self._hear(now)
        match frame:
            case Broken(reason):
                self._drop(now, reason)
                return self._done()
            case Unknown(kind, reason):
                self._emit(Skipped(1, reason or f"a frame of type {kind!r}"))
                return self._done()
            case BuildsRecovery():
                self._recover(frame)
            case BuildsUpdate():
                self._update(frame, now)
            case Heartbeat():
                self._mark(frame, now)
            case _:
                pass
        if self._up:
            self._stand(frame, now)
        return self._done()

    def _stand(self, frame: FeedFrame, now: Millis) -> None:
        if self._healthy_at is None:
            self._healthy_at = now
        if isinstance(frame, Connected):
            return
        self._lost_at = None
        self._say(
            replace(self.status, phase="live", attempt=0, retry_at=None, lost_at=None, reason="", http_status=None)
        )

    # ----------------------------------------------------------------------- the list

    def _recover(self, frame: BuildsRecovery) -> None:
        self._epoch, self._version, self._host, self._asked_at = frame.epoch, frame.version, frame.host, None
        builds = tuple(map(self._placed, frame.builds))
        self.builds = {build.key: build for build in builds}
        self._emit(BuildsListed(builds))

    def _placed(self, build: BuildSummary) -> BuildSummary:
        return replace(build, host=self._host) if self._host != self._here else build

    def _update(self, frame: BuildsUpdate, now: Millis) -> None:
        """A summary replaces the one before it, so one that comes twice, or before others, does no harm."""
        if frame.epoch != self._epoch or frame.since > self._version:
            self._ask(now)
            return
        self._version, self._asked_at = max(frame.version, self._version), None
        changed = tuple(map(self._placed, frame.builds))
        self.builds.update((build.key, build) for build in changed)
        removed = tuple(key for key in frame.removed if self.builds.pop(key, None) is not None)
        if changed or removed:
            self._emit(BuildsChanged(changed, removed))

    def _mark(self, frame: Heartbeat, now: Millis) -> None:
        self._send(HEARTBEAT)
        if frame.version is not None and (frame.epoch != self._epoch or frame.version > self._version):
            self._ask(now)

    def _ask(self, now: Millis) -> None:
        """For what is missing; a server that does not answer, or cannot be asked on this link, is left."""
        if self.status.transport != "ws" or (self._asked_at is not None and now >= self._asked_at + ASK_AGAIN):
            self._drop(now, "the server does not answer")
        elif self._asked_at is None:
            self._asked_at = now
            self._send(encode_get_state("", self._version, self._epoch))

    # ----------------------------------------------------------------------- for the base

    @property
    def _interval(self) -> Millis:
        return POLL_INTERVAL if self.status.transport == "poll" else super()._interval

    def _down(self) -> None:
        super()._down()
        self._asked_at = None

    def _open(self) -> None:
        self._down()
        self._out.append(replace(self._opening, since=self._version, epoch=self._epoch))
