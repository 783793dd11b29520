"""The events of an agent in JSON: the original runner's and ours (docs/protocol.md#events)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from msgspec import UNSET, Raw, Struct, UnsetType, field

from ..model.activity import Source
from ..model.events import (
    ActivityReported,
    BuildEvent,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
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
    TodoItem,
    TurnEnded,
)
from ..model.state import TODO_TOOLS, Agent, Outcome
from .activity import (
    WireActivity,
    WireRequest,
    WireResolved,
    kind_of_activity,
    outcome_of_turn,
    request_of,
    resolved_as,
    source_of,
    wire_request,
)
from .ids import RULE, is_name
from .json import ABSENT, BadJson, decode, encode, has_more_values, plain, present, raw
from .times import Time, iso, millis
from .updates import (
    Wire,
    WireAgent,
    WireAutoFix,
    WireTodo,
    WireUsage,
    agent_of,
    autofix_of,
    kind_of,
    level_of,
    phase_of,
    status_of,
    usage_fields,
    usage_of,
    wire_agent,
    wire_autofix,
)

MAX_TODOS = 10_000
"""Todos of one list: each is compared with those known."""


class Kind(Struct, frozen=True):
    type: str


class _Index(Struct, frozen=True, kw_only=True):
    todo_index: int | UnsetType | None = field(default=UNSET, name="todoIndex")
    old_todo_index: int | UnsetType | None = field(default=UNSET, name="todo_index")
    parent_id: str | None = field(default=None, name="parentToolCallId")

    @property
    def index(self) -> int | None:
        """0 is a todo like any other; None means that the event does not say."""
        for said in (self.todo_index, self.old_todo_index):
            if said is not UNSET and said is not None:
                return said
        return None


class _ToolStart(_Index, frozen=True, kw_only=True):
    id: str = field(name="toolCallId")
    name: str = field(default="", name="toolName")
    input: Raw = ABSENT
    args: Raw = ABSENT
    input_bytes: int = field(default=0, name="inputBytes")


class _ToolEnd(_Index, frozen=True, kw_only=True):
    id: str = field(name="toolCallId")
    name: str | None = field(default=None, name="toolName")
    output: Raw = ABSENT
    result: Raw = ABSENT
    error: Raw = ABSENT
    error_text: Raw = field(default=ABSENT, name="errorText")
    is_error: bool = field(default=False, name="isError")
    output_bytes: int = field(default=0, name="outputBytes")


class _Text(_Index, frozen=True, kw_only=True):
    id: str = "text"
    delta: str | None = None
    text: str | None = None
    kind: str = "text"


class _Message(Struct, frozen=True):
    message: str | None = None


class _Reasoning(_Index, frozen=True, kw_only=True):
    id: str = "reasoning"
    message: str | None = None
    delta: str | None = None
    data: _Message | None = None


class _End(Struct, frozen=True):
    """`summary` and `error` stand beside `type`, or inside `payload`."""

    summary: str | None = None
    error: Raw = ABSENT
    message: str | None = None
    payload: Raw = ABSENT
    source: str = ""


class _TurnEnd(Wire, frozen=True):
    outcome: str
    summary: str = ""
    error: str = ""
    source: str = ""


class _Asked(Wire, frozen=True):
    request: WireRequest


class _Background(Wire, frozen=True):
    tool_call_id: str
    what: str = ""
    until: Time = None
    tool_name: str = ""
    parent_tool_call_id: str = ""


class _TodoList(Struct, frozen=True):
    todos: list[WireTodo]
    phase: str | None = None


class _Notice(Struct, frozen=True):
    message: str = ""
    error: Raw = ABSENT
    error_text: Raw = field(default=ABSENT, name="errorText")
    level: str | None = None


class _Template(Struct, frozen=True, rename="camel"):
    name: str | None = None
    template_name: str | None = None
    framework: str | None = None


class _Selected(_Template, frozen=True):
    """The template stands beside `type`, or in one of these: original runners write it in several ways."""

    template: Raw = ABSENT
    data: Raw = ABSENT
    payload: Raw = ABSENT


class _Spent(WireUsage, frozen=True):
    part: str = ""
    whole: bool = False


class _Said(Struct, frozen=True):
    """Its words stand beside `type`, or inside `payload`."""

    text: str = ""
    summary: str | None = None
    payload: Raw = ABSENT


# --------------------------------------------------------------------------- from outside


def decode_event(data: Raw) -> BuildEvent:
    """One event of the original's vocabulary or ours. Raises BadJson for unknown types and wrong fields."""
    text = bytes(data)
    try:
        kind = decode(text, Kind).type
        reader = _READERS.get(kind)
        if reader is None:
            raise BadJson(f"unknown event type {kind[:60]!r} - at `$.type`")
        shape, convert = reader
        return convert(decode(text, shape))
    except BadJson as error:
        reason = str(error) if "`$" in str(error) else f"{error} - at `$`"
        raise BadJson(reason.replace("`$", "`$.event")) from None


