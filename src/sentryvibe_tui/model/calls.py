"""Tool calls: what their starts and ends say that is new, and what that makes of the state."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .events import ToolEnded, ToolReturned, ToolStarted
from .facts import BackgroundMoved, PlanReported
from .questions import plan_in
from .state import OPEN_STATES, PLANNING, TODO_TOOLS, BuildState, Millis, ToolCall, ToolState, tool_key, with_item
from .todos import place_of, todo_at
from .turns import goes_on
from .updates import ToolChanged, Update

UNKNOWN_TOOL = "unknown"


def call_started(state: BuildState, event: ToolStarted, at: Millis) -> Iterable[Update]:
    if event.id in state.todo_calls or event.name in TODO_TOOLS:
        return
    call = state.tool(event.id)
    initial_state: ToolState = "input-streaming" if event.input is None else "input-available"
    if call is None:
        index = state.active_todo if event.todo_index is None else event.todo_index
        yield _changed(state, event, index, initial_state)
    elif call.is_open or call.state == "interrupted":
        fresh = event.input is not None and event.input != call.input
        reopened = not call.is_open and (state.is_active or goes_on(state, event, at))
        if fresh or event.name != call.name or reopened or _is_placed(event, call):
            yield _changed(state, event, PLANNING, initial_state)
    elif (call.input is None and event.input is not None) or _is_placed(event, call):
        yield _changed(state, event, PLANNING, call.state)


def plan_of(state: BuildState, event: ToolStarted) -> Iterable[Update]:
    """A call that asks a person to approve a plan brings it."""
    known, text = state.tool(event.id), plan_in(event.name, event.input)
    is_new = known is None or known.input is None
    return (PlanReported(text),) if is_new and text and text != state.plan else ()


def call_ended(state: BuildState, event: ToolEnded, at: Millis) -> Iterable[Update]:
    if event.id in state.todo_calls or event.name in TODO_TOOLS:
        return
    call = state.tool(event.id)
    if call is not None and call.background and _is_told_end(call, event, at):
        return
    if call is not None and call.is_open and at < (call.moved_at or 0):
        yield _changed(state, event, PLANNING, call.state)  # what it answered before it was seen to go on
        return
    if call is not None and isinstance(event, ToolReturned) and call.state in _ENDS:
        if _is_placed(event, call):
            yield _changed(state, replace(event, output=None), PLANNING, call.state)
        return
    closed: ToolState = "error" if event.is_error else "output-available"
    if call is None:
        index = state.active_todo if event.todo_index is None else event.todo_index
        yield _changed(state, event, index, closed)
    elif call.state != closed or call.output != event.output or _is_placed(event, call):
        yield _changed(state, event, PLANNING, closed)


_ENDS: frozenset[ToolState] = frozenset({"error", "output-available"})


def _is_told_end(call: ToolCall, event: ToolEnded, at: Millis) -> bool:
    """Whether it is the answer by which a call went to the background, told again by another source."""
    if call.is_open:
        return event.output is not None and event.output == call.output
    return at < (call.ended_at or 0)


def _is_placed(event: ToolStarted | ToolEnded, call: ToolCall) -> bool:
    """Whether this source, other than the one before, tells of which subagent the call is."""
    return bool(event.parent_id) and not call.parent_id


def _changed(state: BuildState, event: ToolStarted | ToolEnded, index: int, new: ToolState) -> ToolChanged:
    """`index` counts only for a call not seen before; a known one keeps its todo (docs/protocol.md#merge-rule)."""
    known = state.tool(event.id)
    phase, index = (state.phase, index) if known is None else place_of(state, known.todo)
    name = event.name or (known.name if known else UNKNOWN_TOOL)
    if isinstance(event, ToolStarted):
        size = event.input_bytes
        return ToolChanged(
            event.id,
            name,
            index,
            new,
            phase,
            input=event.input,
            input_bytes=size,
            clipped=size > 0,
            parent_id=event.parent_id,
        )
    size = event.output_bytes
    return ToolChanged(
        event.id,
        name,
        index,
        new,
        phase,
        output=event.output,
        output_bytes=size,
        clipped=size > 0,
        parent_id=event.parent_id,
    )


def apply_call(state: BuildState, update: ToolChanged, at: Millis) -> BuildState:
    if update.name in TODO_TOOLS:
        return state
    call = state.tool(update.id)
    tool = _first_seen(state, update, at) if call is None else _seen_again(call, update, at)
    if tool.is_open and not state.is_active:
        tool = replace(tool, state="interrupted", ended_at=at)
    return with_tool(state, call, tool)


def _first_seen(state: BuildState, update: ToolChanged, at: Millis) -> ToolCall:
    return ToolCall(
        id=update.id,
        name=update.name,
        todo=todo_at(state, update.phase, update.todo_index),
        state=update.state,
        input=update.input,
        output=update.output,
        input_bytes=update.input_bytes,
        output_bytes=update.output_bytes,
        clipped=update.clipped,
        started_at=at,
        ended_at=None if update.state in OPEN_STATES else at,
        parent_id=update.parent_id,
    )


def _seen_again(call: ToolCall, update: ToolChanged, at: Millis) -> ToolCall:
    """A finished call is not reopened by a repeated start; a new end updates it (docs/protocol.md#merge-rule)."""
    opens = update.state in OPEN_STATES
    stays = opens and not call.is_open and call.state != "interrupted"
    ends = (not opens and update.output is not None) or (not opens and update.state != call.state)
    return replace(
        call,
        name=update.name if call.name == UNKNOWN_TOOL or not call.name else call.name,
        state=call.state if stays else update.state,
        input=call.input if update.input is None else update.input,
        output=call.output if update.output is None else update.output,
        input_bytes=update.input_bytes if update.input is not None else call.input_bytes,
        output_bytes=update.output_bytes if update.output is not None else call.output_bytes,
        clipped=update.clipped or call.clipped,
        ended_at=at if ends else (call.ended_at if stays or not opens else None),
        parent_id=call.parent_id or update.parent_id,
    )


def apply_moved(state: BuildState, update: BackgroundMoved, at: Millis) -> BuildState:
    known = state.tool(update.id)
    call = known or ToolCall(update.id, update.name or UNKNOWN_TOOL, started_at=at, parent_id=update.parent_id)
    is_open = state.is_active
    call = replace(
        call,
        state="input-available" if is_open else "interrupted",
        ended_at=None if is_open else at,
        background=True,
        moved_at=at if call.moved_at is None else min(at, call.moved_at),
        task=update.what or call.task,
        until=update.until or call.until,
    )
    return with_tool(state, known, call)


def without_calls(state: BuildState, calls: frozenset[str], at: Millis) -> BuildState:
    """`state` with `calls` interrupted."""
    for tool_id in calls:
        tool = state.tool(tool_id)
        if tool is not None:
            state = with_item(state, tool_key(tool_id), replace(tool, state="interrupted", ended_at=at))
    return replace(state, open_tools=state.open_tools - calls, in_background=state.in_background - calls)


def with_calls_again(state: BuildState) -> BuildState:
    """The end was silence taken for one: the calls that it closed are under way."""
    end = len(state.timeline)
    for position in range(end - 1, max(-1, end - 1 - _WITHIN), -1):
        call = state.timeline[position]
        if isinstance(call, ToolCall) and call.state == "interrupted" and call.ended_at == state.ended_at:
            state = with_tool(state, call, replace(call, state="input-available", ended_at=None))
    return state


_WITHIN = 256


def with_tool(state: BuildState, previous: ToolCall | None, tool: ToolCall) -> BuildState:
    """`state` with `tool` in place of `known`, and its counts right."""
    errors = state.error_count + (tool.state == "error") - (previous is not None and previous.state == "error")
    return replace(
        with_item(state, tool_key(tool.id), tool),
        open_tools=_having(state.open_tools, tool.id, tool.is_open),
        in_background=_having(state.in_background, tool.id, tool.is_open and tool.background),
        tool_count=state.tool_count + (previous is None),
        error_count=errors,
    )


def _having(ids: frozenset[str], ident: str, is_in: bool) -> frozenset[str]:
    if (ident in ids) == is_in:
        return ids
    return ids | {ident} if is_in else ids - {ident}
