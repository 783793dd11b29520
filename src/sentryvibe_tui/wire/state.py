"""A build state as JSON: the original's `GenerationState` plus what ours knows more (docs/protocol.md#build-state).

`decode_state(encode_state(s)) == s` for every state of ours; the original's states decode as far as they say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from msgspec import Raw
from msgspec.structs import replace

from ..model.activity import Activity
from ..model.persistent import Index, Vector
from ..model.requests import with_message
from ..model.standing import settled
from ..model.state import (
    OPEN_STATES,
    PLANNING,
    TODO_TOOLS,
    Agent,
    AutoFix,
    BuildState,
    Item,
    Note,
    Status,
    Todo,
    ToolCall,
    Usage,
    note_key,
    tool_key,
)
from .activity import (
    WireActivity,
    WireRequest,
    WireTurn,
    activity_of,
    request_of,
    turn_of,
    wire_activity,
    wire_request,
    wire_turn,
)
from .base import Wire
from .json import ABSENT, decode, encode, present
from .spellings import level_of, note_kind, phase_of, status_of, tool_state_of, wire_kind, wire_level
from .times import Time, iso, millis
from .values import (
    WireAgent,
    WireShare,
    WireTodo,
    WireUsage,
    agent_of,
    share_of,
    usage_of,
    wire_share,
    wire_usage,
)


class _Todo(WireTodo, frozen=True):
    key: int | None = None
    drift: str = ""
    start_time: Time = None
    end_time: Time = None


class _Tool(Wire, frozen=True):
    id: str
    name: str = ""
    state: str = ""
    input: Raw = ABSENT
    output: Raw = ABSENT
    start_time: Time = None
    end_time: Time = None
    input_bytes: int = 0
    output_bytes: int = 0
    clipped: bool = False
    parent_id: str = ""
    todo_key: int | None = None
    seq: int | None = None
    background: bool = False
    task: str = ""
    until: Time = None
    moved_at: Time = None


class _Note(Wire, frozen=True):
    id: str
    text: str | None = ""
    timestamp: Time = None
    kind: str | None = None
    level: str | None = None
    todo_key: int | None = None
    seq: int | None = None
    parent_id: str = ""


class WireState(Wire, frozen=True):
    """Field names as docs/protocol.md#build-state; from `status` on ours."""

    id: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    operation_type: str | None = None
    agent_id: str | None = None
    claude_model_id: str | None = None
    todos: list[_Todo] | None = None
    tools_by_todo: dict[str, list[_Tool]] | None = None
    text_by_todo: dict[str, list[_Note]] | None = None
    active_todo_index: int | None = None
    is_active: bool | None = None
    start_time: Time = None
    end_time: Time = None
    codex: Raw = ABSENT
    state_version: int | None = None
    build_summary: str | None = None
    planning_tools: list[_Tool] | None = None
    active_planning_tool: _Tool | None = None
    build_plan: Raw = ABSENT
    is_auto_fix: bool | None = None
    auto_fix_error: str | None = None
    auto_fix_attempt: int | None = None
    auto_fix_attempts: int | None = None
    current_phase: str | None = None
    template_todos: list[_Todo] | None = None
    active_template_todo_index: int | None = None
    status: str | None = None
    session_id: str | None = None
    error: str | None = None
    dropped_todos: list[_Todo] | None = None
    notes: list[_Note] | None = None
    usage: WireUsage | None = None
    usage_shares: list[WireShare] | None = None
    usage_covered_until: int | None = None
    title: str | None = None
    cwd: str | None = None
    agent_version: str | None = None
    branch: str | None = None
    template: str | None = None
    needs_input: str | None = None
    todo_calls: list[str] | None = None
    next_key: int | None = None
    last_event_at: Time = None
    activity: WireActivity | None = None
    requests: list[WireRequest] | None = None
    turn: WireTurn | None = None
    worked_at: Time = None