def event_shapes() -> dict[str, type[Any]]:
    """Each `type` of an event, and the struct that it is decoded as (a bare dict: any keys)."""
    return {kind: shape for kind, (shape, _) in _READERS.items()}


def is_known(kind: str) -> bool:
    """Whether events of that type are read here."""
    return kind in _READERS


def _tool_start(wire: _ToolStart) -> BuildEvent:
    value = present(wire.input) or present(wire.args)
    if wire.name in TODO_TOOLS and value is not None:
        if has_more_values(bytes(value), 8 * MAX_TODOS):
            raise BadJson(f"more than {MAX_TODOS} todos - at `$.input`")
        return _todo_list(decode(bytes(value), _TodoList), wire.id)
    size = max(0, wire.input_bytes)
    return ToolStarted(_id(wire.id), wire.name or "unknown", value, wire.index, _parent_of(wire), size)


def _streaming(wire: _ToolStart) -> BuildEvent:
    return ToolStarted(_id(wire.id), wire.name or "unknown", None, wire.index, _parent_of(wire))


def _id(text: str, name: str = "toolCallId") -> str:
    if not is_name(text):
        raise BadJson(f"{RULE} - at `$.{name}`")
    return text


def _id_or_none(text: str | None, name: str) -> str:
    return _id(text, name) if text else ""


def _parent_of(wire: _Index) -> str:
    return _id_or_none(wire.parent_id, "parentToolCallId")


def _todo_list(wire: _TodoList, call_id: str = "") -> BuildEvent:
    if len(wire.todos) > MAX_TODOS:
        raise BadJson(f"more than {MAX_TODOS} todos - at `$.todos`")
    items = tuple(
        TodoItem(todo.content, status_of(todo.status), todo.active_form or "", _todo_id(todo)) for todo in wire.todos
    )
    return TodosReported(items, phase_of(wire.phase), _id_or_none(call_id, "toolCallId"))


def _todo_id(todo: WireTodo) -> str:
    return _id_or_none(str(todo.id or ""), "todos[].id")


def _tool_end(wire: _ToolEnd) -> BuildEvent:
    value = present(wire.output) or present(wire.result)
    return _ended(wire, value, wire.is_error)


def _ended(wire: _ToolEnd, value: Raw | None, is_error: bool) -> BuildEvent:
    size = max(0, wire.output_bytes)
    return ToolEnded(_id(wire.id), value, is_error, wire.name or "", wire.index, _parent_of(wire), size)


def _tool_error(wire: _ToolEnd) -> BuildEvent:
    said = map(present, (wire.error_text, wire.error, wire.output, wire.result))
    value = next((part for part in said if part is not None), None)
    return _ended(wire, value, True)


def _text(wire: _Text) -> BuildEvent:
    whole = wire.delta is None
    said = wire.text if whole else wire.delta
    return TextAdded(_id_or_none(wire.id, "id"), said or "", kind_of(wire.kind), whole, wire.index, _parent_of(wire))


def _reasoning(wire: _Reasoning) -> BuildEvent:
    said = wire.delta or wire.message or (wire.data.message if wire.data else None) or ""
    return TextAdded(_id_or_none(wire.id, "id"), said, "reasoning", False, wire.index, _parent_of(wire))


def _words(value: Raw) -> str:
    """An error is text, or an object with a message."""
    said = plain(value)
    if isinstance(said, dict):
        said = cast("dict[str, Any]", said).get("message", value)
    if said is None or isinstance(said, str):
        return said or ""
    return bytes(value).decode("utf-8", "replace")


def _completed(wire: _End) -> BuildEvent:
    inner = _inner(wire)
    return BuildEnded("completed", wire.summary or inner.summary or "", source=source_of(wire.source))


def _failed(wire: _End) -> BuildEvent:
    inner = _inner(wire)
    said = _words(wire.error) or wire.message or _words(inner.error) or inner.message or ""
    return BuildEnded("failed", wire.summary or inner.summary or "", said, source_of(wire.source))


