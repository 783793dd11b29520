"""A watch as JSON lines: every update as it travels, and at last the whole state (docs/protocol.md#updates)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ..client.watching import (
    CaughtUp,
    Cause,
    Changed,
    EndConfirmed,
    How,
    LinkChanged,
    LinkPhase,
    LinkStatus,
    SignOfLife,
    Skipped,
    Snapshot,
    WatchEvent,
)
from ..model.state import BuildState, Status
from ..model.text import escaped
from ..wire.json import decode, encode
from ..wire.state import encode_state
from ..wire.times import iso
from ..wire.updates import encode_entry


class SnapshotLine(Struct, frozen=True, tag="snapshot"):
    """The whole state was replaced or merged."""

    cause: Cause
    version: int
    state: Raw


class LinkLine(Struct, frozen=True, tag="link", rename="camel", omit_defaults=True):
    """How the link to the server stands. `attempt` counts while it is tried again."""

    phase: LinkPhase
    transport: Literal["ws", "sse", "poll"]
    attempt: int | None = None
    attempts: int | None = None
    retry_at: str | None = None
    lost_at: str | None = None
    reason: str = ""


class CaughtUpLine(Struct, frozen=True, tag="caught-up", rename="camel"):
    """The link is back: what was missed, and how it was made good."""

    lost_at: str | None
    back_at: str | None
    missed: int
    how: How


class SkippedLine(Struct, frozen=True, tag="skipped"):
    """Something on the link that this program does not know."""

    count: int
    reason: str


class EndLine(Struct, frozen=True, tag="end"):
    """The last line."""

    status: Status
    version: int
    state: Raw


LINES = (SnapshotLine, LinkLine, CaughtUpLine, SkippedLine, EndLine)
"""All but the updates, which are as on the wire."""


class JsonReport:
    """One JSON object a line, valid UTF-8. Texts are the agent's own; what a terminal would act on is escaped."""

    def __init__(self) -> None:
        self._link: LinkStatus | None = None

    def event(self, event: WatchEvent) -> Iterator[str]:
        """`snapshot` has the whole state; an update has the `type`, `data`, `timestamp` and `version` of the wire."""
        match event:
            case Changed(_, entry):
                yield from (_safe(text) for text in encode_entry(entry))
            case Snapshot(state, cause):
                yield json_line(SnapshotLine(cause, state.version, Raw(encode_state(state))))
            case LinkChanged(status):
                yield from self._linked(status)
            case CaughtUp(lost_at, back_at, missed, how):
                yield json_line(CaughtUpLine(iso(lost_at), iso(back_at), missed, how))
            case Skipped(count, reason):
                yield json_line(SkippedLine(count, reason))
            case SignOfLife() | EndConfirmed():
                return

    def _linked(self, status: LinkStatus) -> Iterator[str]:
        """How the link stands; a new round trip time alone is no news."""
        news = replace(status, rtt_ms=None)
        if news != self._link:
            self._link = news
            counted = (status.attempt, status.attempts) if status.attempt else (None, None)
            times = iso(status.retry_at), iso(status.lost_at)
            yield json_line(LinkLine(status.phase, status.transport, *counted, *times, status.reason))

    def end(self, state: BuildState) -> Iterator[str]:
        """The state's keys are sorted, so that the same state is the same text."""
        yield json_line(EndLine(state.status, state.version, _sorted(state)))


def state_line(state: BuildState) -> str:
    """The build state (docs/protocol.md#build-state), keys sorted."""
    return _safe(bytes(_sorted(state)))


def json_line(value: object) -> str:
    return _safe(encode(value))


def _safe(text: bytes) -> str:
    """JSON escapes control characters below U+0020 by itself; outside strings all of it is ASCII."""
    return escaped(text.decode())


def _sorted(state: BuildState) -> Raw:
    return Raw(msgspec.json.encode(decode(encode_state(state), object), order="sorted"))