# --------------------------------------------------------------------------- to outside


def encode_state(state: BuildState) -> bytes:
    """JSON text of a state; equal states give equal text. What ran under no todo stands in `planningTools`, the latest
    also as `activePlanningTool` until there are todos.
    """
    places = {todo.key: index for index, todo in enumerate(state.todos)}
    tools: defaultdict[int, list[_Tool]] = defaultdict(list)
    texts: defaultdict[str, list[_Note]] = defaultdict(list)
    notes: list[_Note] = []
    for seq, item in enumerate(state.items()):
        place = places.get(item.todo, PLANNING)
        key = item.todo if place == PLANNING and item.todo != PLANNING else None
        if isinstance(item, ToolCall):
            tools[place].append(wire_tool(item, key, seq))
        elif item.kind == "text":
            parent = item.parent_id
            texts[str(place)].append(_Note(item.id, item.text, iso(item.at), todo_key=key, seq=seq, parent_id=parent))
        else:
            todo = None if item.todo == PLANNING else item.todo
            kind, level = wire_kind(item.kind), wire_level(item.level)
            notes.append(_Note(item.id, item.text, iso(item.at), kind, level, todo, seq, item.parent_id))
    planning = tools.pop(PLANNING, None)
    in_template = state.phase == "template"
    agent, fix = state.agent, state.autofix
    always = {
        "id": state.id,
        "projectId": state.project_id,
        "projectName": agent.project_name,
        "operationType": agent.operation_type,
        "agentId": agent.agent_id,
        "claudeModelId": agent.model,
        "todos": [wire_todo(todo, index) for index, todo in enumerate(state.todos)],
        "toolsByTodo": tools,
        "textByTodo": texts,
        "activeTodoIndex": PLANNING if in_template else state.active_todo,
        "isActive": state.is_active,
        "startTime": iso(state.started_at),
        "stateVersion": state.version,
        "status": state.status,
        "sessionId": state.session_id,
    }
    sometimes = WireState(
        end_time=iso(state.ended_at),
        codex=state.codex or ABSENT,
        build_summary=state.summary or None,
        planning_tools=planning,
        active_planning_tool=planning[-1] if planning and state.is_active and not state.todos else None,
        build_plan=Raw(encode(state.plan)) if state.plan else ABSENT,
        is_auto_fix=True if fix is not None else None,
        auto_fix_error=fix.error or None if fix is not None else None,
        auto_fix_attempt=fix.attempt or None if fix is not None else None,
        auto_fix_attempts=fix.attempts or None if fix is not None else None,
        current_phase="template" if in_template else None,
        template_todos=[wire_todo(todo, None) for todo in state.template_todos] or None,
        active_template_todo_index=state.active_todo if in_template else None,
        error=state.error or None,
        dropped_todos=[wire_todo(todo, None) for todo in state.dropped] or None,
        notes=notes or None,
        usage=wire_usage(state.usage) if state.usage != Usage() else None,
        usage_shares=list(map(wire_share, state.shares)) or None,
        usage_covered_until=state.covered_until or None,
        title=agent.title or None,
        cwd=agent.cwd or None,
        agent_version=agent.version or None,
        branch=agent.branch or None,
        template=agent.template or None,
        needs_input=state.needs_input or None,
        todo_calls=list(state.todo_calls) or None,
        next_key=state.next_key,
        last_event_at=iso(state.last_event_at),
        activity=wire_activity(state.activity) if state.id else None,
        requests=list(map(wire_request, state.requests)) or None,
        turn=wire_turn(state.turn),
        worked_at=iso(state.worked_at),
    )
    first, rest = encode(always), encode(sometimes)
    return first[:-1] + b"," + rest[1:]


def wire_todo(todo: Todo, index: int | None) -> _Todo:
    return _Todo(
        todo.content,
        todo.status,
        todo.active_form,
        todo.id,
        None if todo.key == index else todo.key,
        todo.drift,
        iso(todo.started_at),
        iso(todo.ended_at),
    )


