"""Activity and requests in JSON: the same shape in updates, states and posted events
(docs/protocol.md#activity-and-requests)."""

from __future__ import annotations

from typing import cast

from msgspec import Raw, field
from msgspec.structs import replace

from ..model.activity import Activity, ActivityKind, Option, Request, RequestKind, RequestOutcome, Source, Turn
from ..model.activity import Outcome as TurnOutcome
from .base import Wire
from .json import ABSENT, present
from .times import Time, iso, millis

_KINDS = frozenset({"working", "waiting-person", "waiting-machine", "idle", "ended"})
_SOURCES = frozenset({"silence", "file", "stream", "hook", "registry", "socket"})
_REQUEST_KINDS = frozenset({"permission", "question", "plan", "form"})
_OUTCOMES = frozenset({"answered", "withdrawn", "expired"})
_TURN_OUTCOMES = frozenset({"completed", "failed", "cancelled", "interrupted"})


class WireActivity(Wire, frozen=True):
    kind: str
    since: Time = None
    what: str = ""
    until: Time = None
    source: str = ""


class WireOption(Wire, frozen=True):
    id: str
    label: str = ""
    kind: str = ""


class WireRequest(Wire, frozen=True):
    id: str
    kind: str
    title: str = ""
    tool: str = ""
    tool_call_id: str = ""
    input: Raw = ABSENT
    options: list[WireOption] = []
    suggestions: Raw = ABSENT
    reason: str = ""
    default_to_no: bool = False
    since: Time = None
    answerable: bool = False
    parent_id: str = ""
    input_bytes: int = 0


class WireResolved(Wire, frozen=True):
    id: str
    outcome: str = ""
    decision: str = ""
    by: str = ""
    origin: str = field(default="", name="from")


class WireTurn(Wire, frozen=True):
    outcome: str
    summary: str = ""
    error: str = ""


# --------------------------------------------------------------------------- from outside


def kind_of_activity(text: str) -> ActivityKind:
    """What is unknown still runs."""
    return cast(ActivityKind, text) if text in _KINDS else "working"


def source_of(text: str | None) -> Source:
    return cast(Source, text) if text in _SOURCES else ""


def resolved_as(text: str) -> RequestOutcome:
    return cast(RequestOutcome, text) if text in _OUTCOMES else "answered"


def outcome_of_turn(text: str | None) -> TurnOutcome:
    return cast(TurnOutcome, text) if text in _TURN_OUTCOMES else "failed"


def activity_of(wire: WireActivity) -> Activity:
    kind, source = kind_of_activity(wire.kind), source_of(wire.source)
    return Activity(kind, millis(wire.since), wire.what, millis(wire.until), source)


def request_of(wire: WireRequest) -> Request:
    return Request(
        id=wire.id,
        kind=cast(RequestKind, wire.kind) if wire.kind in _REQUEST_KINDS else "question",
        title=wire.title,
        tool=wire.tool,
        tool_call_id=wire.tool_call_id,
        input=present(wire.input),
        options=tuple(Option(one.id, one.label, one.kind) for one in wire.options),
        suggestions=present(wire.suggestions),
        reason=wire.reason,
        default_to_no=wire.default_to_no,
        since=millis(wire.since) or 0,
        answerable=wire.answerable,
        parent_id=wire.parent_id,
        input_bytes=max(0, wire.input_bytes),
    )


def turn_of(wire: WireTurn | None) -> Turn | None:
    return None if wire is None else Turn(outcome_of_turn(wire.outcome), wire.summary, wire.error)


# --------------------------------------------------------------------------- to outside


def wire_activity(activity: Activity) -> WireActivity:
    since, until = iso(activity.since), iso(activity.until)
    return WireActivity(activity.kind, since, activity.what, until, activity.source)


def wire_request(request: Request) -> WireRequest:
    return WireRequest(
        id=request.id,
        kind=request.kind,
        title=request.title,
        tool=request.tool,
        tool_call_id=request.tool_call_id,
        input=request.input or ABSENT,
        options=[WireOption(one.id, one.label, one.kind) for one in request.options],
        suggestions=request.suggestions or ABSENT,
        reason=request.reason,
        default_to_no=request.default_to_no,
        since=iso(request.since) if request.since else None,
        answerable=request.answerable,
        parent_id=request.parent_id,
        input_bytes=request.input_bytes,
    )


def brief(requests: tuple[Request, ...]) -> list[WireRequest]:
    """For lists: without what the agent hands to its tool."""
    return [wire_request(replace(one, input=None, suggestions=None, input_bytes=0)) for one in requests[:_BRIEF]]


_BRIEF = 8


def wire_turn(turn: Turn | None) -> WireTurn | None:
    return None if turn is None else WireTurn(turn.outcome, turn.summary, turn.error)
