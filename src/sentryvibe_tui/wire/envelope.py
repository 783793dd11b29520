"""What a publisher posts to `/api/build-events`: events with whose they are (docs/protocol.md#posting-events)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Raw, Struct

from ..errors import BadJson
from ..model.events import About, BuildEvent, Ignored
from ..model.state import Agent, Millis
from .base import Wire
from .dialects import DIALECTS
from .events import EVENT_FORMS, EventType, event_object
from .form import by_type
from .ids import RULE, is_id
from .json import MAX_DEPTH, decode, depth, encode
from .times import Time, iso, millis


class EventEnvelope(Struct, frozen=True):
    """One event as it came in: whose it is, its identity, and when the agent says it happened.

    `undated`: the agent said a time that is no date.
    """

    about: About
    event: BuildEvent
    event_id: str = ""
    at: Millis | None = None
    undated: bool = False


class Envelope(Wire, frozen=True):
    """What is posted. `event` is one of `event_shapes`."""

    project_id: str
    event: Raw
    session_id: str | None = None
    build_id: str | None = None
    command_id: str | None = None
    agent_id: str | None = None
    claude_model_id: str | None = None
    project_name: str | None = None
    operation_type: str | None = None
    title: str | None = None
    event_id: str | None = None
    at: Time = None


class _Sent(Wire, frozen=True):
    """An envelope on its way out."""

    project_id: str
    session_id: str
    event: object
    build_id: str | None = None
    command_id: str | None = None
    agent_id: str | None = None
    claude_model_id: str | None = None
    project_name: str | None = None
    operation_type: str | None = None
    title: str | None = None
    event_id: str | None = None
    at: str | None = None


def decode_posted(body: bytes | bytearray) -> tuple[EventEnvelope, ...]:
    """The events of a request's body: one object, or an array of them. Raises BadJson, naming the element and field."""
    if not bytes(body[:64]).lstrip().startswith(b"["):
        return (_posted(decode(body, Envelope)),)
    envelopes: list[EventEnvelope] = []
    for number, envelope in enumerate(_envelopes(body)):
        try:
            envelopes.append(_posted(envelope))
        except BadJson as error:
            raise BadJson(f"event {number}: {error}") from None
    return tuple(envelopes)


def _envelopes(body: bytes | bytearray) -> list[Envelope]:
    try:
        return decode(body, list[Envelope])
    except BadJson as error:
        place = _ELEMENT.search(str(error))
        if place is None:
            raise
        raise BadJson(f"event {place[1]}: {_ELEMENT.sub('`$', str(error))}") from None


_ELEMENT = re.compile(r"`\$\[(\d+)\]")


def _posted(envelope: Envelope) -> EventEnvelope:
    if depth(bytes(envelope.event)) > MAX_DEPTH:
        raise BadJson(f"nested deeper than {MAX_DEPTH} levels")
    ids = ("projectId", envelope.project_id), ("sessionId", envelope.session_id or "-")
    for name, value in (*ids, ("buildId", envelope.build_id or "-"), ("eventId", envelope.event_id or "-")):
        if not is_id(value):
            raise BadJson(f"{RULE} - at `$.{name}`")
    at = millis(envelope.at)
    undated = at is None and envelope.at is not None
    return EventEnvelope(_about(envelope), _event_of(envelope.event), envelope.event_id or "", at, undated)


def _event_of(data: Raw) -> BuildEvent:
    """An unknown type is taken and changes nothing: original runners send more than an original server reads."""
    try:
        kind = decode(bytes(data), EventType).type
    except BadJson:
        return decode_event(data)
    return decode_event(data) if kind in _FORMS else Ignored(kind[:60])


def decode_event(data: Raw) -> BuildEvent:
    """One event of the original's vocabulary or ours. Raises BadJson for unknown types and wrong fields."""
    text = bytes(data)
    try:
        kind = decode(text, EventType).type
        form = _FORMS.get(kind)
        if form is None:
            raise BadJson(f"unknown event type {kind[:60]!r} - at `$.type`")
        return form.read(decode(text, form.shape))
    except BadJson as error:
        reason = str(error) if "`$" in str(error) else f"{error} - at `$`"
        raise BadJson(reason.replace("`$", "`$.event")) from None


_FORMS = by_type((*EVENT_FORMS, *DIALECTS))


def event_shapes() -> dict[str, type[Any]]:
    """Each `type` of an event, and the struct that it is decoded as (a bare dict: any keys)."""
    return {kind: form.shape for kind, form in _FORMS.items()}


def is_unknown(event: BuildEvent) -> bool:
    """Whether it is of a type that nobody here reads."""
    return isinstance(event, Ignored) and event.type not in _FORMS


def _about(envelope: Envelope) -> About:
    agent = Agent(
        agent_id=envelope.agent_id or "",
        model=envelope.claude_model_id or "",
        project_name=envelope.project_name or "",
        operation_type=envelope.operation_type or "",
        title=envelope.title or "",
    )
    session = envelope.session_id or ""
    return About(envelope.project_id, session, envelope.build_id or session, agent)


def encode_posted(posted: EventEnvelope) -> bytes:
    """One event as a publisher posts it. `decode_posted` gives the same back."""
    agent = posted.about.agent
    return encode(
        _Sent(
            posted.about.project_id,
            posted.about.session_id,
            event_object(posted.event),
            posted.about.build_id,
            posted.about.build_id,
            agent.agent_id or None,
            agent.model or None,
            agent.project_name or None,
            agent.operation_type or None,
            agent.title or None,
            posted.event_id or None,
            iso(posted.at),
        )
    )


def encode_array(events: Iterable[bytes]) -> bytes:
    """Encoded events as one body."""
    return b"[" + b",".join(events) + b"]"