def _stopped(outcome: Outcome) -> Callable[[_End], BuildEvent]:
    return lambda wire: BuildEnded(outcome, wire.summary or "", wire.message or "", source_of(wire.source))


def _turn_ended(wire: _TurnEnd) -> BuildEvent:
    return TurnEnded(outcome_of_turn(wire.outcome), wire.summary, wire.error, source_of(wire.source))


def _activity(wire: WireActivity) -> BuildEvent:
    return ActivityReported(kind_of_activity(wire.kind), wire.what, millis(wire.until), source_of(wire.source))


def _resolved(wire: WireResolved) -> BuildEvent:
    return RequestResolved(_request_id(wire.id), resolved_as(wire.outcome), wire.decision, wire.by, wire.origin)


def _opened(wire: _Asked) -> BuildEvent:
    _request_id(wire.request.id)
    return RequestOpened(request_of(wire.request))


def _request_id(text: str) -> str:
    return _id(text, "id")


def _background(wire: _Background) -> BuildEvent:
    until = millis(wire.until)
    parent = _id_or_none(wire.parent_tool_call_id, "parentToolCallId")
    return BackgroundMoved(_id(wire.tool_call_id), wire.what, until, wire.tool_name, parent)


def _selected(wire: _Selected) -> BuildEvent:
    inside = (bytes(part) for part in (wire.template, wire.data, wire.payload))
    inner = next((part for part in inside if part.startswith(b"{")), None)
    chosen = wire if inner is None else decode(inner, _Template)
    name, framework = chosen.name or chosen.template_name or "", chosen.framework or ""
    return AgentReported(Agent(template=f"{name} ({framework})" if name and framework else name or framework))


def _summary(wire: _Said) -> BuildEvent:
    inner = decode(bytes(wire.payload), _Said) if bytes(wire.payload).startswith(b"{") else wire
    return SummaryReported(wire.text or wire.summary or inner.summary or "")


def _inner(wire: _End) -> _End:
    payload = bytes(wire.payload)
    return decode(payload, _End) if payload.startswith(b"{") else _End()


def _notice(wire: _Notice) -> BuildEvent:
    return Noticed(wire.message or _words(wire.error), level_of(wire.level))


def _error(wire: _Notice) -> BuildEvent:
    return Noticed(wire.message or _words(wire.error) or _words(wire.error_text) or "error", "error")


_IGNORED = (
    "finish",
    "start-step",
    "finish-step",
    "text-start",
    "text-end",
    "reasoning-start",
    "reasoning-end",
    "tool-input-delta",
    "message-metadata",
    "result",
    "command_start",
    "command_complete",
    "metadata",
)

_READERS: dict[str, tuple[type[Any], Callable[[Any], BuildEvent]]] = {
    "start": (Kind, lambda _: BuildStarted()),
    "tool-input-start": (_ToolStart, _streaming),
    "tool-input-available": (_ToolStart, _tool_start),
    "tool-call": (_ToolStart, _tool_start),
    "tool-output-available": (_ToolEnd, _tool_end),
    "tool-result": (_ToolEnd, _tool_end),
    "tool-error": (_ToolEnd, _tool_error),
    "tool-output-error": (_ToolEnd, _tool_error),
    "tool-input-error": (_ToolEnd, _tool_error),
    "tool-output-denied": (_ToolEnd, _tool_error),
    "text-delta": (_Text, _text),
    "text": (_Text, _text),
    "reasoning": (_Reasoning, _reasoning),
    "reasoning-delta": (_Reasoning, _reasoning),
    "data-reasoning": (_Reasoning, _reasoning),
    "todos": (_TodoList, _todo_list),
    "agent": (WireAgent, lambda w: AgentReported(agent_of(w))),
    "template-selected": (_Selected, _selected),
    "usage": (_Spent, lambda w: UsageReported(usage_of(w), w.part, w.whole)),
    "codex": (dict[str, Raw], lambda w: CodexReported(raw({k: v for k, v in w.items() if k != "type"}))),
    "plan": (_Said, lambda w: PlanReported(w.text)),
    "notice": (_Notice, _notice),
    "error": (_Notice, _error),
    "needs-input": (_Notice, lambda w: InputNeeded(w.message)),
    "build-summary": (_Said, _summary),
    "autofix-started": (WireAutoFix, lambda w: AutoFixReported(autofix_of(w))),
    "build-completed": (_End, _completed),
    "build-failed": (_End, _failed),
    "build-cancelled": (_End, _stopped("cancelled")),
    "build-interrupted": (_End, _stopped("interrupted")),
    "turn-ended": (_TurnEnd, _turn_ended),
    "activity": (WireActivity, _activity),
    "request-opened": (_Asked, _opened),
    "request-resolved": (WireResolved, _resolved),
    "tool-background": (_Background, _background),
    "abort": (_End, lambda w: BuildEnded("cancelled", "", w.message or "")),
    **{kind: (Kind, lambda w: Ignored(w.type)) for kind in _IGNORED},
}


