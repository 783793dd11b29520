"""A watch as JSON lines: every update as it travels, and at last the whole state (docs/protocol.md#updates)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ..client.watching import (
    CaughtUp,
    Changed,
    LinkChanged,
    LinkStatus,
    Settled,
    SignOfLife,
    Skipped,
    Snapshot,
    WatchEvent,
)
from ..model.state import BuildState
from ..model.text import escaped
from ..wire.json import decode, encode
from ..wire.state import encode_state
from ..wire.times import iso
from ..wire.updates import encode_entry


class JsonLines:
    """One JSON object a line, valid UTF-8. Texts are the agent's own; what a terminal would act on is escaped."""

    def __init__(self) -> None:
        self._link: LinkStatus | None = None

    def event(self, event: WatchEvent) -> Iterator[str]:
        """`snapshot` has the whole state; an update has the `type`, `data`, `timestamp` and `version` of the wire."""
        match event:
            case Changed(_, entry):
                yield from (_safe(text) for text in encode_entry(entry))
            case Snapshot(state, cause):
                yield _line(type="snapshot", cause=cause, version=state.version, state=Raw(encode_state(state)))
            case LinkChanged(status):
                yield from self._linked(status)
            case CaughtUp(lost_at, back_at, missed, how):
                yield _line(type="caught-up", lostAt=iso(lost_at), backAt=iso(back_at), missed=missed, how=how)
            case Skipped(count, reason):
                yield _line(type="skipped", count=count, reason=reason)
            case SignOfLife() | Settled():
                return

    def _linked(self, status: LinkStatus) -> Iterator[str]:
        """How the link stands; a new round trip time alone is no news."""
        news = replace(status, rtt_ms=None)
        if news != self._link:
            self._link = news
            times = {"retryAt": status.retry_at, "lostAt": status.lost_at}
            known = {name: iso(at) for name, at in times.items() if at is not None}
            counted = {"attempt": status.attempt, "attempts": status.attempts} if status.attempt else {}
            reason = {"reason": status.reason} if status.reason else {}
            yield _line(type="link", phase=status.phase, transport=status.transport, **counted, **known, **reason)

    def end(self, state: BuildState) -> Iterator[str]:
        """The state's keys are sorted, so that the same state is the same text."""
        yield _line(type="end", status=state.status, version=state.version, state=_sorted(state))


def state_line(state: BuildState) -> str:
    """The build state (docs/protocol.md#build-state), keys sorted."""
    return _safe(bytes(_sorted(state)))


def json_line(value: object) -> str:
    return _safe(encode(value))


def _line(**fields: object) -> str:
    return json_line(fields)


def _safe(text: bytes) -> str:
    """JSON escapes control characters below U+0020 by itself; outside strings all of it is ASCII."""
    return escaped(text.decode())


def _sorted(state: BuildState) -> Raw:
    return Raw(msgspec.json.encode(decode(encode_state(state), object), order="sorted"))
