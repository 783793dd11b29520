"""What each agent wants of the reader, since when, and which of two comes first. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ...model.state import Millis
from ...model.summary import BuildKey, BuildSummary

Need = Literal["waits", "failed", "stuck", "working", "machine", "idle", "ended"]

NEEDS: tuple[Need, ...] = ("waits", "failed", "stuck", "working", "machine", "idle", "ended")
"""The most urgent first."""

SILENT_AFTER = 5 * 60_000
"""Milliseconds without any event, no call being under way, after which a working agent is stuck."""
LONG_CALL = 10 * 60_000
"""The same while a call is under way whose usual time nobody knows."""
SHORTEST_LONG_CALL = 60_000
"""A call that takes less than this is never too long, whatever calls of its kind take."""
FAILED_FOR = 24 * 3_600_000
"""Milliseconds for which a failure that nobody looked at calls for the reader."""
IDLE_FOR = 30 * 60_000
"""Milliseconds after which an idle agent whose process nobody vouches for has ended."""
VOUCHED_FOR = 24 * 3_600_000
"""The same where its process was vouched for."""

LIVE_SOURCES = frozenset({"hook", "registry", "socket"})


class RowKey(Struct, frozen=True, order=True):
    """A build at a server; one build may be seen through two. `server` is its base address."""

    server: str
    build: BuildKey


class AgentRow(Struct, frozen=True):
    """One agent in the overview. `host`: what its machine, or its server on this machine, is called."""

    server: str
    build: BuildSummary
    host: str = "this machine"

    @property
    def key(self) -> RowKey:
        return RowKey(self.server, self.build.key)


def need(build: BuildSummary, now: Millis, *, is_seen: bool) -> Need:
    """`is_seen`: the reader looked at the build as it stands."""
    if build.damaged:
        return "ended"
    if not build.is_active:
        fresh = now - (build.ended_at or build.last_event_at or 0) < FAILED_FOR
        if build.status == "failed" and fresh and not is_seen:
            return "failed"
        return "idle" if _lives_on(build, now) else "ended"
    match build.activity.kind:
        case "waiting-person":
            return "waits"
        case "waiting-machine":
            return "machine"
        case "idle":
            return "idle"
        case _:
            return "stuck" if is_stuck(build, now) else "working"


def is_stuck(build: BuildSummary, now: Millis) -> bool:
    """Whether a working agent's call takes longer than such calls do, or nothing at all happens."""
    last = build.last_event_at or build.started_at
    if last is None:
        return False
    if not build.open_calls:
        return now - last >= SILENT_AFTER
    running = now - (build.now_since or last)
    if build.p95_ms is not None:
        return running >= max(SHORTEST_LONG_CALL, build.p95_ms)
    return running >= LONG_CALL and now - last >= SILENT_AFTER


def _lives_on(build: BuildSummary, now: Millis) -> bool:
    """Whether the session of a turn that is over may go on."""
    if build.activity.kind != "idle":
        return False
    since = build.activity.since or build.ended_at or 0
    return now - since < (VOUCHED_FOR if build.activity.source in LIVE_SOURCES else IDLE_FOR)


def since(build: BuildSummary, what: Need) -> Millis | None:
    """When that began, epoch milliseconds; None where nobody says."""
    match what:
        case "waits":
            return build.requests[0].since if build.requests else build.activity.since
        case "failed" | "ended":
            return build.ended_at or build.last_event_at
        case "stuck" | "working":
            return build.now_since or build.activity.since or build.last_event_at
        case "machine" | "idle":
            return build.activity.since or build.ended_at


def build_stamp(build: BuildSummary) -> str:
    """What of a build is news to a reader who saw it with another stamp: how it stands, and each question anew."""
    if build.is_active and build.activity.kind == "waiting-person":
        return f"waits {since(build, 'waits') or 0}"
    return f"{build.status} {build.ended_at or 0}" if not build.is_active else build.activity.kind


def precedence(build: BuildSummary, what: Need) -> tuple[int, int, str, str]:
    """Sorts builds: by what is wanted, then those that wait or are stuck longest, else the latest. It does not change
    while an agent only goes on."""
    at = (build.started_at if what == "working" else since(build, what)) or 0
    return NEEDS.index(what), at if what in ("waits", "stuck") else -at, build.session_id, build.build_id