def wire_tool(tool: ToolCall, todo_key: int | None, seq: int) -> _Tool:
    return _Tool(
        tool.id,
        tool.name,
        tool.state,
        tool.input or ABSENT,
        tool.output or ABSENT,
        iso(tool.started_at),
        iso(tool.ended_at),
        tool.input_bytes,
        tool.output_bytes,
        tool.clipped,
        tool.parent_id,
        todo_key,
        seq,
        tool.background,
        tool.task,
        iso(tool.until),
        iso(tool.moved_at),
    )


# --------------------------------------------------------------------------- from outside


def decode_state(data: bytes | Raw) -> BuildState:
    """The state in a JSON object. Raises BadJson when it is none."""
    wire = decode(bytes(data), WireState)
    todos, template = _todos(wire.todos, 0), _todos(wire.template_todos, len(wire.todos or ()))
    phase = phase_of(wire.current_phase) if template and not todos else "build"
    if wire.current_phase == "template" and wire.active_template_todo_index is not None:
        phase = "template"
    active = wire.active_template_todo_index if phase == "template" else wire.active_todo_index
    items = _items(wire, todos)
    timeline, positions = Vector(items), Index({_key(item): seq for seq, item in enumerate(items)})
    tools = [item for item in items if isinstance(item, ToolCall)]
    state = BuildState(
        id=wire.id or "",
        project_id=wire.project_id or "",
        session_id=wire.session_id or "",
        version=wire.state_version or 0,
        status=_status(wire),
        agent=_agent(wire),
        started_at=millis(wire.start_time),
        ended_at=millis(wire.end_time),
        last_event_at=millis(wire.last_event_at),
        phase=phase,
        todos=todos,
        template_todos=template,
        dropped=_todos(wire.dropped_todos, 0),
        active_todo=PLANNING if active is None else active,
        timeline=timeline,
        positions=positions,
        open_tools=frozenset(tool.id for tool in tools if tool.is_open),
        todo_calls=tuple(wire.todo_calls or ()),
        tool_count=len(tools),
        error_count=sum(tool.state == "error" for tool in tools),
        usage=usage_of(wire.usage) if wire.usage else Usage(),
        shares=tuple(map(share_of, wire.usage_shares or ())),
        covered_until=wire.usage_covered_until or 0,
        codex=present(wire.codex),
        plan=_plan(present(wire.build_plan)),
        summary=wire.build_summary or "",
        error=wire.error or "",
        autofix=_autofix(wire),
        in_background=frozenset(tool.id for tool in tools if tool.is_open and tool.background),
        activity=activity_of(wire.activity) if wire.activity else Activity(),
        requests=tuple(map(request_of, wire.requests or ())),
        turn=turn_of(wire.turn),
        worked_at=millis(wire.worked_at),
    )
    state = replace(state, next_key=_next_key(state) if wire.next_key is None else wire.next_key)
    return state if wire.activity else _with_activity(state, wire.needs_input or "")


def _with_activity(state: BuildState, needs: str) -> BuildState:
    """What a server of version 0.1 or an original one says of it: a message, and calls."""
    at = state.last_event_at or state.started_at or 0
    return settled(with_message(state, needs, at) if needs and state.is_active else state, at)


def _key(item: Item) -> str:
    return tool_key(item.id) if isinstance(item, ToolCall) else note_key(item.id)


def _next_key(state: BuildState) -> int:
    every = (*state.todos, *state.template_todos, *state.dropped)
    return max((todo.key for todo in every), default=PLANNING) + 1


def _status(wire: WireState) -> Status:
    if wire.status in ("active", "completed", "failed", "cancelled", "interrupted"):
        return wire.status
    return "completed" if wire.is_active is False else "active"


