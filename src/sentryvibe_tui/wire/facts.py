"""How facts travel: one row for each says how it is posted as an event and kept as an update, read and written
(docs/protocol.md#events, docs/protocol.md#updates)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from msgspec import Raw, Struct, field

from ..model.activity import Source
from ..model.facts import (
    AgentReported,
    AutoFixReported,
    BackgroundMoved,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    RequestOpened,
    RequestResolved,
    SummaryReported,
    TurnEnded,
)
from ..model.state import Outcome
from .activity import (
    WireRequest,
    WireResolved,
    outcome_of_turn,
    request_of,
    resolved_as,
    source_of,
    wire_request,
)
from .base import Wire
from .form import Form, checked_id, checked_id_or_none, tagged
from .json import ABSENT, decode, plain, raw
from .spellings import level_of, outcome_of
from .times import Time, iso, millis
from .values import WireAgent, WireAutoFix, agent_of, autofix_of, wire_agent, wire_autofix


class Row(Struct, frozen=True):
    """A fact on both wires."""

    event: Form
    update: Form


def _same(model: type, kind: str, shape: type[Wire], read: Callable[[Any], Any], write: Callable[[Any], Wire]) -> Row:
    """A fact that is said in the same way on both."""
    event = Form(model, (kind,), shape, read, lambda fact: tagged(kind, write(fact)))
    return Row(event, Form(model, (kind,), shape, read, write))


# --------------------------------------------------------------------------- shapes


class _Plan(Wire, frozen=True, omit_defaults=False):
    text: str = ""


class _Summary(Wire, frozen=True, omit_defaults=False):
    summary: str = ""


class _TextFields(Struct, frozen=True):
    """Its words stand beside `type`, or inside `payload`."""

    text: str = ""
    summary: str | None = None
    payload: Raw = ABSENT


class _Needed(Wire, frozen=True, omit_defaults=False):
    message: str = ""


class Notice(Struct, frozen=True):
    """A notice, or an error."""

    message: str = ""
    error: Raw = ABSENT
    error_text: Raw = field(default=ABSENT, name="errorText")
    level: str | None = None


class _Notice(Wire, frozen=True, omit_defaults=False):
    level: str = "info"
    message: str = ""


class _RequestFields(Wire, frozen=True):
    request: WireRequest


class _Background(Wire, frozen=True):
    tool_call_id: str
    what: str = ""
    until: Time = None
    tool_name: str = ""
    parent_tool_call_id: str = ""


class _Moved(Wire, frozen=True):
    id: str
    name: str = ""
    task: str = ""
    until: Time = None
    parent_id: str = ""


class _TurnEnd(Wire, frozen=True):
    outcome: str
    summary: str = ""
    error: str = ""
    source: str = ""


class _Outcome(Struct, frozen=True):
    summary: str | None = None
    error: Raw = ABSENT
    message: str | None = None
    payload: Raw = ABSENT
    source: str = ""


class End(_Outcome, frozen=True):
    """How a build ended stands beside `type`, or inside `payload`."""

    type: str = ""


class _Ending(Wire, frozen=True):
    type: str
    summary: str | None = None
    error: str | None = None
    message: str | None = None
    source: Source = ""


class _Complete(Wire, frozen=True):
    """`status` as the original knows it; `outcome` says exactly how it ended."""

    status: str = ""
    outcome: str | None = None
    summary: str | None = None
    error: str | None = None


# --------------------------------------------------------------------------- what needs more than a line


def words_of(value: Raw) -> str:
    """An error is text, or an object with a message."""
    data = plain(value)
    if isinstance(data, dict):
        data = cast("dict[str, Any]", data).get("message", value)
    if data is None or isinstance(data, str):
        return data or ""
    return bytes(value).decode("utf-8", "replace")


def _summary(wire: _TextFields) -> SummaryReported:
    inner = decode(bytes(wire.payload), _TextFields) if bytes(wire.payload).startswith(b"{") else wire
    return SummaryReported(wire.text or wire.summary or inner.summary or "")


def _codex(wire: dict[str, Raw]) -> CodexReported:
    return CodexReported(raw({key: value for key, value in wire.items() if key != "type"}))


def _request_opened(wire: _RequestFields) -> RequestOpened:
    checked_id(wire.request.id, "id")
    return RequestOpened(request_of(wire.request))


def _resolved(wire: WireResolved) -> RequestResolved:
    return RequestResolved(wire.id, resolved_as(wire.outcome), wire.decision, wire.by, wire.origin)


def _resolved_event(wire: WireResolved) -> RequestResolved:
    checked_id(wire.id, "id")
    return _resolved(wire)


def _wire_resolved(fact: RequestResolved) -> WireResolved:
    return WireResolved(fact.id, fact.outcome, fact.decision, fact.by, fact.origin)


def _background(wire: _Background) -> BackgroundMoved:
    parent = checked_id_or_none(wire.parent_tool_call_id, "parentToolCallId")
    return BackgroundMoved(checked_id(wire.tool_call_id), wire.what, millis(wire.until), wire.tool_name, parent)


def _wire_background(fact: BackgroundMoved) -> Raw:
    return tagged("tool-background", _Background(fact.id, fact.what, iso(fact.until), fact.name, fact.parent_id))


def _ended(wire: End) -> BuildEnded:
    outcome, source = cast(Outcome, wire.type.removeprefix("build-")), source_of(wire.source)
    inner = decode(bytes(wire.payload), _Outcome) if bytes(wire.payload).startswith(b"{") else _Outcome()
    match outcome:
        case "completed":
            return BuildEnded(outcome, wire.summary or inner.summary or "", "", source)
        case "failed":
            error = words_of(wire.error) or wire.message or words_of(inner.error) or inner.message or ""
            return BuildEnded(outcome, wire.summary or inner.summary or "", error, source)
        case _:
            return BuildEnded(outcome, wire.summary or "", wire.message or "", source)


def _ending(fact: BuildEnded) -> _Ending:
    error, message = (fact.error or None, None) if fact.outcome == "failed" else (None, fact.error or None)
    return _Ending(f"build-{fact.outcome}", fact.summary or None, error, message, fact.source)


def _complete(wire: _Complete) -> BuildEnded:
    outcome, summary = wire.outcome or wire.status, wire.summary or ""
    if wire.outcome is None and summary.startswith(_CANCELLED):
        outcome = "cancelled"  # v2 says so in words only
    return BuildEnded(outcome_of(outcome), summary, wire.error or "")


_CANCELLED = "Build cancelled"


def _wire_complete(fact: BuildEnded) -> _Complete:
    status = "completed" if fact.outcome == "completed" else "failed"
    return _Complete(status, fact.outcome, fact.summary or None, fact.error or None)


# --------------------------------------------------------------------------- the table

FACTS = (
    _same(AgentReported, "agent", WireAgent, lambda w: AgentReported(agent_of(w)), lambda fact: wire_agent(fact.agent)),
    _same(PlanReported, "plan", _Plan, lambda w: PlanReported(w.text), lambda fact: _Plan(fact.text)),
    _same(InputNeeded, "needs-input", _Needed, lambda w: InputNeeded(w.message), lambda fact: _Needed(fact.message)),
    _same(
        AutoFixReported,
        "autofix-started",
        WireAutoFix,
        lambda w: AutoFixReported(autofix_of(w)),
        lambda fact: wire_autofix(fact.autofix),
    ),
    _same(
        TurnEnded,
        "turn-ended",
        _TurnEnd,
        lambda w: TurnEnded(outcome_of_turn(w.outcome), w.summary, w.error, source_of(w.source)),
        lambda fact: _TurnEnd(fact.outcome, fact.summary, fact.error, fact.source),
    ),
    Row(
        Form(
            RequestResolved,
            ("request-resolved",),
            WireResolved,
            _resolved_event,
            lambda fact: tagged("request-resolved", _wire_resolved(fact)),
        ),
        Form(RequestResolved, ("request-resolved",), WireResolved, _resolved, _wire_resolved),
    ),
    Row(
        Form(
            RequestOpened,
            ("request-opened",),
            _RequestFields,
            _request_opened,
            lambda fact: tagged("request-opened", _RequestFields(wire_request(fact.request))),
        ),
        Form(
            RequestOpened,
            ("request",),
            WireRequest,
            lambda w: RequestOpened(request_of(w)),
            lambda fact: wire_request(fact.request),
        ),
    ),
    Row(
        Form(BackgroundMoved, ("tool-background",), _Background, _background, _wire_background),
        Form(
            BackgroundMoved,
            ("tool-background",),
            _Moved,
            lambda w: BackgroundMoved(w.id, w.task, millis(w.until), w.name, w.parent_id),
            lambda fact: _Moved(fact.id, fact.name, fact.what, iso(fact.until), fact.parent_id),
        ),
    ),
    Row(
        Form(
            CodexReported,
            ("codex",),
            dict[str, Raw],
            _codex,
            lambda fact: {"type": "codex"} | decode(bytes(fact.codex), dict[str, object]),
        ),
        Form(CodexReported, ("codex",), dict[str, Raw], lambda w: CodexReported(raw(w)), lambda fact: fact.codex),
    ),
    Row(
        Form(
            SummaryReported,
            ("build-summary",),
            _TextFields,
            _summary,
            lambda f: {"type": "build-summary", "text": f.text},
        ),
        Form(
            SummaryReported,
            ("build-summary",),
            _Summary,
            lambda w: SummaryReported(w.summary),
            lambda fact: _Summary(fact.text),
        ),
    ),
    Row(
        Form(
            Noticed,
            ("notice",),
            Notice,
            lambda w: Noticed(w.message or words_of(w.error), level_of(w.level)),
            lambda fact: {"type": "notice", "message": fact.message, "level": fact.level},
        ),
        Form(
            Noticed,
            ("notice",),
            _Notice,
            lambda w: Noticed(w.message, level_of(w.level)),
            lambda fact: _Notice(fact.level, fact.message),
        ),
    ),
    Row(
        Form(
            BuildEnded,
            ("build-completed", "build-failed", "build-cancelled", "build-interrupted"),
            End,
            _ended,
            _ending,
        ),
        Form(BuildEnded, ("build-complete",), _Complete, _complete, _wire_complete),
    ),
)
"""All of `model.facts`."""