# --------------------------------------------------------------------------- to outside


class _Call(Wire, frozen=True):
    type: str
    tool_call_id: str
    tool_name: str | None = None
    input: Raw | None = None
    input_bytes: int | None = None
    output: Raw | None = None
    output_bytes: int | None = None
    todo_index: int | None = None
    parent_tool_call_id: str | None = None


class _Note(Wire, frozen=True):
    type: str
    id: str
    text: str | None = None
    delta: str | None = None
    kind: str | None = None
    todo_index: int | None = None
    parent_tool_call_id: str | None = None


class _Ending(Wire, frozen=True):
    type: str
    summary: str | None = None
    error: str | None = None
    message: str | None = None
    source: Source = ""


def event_object(event: BuildEvent) -> object:
    """What is encoded of it."""
    match event:
        case ToolStarted():
            kind = "tool-input-start" if event.input is None else "tool-input-available"
            size, parent = event.input_bytes or None, event.parent_id or None
            return _Call(kind, event.id, event.name, event.input, size, None, None, event.todo_index, parent)
        case ToolEnded():
            kind, name = "tool-error" if event.is_error else "tool-output-available", event.name or None
            size, parent = event.output_bytes or None, event.parent_id or None
            return _Call(kind, event.id, name, None, None, event.output, size, event.todo_index, parent)
        case TextAdded(whole=True):
            return _Note("text", event.id, event.text, None, event.kind, event.todo_index, event.parent_id or None)
        case TextAdded():
            kind = "text-delta" if event.kind == "text" else "text"
            return _Note(kind, event.id, None, event.text, event.kind, event.todo_index, event.parent_id or None)
        case UsageReported(usage, part, whole):
            return _of_type("usage", _Spent(*usage_fields(usage), part=part, whole=whole))
        case AgentReported(agent):
            return _of_type("agent", wire_agent(agent))
        case TodosReported():
            todos = [WireTodo(t.content, t.status, t.active_form, t.id) for t in event.todos]
            call = {"toolCallId": event.call_id or "todos", "toolName": "TodoWrite"}
            return {"type": "tool-input-available", **call, "input": {"todos": todos, "phase": event.phase}}
        case BuildEnded(outcome, summary, error, source):
            is_error = outcome == "failed"
            error, message = (error or None, None) if is_error else (None, error or None)
            return _Ending(f"build-{outcome}", summary or None, error, message, source)
        case TurnEnded():
            return _of_type("turn-ended", _TurnEnd(event.outcome, event.summary, event.error, event.source))
        case ActivityReported():
            until = iso(event.until)
            return _of_type("activity", WireActivity(event.kind, None, event.what, until, event.source))
        case RequestOpened(request):
            return _of_type("request-opened", _Asked(wire_request(request)))
        case RequestResolved():
            resolved = WireResolved(event.id, event.outcome, event.decision, event.by, event.origin)
            return _of_type("request-resolved", resolved)
        case BackgroundMoved():
            until, parent = iso(event.until), event.parent_id
            return _of_type("tool-background", _Background(event.id, event.what, until, event.name, parent))
        case BuildStarted():
            return {"type": "start"}
        case CodexReported(codex):
            return {"type": "codex"} | decode(bytes(codex), dict[str, object])
        case PlanReported(text):
            return {"type": "plan", "text": text}
        case SummaryReported(text):
            return {"type": "build-summary", "text": text}
        case Noticed(message, level):
            return {"type": "notice", "message": message, "level": level}
        case AutoFixReported(autofix):
            return _of_type("autofix-started", wire_autofix(autofix))
        case InputNeeded(message):
            return {"type": "needs-input", "message": message}
        case Ignored(kind):
            return {"type": kind}


def _of_type(kind: str, wire: Wire) -> Raw:
    fields = encode(wire)[1:]
    return Raw(b'{"type":"%s"%s%s' % (kind.encode(), b"," if len(fields) > 1 else b"", fields))