def _agent(wire: WireState) -> Agent:
    return agent_of(
        WireAgent(
            wire.agent_id,
            wire.claude_model_id,
            wire.project_name,
            wire.operation_type,
            wire.title,
            wire.cwd,
            wire.agent_version,
            wire.branch,
            wire.template,
        )
    )


def _autofix(wire: WireState) -> AutoFix | None:
    """The original's sessions say `false` when they repair nothing."""
    if not (wire.is_auto_fix or wire.auto_fix_error):
        return None
    return AutoFix(wire.auto_fix_error or "", wire.auto_fix_attempt or 0, wire.auto_fix_attempts or 0)


def _plan(wire: Raw | None) -> str:
    """The original's plan has no fixed shape; ours is text."""
    if wire is None:
        return ""
    text = bytes(wire)
    return decode(text, str) if text.startswith(b'"') else text.decode("utf-8", "replace")


def _todos(wire: list[_Todo] | None, first_key: int) -> tuple[Todo, ...]:
    return tuple(
        Todo(
            todo.content,
            status_of(todo.status),
            todo.active_form or "",
            str(todo.id or ""),
            first_key + index if todo.key is None else todo.key,
            todo.drift if todo.drift in ("added", "renamed") else "",
            millis(todo.start_time),
            millis(todo.end_time),
        )
        for index, todo in enumerate(wire or ())
    )


def _items(wire: WireState, todos: tuple[Todo, ...]) -> list[Item]:
    """Tools and notes in order of appearance: by `seq` where ours wrote it, else by time."""
    keyed: list[tuple[tuple[int, int], Item]] = []
    for key, tool in _by_todo(wire.tools_by_todo, todos):
        _add_tool(keyed, tool, key)
    for tool in wire.planning_tools or ():
        _add_tool(keyed, tool, PLANNING)
    for key, note in _by_todo(wire.text_by_todo, todos):
        keyed.append((_order(note.seq, note.timestamp), _note(note, key)))
    keyed.extend((_order(note.seq, note.timestamp), _note(note, PLANNING)) for note in wire.notes or ())
    keyed.sort(key=lambda pair: pair[0])
    return list({_key(item): item for _, item in keyed}.values())


_T = TypeVar("_T", _Tool, _Note)
_DIGITS = 10


def _by_todo(wire: dict[str, list[_T]] | None, todos: tuple[Todo, ...]) -> Iterable[tuple[int, _T]]:
    for text, group in (wire or {}).items():
        index = int(text) if text.isdecimal() and len(text) < _DIGITS else PLANNING
        key = todos[index].key if 0 <= index < len(todos) else PLANNING
        yield from ((key, item) for item in group)


def _order(seq: int | None, time: Time) -> tuple[int, int]:
    return (0, seq) if seq is not None else (1, millis(time) or 0)


def _add_tool(keyed: list[tuple[tuple[int, int], Item]], wire: _Tool, key: int) -> None:
    if wire.name in TODO_TOOLS:
        return
    state = tool_state_of(wire.state)
    if state in OPEN_STATES and present(wire.output) is not None and wire.end_time is not None:
        state = "output-available"  # v1 leaves the state of some finished calls behind
    tool = ToolCall(
        wire.id,
        wire.name,
        key if wire.todo_key is None else wire.todo_key,
        state,
        present(wire.input),
        present(wire.output),
        wire.input_bytes,
        wire.output_bytes,
        wire.clipped,
        millis(wire.start_time),
        millis(wire.end_time),
        wire.parent_id,
        wire.background,
        wire.task,
        millis(wire.until),
        millis(wire.moved_at),
    )
    keyed.append((_order(wire.seq, wire.start_time), tool))


def _note(wire: _Note, key: int) -> Note:
    return Note(
        wire.id,
        note_kind(wire.kind),
        wire.text or "",
        key if wire.todo_key is None else wire.todo_key,
        millis(wire.timestamp) or 0,
        level_of(wire.level),
        wire.parent_id,
    )
