"""A session as an original server's `GET /api/projects/{id}/messages` tells it: v2 keeps what happened in its rows,
while `hydratedState` stays at the build's first moment; v1's state is complete (docs/protocol.md#original-servers)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from ..model.calls import with_tool
from ..model.facts import BuildEnded
from ..model.questions import plan_in
from ..model.reducer import apply
from ..model.standing import settled
from ..model.state import (
    PLANNING,
    TODO_TOOLS,
    AutoFix,
    BuildState,
    Item,
    Millis,
    Outcome,
    Todo,
    ToolCall,
    note_key,
    with_item,
)
from ..model.updates import Entry
from .json import ABSENT, present
from .spellings import outcome_of, status_of, tool_state_of
from .state import decode_state
from .times import Time, millis

QUIET: Millis = 30_000
"""Silence after which a session that all its todos completed is believed to have ended: v1 says so of its template."""
STALE: Millis = 120_000
"""The same of one that is called failed: v2 says so of any that is asked for two minutes after its start."""
LATE: Millis = 2_000
"""What is stored so soon after an end belongs to it."""


class Ending(Struct, frozen=True):
    """How a session's row says that it ended. `doubt`: milliseconds of silence after which to believe it."""

    outcome: Outcome
    at: Millis
    doubt: Millis = 0


class Stored(Struct, frozen=True):
    """What is stored of a session. `state` goes on, whatever its `ending`; `places` has the index of the todo of calls,
    also where no such todo is stored."""

    state: BuildState
    ending: Ending | None = None
    places: dict[str, int] = {}

    @property
    def ended(self) -> BuildState:
        """The state, ended if its session is."""
        if self.ending is None or not self.state.is_active:
            return self.state
        return apply(self.state, Entry(0, self.ending.at, (BuildEnded(self.ending.outcome),)))


class SessionRow(Struct, frozen=True, rename="camel"):
    id: str | None = None
    session_id: str | None = None
    build_id: str | None = None
    project_id: str | None = None
    operation_type: str | None = None
    status: str | None = None
    started_at: Time = None
    ended_at: Time = None
    summary: str | None = None
    is_auto_fix: bool | None = None
    auto_fix_error: str | None = None


class _TodoRow(Struct, frozen=True, rename="camel"):
    todo_index: int
    content: str | None = None
    active_form: str | None = None
    status: str | None = None
    updated_at: Time = None


class _ToolRow(Struct, frozen=True, rename="camel"):
    id: str | None = None
    tool_call_id: str | None = None
    todo_index: int | None = None
    name: str | None = None
    input: Raw = ABSENT
    output: Raw = ABSENT
    state: str | None = None
    started_at: Time = None
    ended_at: Time = None

    @property
    def ident(self) -> str:
        return self.tool_call_id or self.id or ""


class OriginalSession(Struct, frozen=True, rename="camel"):
    """One element of `sessions`. Only v1's has `notes`; ours has the state alone."""

    session: SessionRow | None = None
    hydrated_state: Raw = ABSENT
    todos: list[_TodoRow] | None = None
    tools: list[_ToolRow] | None = None
    notes: Raw | UnsetType = UNSET


def stored(session: OriginalSession) -> Stored | None:
    """What is told of a session; None when that is nothing. Raises BadJson."""
    data, row = present(session.hydrated_state), session.session or SessionRow()
    if data is None and not row.build_id:
        return None
    state = BuildState(id=row.build_id or "") if data is None else decode_state(data)
    state = replace(state, session_id=state.session_id or row.session_id or row.id or "")
    if state.version:
        return Stored(state)
    todos = _todos(session.todos or ())
    tools = [tool for tool in session.tools or () if tool.ident and tool.name not in TODO_TOOLS]
    merged_state = _with_row(_with_tools(replace(state, todos=todos or state.todos), tools), row, bool(todos))
    moved = _moved_at(session.todos or (), tools, merged_state)
    latest = max(moved, merged_state.last_event_at or 0, merged_state.started_at or 0)
    known = settled(replace(merged_state, last_event_at=latest or None), latest)
    places = {tool.ident: tool.todo_index for tool in tools if tool.todo_index is not None and tool.todo_index >= 0}
    return Stored(known, _ending(known, state, row, moved, session.notes is not UNSET), places)


