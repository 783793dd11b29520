"""The events of an agent in JSON, as we post them (docs/protocol.md#events). Those in `facts` are updates, too."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType, field
from msgspec.structs import astuple

from ..errors import BadJson
from ..model.events import (
    ActivityReported,
    BuildEvent,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolReturned,
    ToolStarted,
    UsageReported,
)
from ..model.state import TODO_TOOLS
from .activity import WireActivity, kind_of_activity, source_of
from .base import Wire
from .facts import FACTS
from .form import Form, by_model, checked_id, checked_id_or_none, tagged
from .json import ABSENT, decode, has_more_values, present
from .spellings import note_kind, phase_of
from .times import iso, millis
from .values import WireTodo, WireUsage, todo_of, usage_of, wire_todos

MAX_TODOS = 10_000
"""Todos of one list: each is compared with those known."""


class EventType(Struct, frozen=True):
    type: str


class WireOwner(Struct, frozen=True, kw_only=True):
    """Which todo and which subagent something belongs to."""

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

    @property
    def parent(self) -> str:
        """Raises BadJson where it is no id."""
        return checked_id_or_none(self.parent_id, "parentToolCallId")


class ToolStart(WireOwner, frozen=True, kw_only=True):
    id: str = field(name="toolCallId")
    name: str = field(default="", name="toolName")
    input: Raw = ABSENT
    args: Raw = ABSENT
    input_bytes: int = field(default=0, name="inputBytes")


class ToolEnd(WireOwner, frozen=True, kw_only=True):
    id: str = field(name="toolCallId")
    name: str | None = field(default=None, name="toolName")
    output: Raw = ABSENT
    result: Raw = ABSENT
    error: Raw = ABSENT
    error_text: Raw = field(default=ABSENT, name="errorText")
    is_error: bool = field(default=False, name="isError")
    output_bytes: int = field(default=0, name="outputBytes")


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


class _Text(WireOwner, frozen=True, kw_only=True):
    id: str = "text"
    delta: str | None = None
    text: str | None = None
    kind: str = "text"


class _Note(Wire, frozen=True):
    type: str
    id: str
    text: str | None = None
    delta: str | None = None
    kind: str | None = None
    todo_index: int | None = None
    parent_tool_call_id: str | None = None


class _TodoList(Struct, frozen=True):
    todos: list[WireTodo]
    phase: str | None = None


class _Spent(WireUsage, frozen=True):
    part: str = ""
    whole: bool = False


# --------------------------------------------------------------------------- from outside


def tool_start(wire: ToolStart) -> BuildEvent:
    value = present(wire.input) or present(wire.args)
    if wire.name in TODO_TOOLS and value is not None:
        if has_more_values(bytes(value), 8 * MAX_TODOS):
            raise BadJson(f"more than {MAX_TODOS} todos - at `$.input`")
        return _todo_list(decode(bytes(value), _TodoList), wire.id)
    size = max(0, wire.input_bytes)
    return ToolStarted(checked_id(wire.id), wire.name or "unknown", value, wire.index, wire.parent, size)


def _streaming(wire: ToolStart) -> BuildEvent:
    return ToolStarted(checked_id(wire.id), wire.name or "unknown", None, wire.index, wire.parent)


def tool_end(wire: ToolEnd) -> BuildEvent:
    return _ended(wire, present(wire.output) or present(wire.result), wire.is_error)


def tool_error(wire: ToolEnd) -> BuildEvent:
    values = map(present, (wire.error_text, wire.error, wire.output, wire.result))
    return _ended(wire, next((value for value in values if value is not None), None), True)


def _ended(wire: ToolEnd, value: Raw | None, is_error: bool) -> BuildEvent:
    size = max(0, wire.output_bytes)
    return ToolEnded(checked_id(wire.id), value, is_error, wire.name or "", wire.index, wire.parent, size)


def _todo_list(wire: _TodoList, call_id: str = "") -> BuildEvent:
    if len(wire.todos) > MAX_TODOS:
        raise BadJson(f"more than {MAX_TODOS} todos - at `$.todos`")
    todos = tuple(map(todo_of, wire.todos))
    for todo in todos:
        checked_id_or_none(todo.id, "todos[].id")
    return TodosReported(todos, phase_of(wire.phase), checked_id_or_none(call_id, "toolCallId"))


def _text(wire: _Text) -> BuildEvent:
    whole = wire.delta is None
    text = wire.text if whole else wire.delta
    ident = checked_id_or_none(wire.id, "id")
    return TextAdded(ident, text or "", note_kind(wire.kind), whole, wire.index, wire.parent)


def _activity(wire: WireActivity) -> BuildEvent:
    return ActivityReported(kind_of_activity(wire.kind), wire.what, millis(wire.until), source_of(wire.source))


# --------------------------------------------------------------------------- to outside


def _wire_start(event: ToolStarted) -> _Call:
    kind = "tool-input-start" if event.input is None else "tool-input-available"
    size, parent = event.input_bytes or None, event.parent_id or None
    return _Call(kind, event.id, event.name, event.input, size, None, None, event.todo_index, parent)


def _wire_end(event: ToolEnded) -> _Call:
    kind = "tool-error" if event.is_error else "tool-output-available"
    name, size, parent = event.name or None, event.output_bytes or None, event.parent_id or None
    return _Call(kind, event.id, name, None, None, event.output, size, event.todo_index, parent)


def _wire_text(event: TextAdded) -> _Note:
    kind = "text-delta" if event.kind == "text" and not event.whole else "text"
    text, delta = (event.text, None) if event.whole else (None, event.text)
    return _Note(kind, event.id, text, delta, event.kind, event.todo_index, event.parent_id or None)


def _wire_todo_list(event: TodosReported) -> object:
    call = {"toolCallId": event.call_id or "todos", "toolName": "TodoWrite"}
    return {"type": "tool-input-available", **call, "input": {"todos": wire_todos(event.todos), "phase": event.phase}}


def _wire_activity(event: ActivityReported) -> Raw:
    until = iso(event.until)
    return tagged("activity", WireActivity(event.kind, None, event.what, until, event.source))


EVENT_FORMS = (
    *(row.event for row in FACTS),
    Form(BuildStarted, ("start",), EventType, lambda _: BuildStarted(), lambda _: {"type": "start"}),
    Form(ToolStarted, ("tool-input-available",), ToolStart, tool_start, _wire_start),
    Form(ToolStarted, ("tool-input-start",), ToolStart, _streaming, _wire_start),
    Form(ToolEnded, ("tool-output-available",), ToolEnd, tool_end, _wire_end),
    Form(ToolEnded, ("tool-error",), ToolEnd, tool_error, _wire_end),
    Form(ToolReturned, (), ToolEnd, tool_end, _wire_end),
    Form(TextAdded, ("text", "text-delta"), _Text, _text, _wire_text),
    Form(TodosReported, ("todos",), _TodoList, _todo_list, _wire_todo_list),
    Form(
        UsageReported,
        ("usage",),
        _Spent,
        lambda w: UsageReported(usage_of(w), w.part, w.whole),
        lambda event: tagged("usage", _Spent(*astuple(event.usage), part=event.part, whole=event.whole)),
    ),
    Form(ActivityReported, ("activity",), WireActivity, _activity, _wire_activity),
    Form(Ignored, (), EventType, lambda w: Ignored(w.type), lambda event: {"type": event.type}),
)
"""What we write and read; `dialects` has what we only read."""

_FORMS = by_model(EVENT_FORMS)


def event_object(event: BuildEvent) -> object:
    """What is encoded of it."""
    write = _FORMS[type(event)].write
    assert write is not None
    return write(event)
