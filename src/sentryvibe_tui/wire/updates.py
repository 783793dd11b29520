"""Entries of the log as the `updates` of a `batch-update` frame, and back (docs/protocol.md#updates).

What is posted as an event, too, stands in `facts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

from ..errors import BadJson
from ..model.state import PLANNING, Millis
from ..model.updates import (
    ActivityChanged,
    BuildBegan,
    Entry,
    TextChanged,
    TodoCompleted,
    TodosChanged,
    ToolChanged,
    Update,
    UsageChanged,
)
from .activity import WireActivity, activity_of, wire_activity
from .base import Wire
from .facts import FACTS
from .form import Form, by_model, by_type
from .json import ABSENT, decode, encode, present
from .spellings import note_kind, phase_of, tool_state_of, wire_kind, wire_phase
from .times import Time, millis
from .values import WireShare, WireTodo, WireUsage, share_of, todo_of, usage_of, wire_share, wire_todos


class WireUpdate(Wire, frozen=True, omit_defaults=False):
    """One element of `updates`. `version` is absent on the original's."""

    type: str
    data: Raw
    timestamp: Time = None
    version: int = 0


class _Element(Wire, frozen=True, omit_defaults=False):
    """The same on its way out."""

    type: str
    data: object
    timestamp: Millis
    version: int


class _Started(Wire, frozen=True):
    build_id: str
    session_id: str = ""
    project_id: str = ""


class _Todos(Wire, frozen=True, omit_defaults=False):
    todos: list[WireTodo]
    active_todo_index: int | None = None
    phase: str | None = None
    tool_call_id: str | None = None


class _TodoCompleted(Wire, frozen=True):
    todo_index: int


class _Tool(Wire, frozen=True):
    id: str
    name: str = ""
    todo_index: int | None = field(default=None)
    state: str = ""
    phase: str | None = None
    input: Raw = ABSENT
    output: Raw = ABSENT
    input_bytes: int = 0
    output_bytes: int = 0
    clipped: bool = False
    parent_id: str = ""


class _Text(Wire, frozen=True):
    id: str
    todo_index: int | None = None
    text: str | None = None
    delta: str | None = None
    kind: str | None = None
    phase: str | None = None
    parent_id: str = ""


class _Usage(WireUsage, frozen=True):
    share: WireShare | None = None
    covered_until: int | None = None


# --------------------------------------------------------------------------- from outside


def _todos(wire: _Todos) -> Update:
    todos = tuple(map(todo_of, wire.todos))
    index = wire.active_todo_index
    if index is None:
        index = next((i for i, todo in enumerate(todos) if todo.status == "in_progress"), PLANNING)
    return TodosChanged(todos, index, phase_of(wire.phase), wire.tool_call_id or "")


def _tool(wire: _Tool) -> Update:
    return ToolChanged(
        wire.id,
        wire.name,
        PLANNING if wire.todo_index is None else wire.todo_index,
        tool_state_of(wire.state),
        phase_of(wire.phase),
        present(wire.input),
        present(wire.output),
        wire.input_bytes,
        wire.output_bytes,
        wire.clipped,
        wire.parent_id,
    )


def _text(wire: _Text) -> Update:
    index = PLANNING if wire.todo_index is None else wire.todo_index
    whole = wire.delta is None
    text = wire.text if whole else wire.delta
    return TextChanged(wire.id, text or "", index, note_kind(wire.kind), whole, phase_of(wire.phase), wire.parent_id)


def _usage(wire: _Usage) -> Update:
    return UsageChanged(usage_of(wire), share_of(wire.share) if wire.share else None, wire.covered_until)


# --------------------------------------------------------------------------- to outside


def _wire_todos(update: TodosChanged) -> object:
    data: dict[str, object] = {"todos": wire_todos(update.todos), "activeTodoIndex": update.active_index}
    if update.phase == "template":
        data["phase"] = update.phase
    if update.call_id:
        data["toolCallId"] = update.call_id
    return data