def _todos(rows: Iterable[_TodoRow]) -> tuple[Todo, ...]:
    ordered = sorted(rows, key=lambda row: row.todo_index)
    return tuple(
        Todo(row.content or "", status_of(row.status or ""), row.active_form or "", key=key)
        for key, row in enumerate(ordered)
    )


def _with_tools(state: BuildState, rows: Iterable[_ToolRow]) -> BuildState:
    """Calls of the state and of the rows, in order of time; a row has the last word of a call that it knows ended."""
    calls: dict[str, Item] = {f"t:{tool.id}": tool for tool in state.tools()}
    for row in rows:
        tool, known = _tool(state, row), calls.get(f"t:{row.ident}")
        if not isinstance(known, ToolCall) or known.is_open:
            calls[f"t:{row.ident}"] = tool
    items = [*calls.values(), *state.notes()]
    empty = BuildState()
    bare = replace(
        state,
        timeline=empty.timeline,
        positions=empty.positions,
        open_tools=empty.open_tools,
        tool_count=0,
        error_count=0,
        next_key=len(state.todos) + len(state.template_todos),
    )
    for item in sorted(items, key=_time):
        bare = with_tool(bare, None, item) if isinstance(item, ToolCall) else with_item(bare, note_key(item.id), item)
    return bare


def _time(item: Item) -> Millis:
    return (item.started_at if isinstance(item, ToolCall) else item.at) or 0


def _tool(state: BuildState, row: _ToolRow) -> ToolCall:
    index = PLANNING if row.todo_index is None else row.todo_index
    return ToolCall(
        row.ident,
        row.name or "",
        state.todos[index].key if 0 <= index < len(state.todos) else PLANNING,
        tool_state_of(row.state or ""),
        present(row.input),
        present(row.output),
        started_at=millis(row.started_at),
        ended_at=millis(row.ended_at),
    )


def _with_row(state: BuildState, row: SessionRow, has_rows: bool) -> BuildState:
    """`state` with what only the session's row says, as one that goes on."""
    active = next((at for at, todo in enumerate(state.todos) if todo.status == "in_progress"), PLANNING)
    repairs = row.is_auto_fix or row.auto_fix_error
    plan = next((plan for tool in state.tools() if (plan := plan_in(tool.name, tool.input))), "")
    return replace(
        state,
        project_id=state.project_id or row.project_id or "",
        agent=replace(state.agent, operation_type=state.agent.operation_type or row.operation_type or ""),
        status="active",
        started_at=millis(row.started_at) if state.started_at is None else state.started_at,
        ended_at=None,
        active_todo=active if has_rows else state.active_todo,
        plan=state.plan or plan,
        summary=row.summary or state.summary,
        autofix=AutoFix(row.auto_fix_error or "") if repairs and state.autofix is None else state.autofix,
    )


def _moved_at(todos: Iterable[_TodoRow], tools: Iterable[_ToolRow], state: BuildState) -> Millis:
    """When something in the session last changed, its end apart."""
    times = [row.updated_at for row in todos] + [time for row in tools for time in (row.started_at, row.ended_at)]
    within = [time for tool in state.tools() for time in (tool.started_at, tool.ended_at)]
    return max([millis(time) or 0 for time in times] + [time or 0 for time in within], default=0)


def _ending(state: BuildState, hydrated: BuildState, row: SessionRow, moved: Millis, is_v1: bool) -> Ending | None:
    """The row's word counts, not the state's. What moved after it, while something is left to do, takes it back."""
    status = row.status or ("active" if hydrated.is_active else hydrated.status)
    if status not in _ENDS:
        return None
    at = millis(row.ended_at) or hydrated.ended_at or state.last_event_at or state.started_at or 0
    is_done = not state.open_tools and all(todo.status == "completed" for todo in state.todos)
    if not is_done and moved > at + LATE:
        return None
    if status == "cancelled" or (is_done and row.summary) or not row.status:
        return Ending(outcome_of(status), at)
    if status == "failed":
        return Ending("failed", at, 0 if is_v1 or row.summary else STALE)
    return Ending(outcome_of(status), at, QUIET)


_ENDS = frozenset({"completed", "failed", "cancelled", "interrupted"})
