"""A build as an original client is told of it: one update a frame, and the fields of its state that changed.

An original client merges a `state-update` field by field over what it has, so a field that became empty is null.
Its own reading of `tool-call` and `todos-update` differs from version to version; the fields are the same for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Raw

from ..model.facts import BuildEnded
from ..model.reducer import apply
from ..model.state import OPEN_STATES, PLANNING, BuildState, ToolCall
from ..model.updates import Entry, ToolChanged, Update
from .json import decode, encode
from .state import encode_state, wire_todo, wire_tool
from .times import iso
from .updates import WireUpdate, encode_entry

_NULL = Raw(b"null")
_SOMETIMES = dict.fromkeys(
    (
        "endTime", "codex", "buildSummary", "planningTools", "activePlanningTool", "buildPlan", "isAutoFix",
        "autoFixError", "currentPhase", "templateTodos", "activeTemplateTodoIndex",
    ),
    _NULL,
)  # fmt: skip
"""Fields that a state lacks when they are empty, and an original client knows."""


def retold(before: BuildState, entry: Entry) -> tuple[BuildState, tuple[bytes, ...]]:
    """The state after `entry`, and the updates that tell of it: each goes alone in a frame, in this order."""
    after = apply(before, entry)
    updates = tuple(part for update in entry.updates for part in _v1_updates(before, after, update))
    encoded = encode_entry(Entry(entry.version, entry.at, updates))
    if before.id != after.id:
        return after, (*encoded, *full_frames(after, entry.at))
    fields = _changed(before, after, entry)
    if not fields:
        return after, encoded
    running = _running(after, entry.at) if "toolsByTodo" in fields else ()
    return after, (*encoded, _state_update(fields, entry.at, entry.version), *running)


def full_frames(state: BuildState, at: int) -> tuple[bytes, ...]:
    """The updates that replace whatever an original client has of any build."""
    fields = decode(encode_state(state), dict[str, Raw])
    first = _state_update(_SOMETIMES | fields | _tools(state), at, state.version)
    return (first, *_running(state, at))


def _state_update(fields: object, at: int, version: int) -> bytes:
    return encode(WireUpdate("state-update", Raw(encode(fields)), at, version))


def _v1_updates(before: BuildState, after: BuildState, update: Update) -> Iterable[Update]:
    """With an end the beginning is told, too: some originals know calls only by that, whenever they came."""
    call = after.tool(update.id) if isinstance(update, ToolChanged) else None
    if call is None:
        yield update
        return
    known = before.tool(call.id)
    if not call.is_open and (known is None or known.is_open):
        yield _call(after, call, begins=True)
    yield _call(after, call, begins=False)


def _call(state: BuildState, call: ToolCall, *, begins: bool) -> ToolChanged:
    """The whole call, at the place of its todo now."""
    place = next((index for index, todo in enumerate(state.todos) if todo.key == call.todo), PLANNING)
    return ToolChanged(
        call.id,
        call.name,
        place,
        "input-available" if begins else call.state,
        input=call.input,
        output=None if begins else call.output,
        input_bytes=call.input_bytes,
        output_bytes=0 if begins else call.output_bytes,
        clipped=call.clipped,
        parent_id=call.parent_id,
    )


def _changed(before: BuildState, after: BuildState, entry: Entry) -> dict[str, object]:
    """Fields whose value is another one now."""
    known, fields = _facts(before), _facts(after)
    changed = {name: value for name, value in fields.items() if value != known[name]}
    for name, todos in (("todos", after.todos), ("templateTodos", after.template_todos)):
        if name in changed:
            changed[name] = [wire_todo(todo, place) for place, todo in enumerate(todos)]
    ends = any(isinstance(update, BuildEnded) for update in entry.updates)
    if ends or _moved(before, after) or any(_outside(before, update) for update in entry.updates):
        changed |= _tools(after)
    return changed


def _facts(state: BuildState) -> dict[str, object]:
    """Values of all fields but tools and texts, as cheap to compare as they can be."""
    agent, fix, in_template = state.agent, state.autofix, state.phase == "template"
    return {
        "projectName": agent.project_name,
        "operationType": agent.operation_type,
        "agentId": agent.agent_id,
        "claudeModelId": agent.model,
        "todos": state.todos,
        "activeTodoIndex": PLANNING if in_template else state.active_todo,
        "isActive": state.is_active,
        "status": state.status,
        "startTime": iso(state.started_at),
        "endTime": iso(state.ended_at),
        "codex": state.codex,
        "buildSummary": state.summary or None,
        "buildPlan": state.plan or None,
        "isAutoFix": True if fix is not None else None,
        "autoFixError": (fix.error or None) if fix is not None else None,
        "currentPhase": "template" if in_template else None,
        "templateTodos": state.template_todos,
        "activeTemplateTodoIndex": state.active_todo if in_template else None,
    }


def _moved(before: BuildState, after: BuildState) -> bool:
    """Whether a call stands under another index than before."""
    if before.todos is after.todos:
        return False
    places = {todo.key: place for place, todo in enumerate(after.todos)}
    known = {todo.key: PLANNING for todo in before.dropped} | {t.key: place for place, t in enumerate(before.todos)}
    moved = {key for key, place in known.items() if places.get(key, PLANNING) != place}
    return bool(moved) and any(call.todo in moved for call in after.tools())


def _outside(before: BuildState, update: Update) -> bool:
    """Whether it changes a call that had ended: originals take no second end."""
    known = before.tool(update.id) if isinstance(update, ToolChanged) else None
    return known is not None and known.state not in OPEN_STATES


def _running(state: BuildState, at: int) -> tuple[bytes, ...]:
    """Calls under todos that run."""
    calls = (call for call in map(state.tool, sorted(state.open_tools)) if call is not None)
    told = (_call(state, call, begins=False) for call in calls)
    return encode_entry(Entry(state.version, at, tuple(call for call in told if call.todo_index != PLANNING)))


def _tools(state: BuildState) -> dict[str, object]:
    """Without calls under todos that run: an original that has one takes no end of it."""
    places = {todo.key: place for place, todo in enumerate(state.todos)}
    groups: defaultdict[int, list[object]] = defaultdict(list)
    for seq, item in enumerate(state.items()):
        if isinstance(item, ToolCall) and not (item.is_open and item.todo in places):
            groups[places.get(item.todo, PLANNING)].append(wire_tool(item, None, seq))
    planning = groups.pop(PLANNING, None)
    return {"toolsByTodo": {str(place): calls for place, calls in groups.items()}, "planningTools": planning}