def _wire_tool(update: ToolChanged) -> _Tool:
    return _Tool(
        update.id,
        update.name,
        update.todo_index,
        update.state,
        wire_phase(update.phase),
        update.input or ABSENT,
        update.output or ABSENT,
        update.input_bytes,
        update.output_bytes,
        update.clipped,
        update.parent_id,
    )


def _wire_text(update: TextChanged) -> _Text:
    text, delta = (update.text, None) if update.whole else (None, update.text)
    phase, kind = wire_phase(update.phase), wire_kind(update.kind)
    return _Text(update.id, update.todo_index, text, delta, kind, phase, update.parent_id)


def _wire_usage(update: UsageChanged) -> _Usage:
    share = wire_share(update.share) if update.share else None
    return _Usage(*astuple(update.usage), share=share, covered_until=update.covered_until)


UPDATES = (
    *(row.update for row in FACTS),
    Form(
        BuildBegan,
        ("build-started",),
        _Started,
        lambda w: BuildBegan(w.build_id, w.session_id, w.project_id),
        lambda update: _Started(update.build_id, update.session_id, update.project_id),
    ),
    Form(TodosChanged, ("todos-update", "todo-update"), _Todos, _todos, _wire_todos),
    Form(
        TodoCompleted,
        ("todo-completed",),
        _TodoCompleted,
        lambda w: TodoCompleted(w.todo_index),
        lambda update: {"todoIndex": update.index, "persisted": True},
    ),
    Form(ToolChanged, ("tool-call",), _Tool, _tool, _wire_tool),
    Form(TextChanged, ("text",), _Text, _text, _wire_text),
    Form(UsageChanged, ("usage",), _Usage, _usage, _wire_usage),
    Form(
        ActivityChanged,
        ("activity",),
        WireActivity,
        lambda w: ActivityChanged(activity_of(w)),
        lambda update: wire_activity(update.activity),
    ),
)

_BY_TYPE = by_type(UPDATES)
_BY_MODEL = by_model(UPDATES)


def update_shapes() -> dict[str, type[Any]]:
    """Each `type` of an update, and the struct of its `data` (a bare dict: any keys)."""
    return {kind: form.shape for kind, form in _BY_TYPE.items()}


def decode_update(wire: WireUpdate) -> Update | None:
    """The update, or None for a type this reader does not know. Raises BadJson when its data has the wrong shape."""
    form = _BY_TYPE.get(wire.type)
    return None if form is None else form.read(decode(bytes(wire.data), form.shape))


class Decoded(Struct, frozen=True):
    """What a list of wire updates held, in its order. `unknown` counts updates that were skipped."""

    items: tuple[Entry | Raw, ...]
    unknown: int = 0


def decode_updates(updates: Iterable[WireUpdate], now: Millis) -> Decoded:
    """Neighbours of one version become one entry; updates without a version one entry each, in order of arrival.

    v1's `state-update` is a whole state and stays encoded (`wire.state.decode_state`).
    """
    items: list[Entry | Raw] = []
    unknown = 0
    for wire in updates:
        if wire.type == "state-update":
            items.append(wire.data)
            continue
        try:
            update = decode_update(wire)
        except BadJson:
            update = None
        changes = () if update is None else (update,)
        unknown += update is None
        last = items[-1] if items else None
        if wire.version and isinstance(last, Entry) and last.version == wire.version:
            items[-1] = Entry(last.version, last.at, last.updates + changes)
        elif wire.version or changes:
            items.append(Entry(wire.version, _time(wire.timestamp, now), changes))
    return Decoded(tuple(items), unknown)


def _time(time: Time, now: Millis) -> Millis:
    at = millis(time)
    return now if at is None else at


def encode_entry(entry: Entry) -> tuple[bytes, ...]:
    """The elements of `updates` that carry one entry."""
    return tuple(_encoded(update, entry) for update in entry.updates)


def _encoded(update: Update, entry: Entry) -> bytes:
    form = _BY_MODEL[type(update)]
    assert form.write is not None
    return encode(_Element(form.types[0], form.write(update), entry.at, entry.version))
