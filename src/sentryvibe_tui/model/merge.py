"""The merge rule: a whole state from outside meets the state a watcher has (docs/protocol.md#merge-rule)."""

from __future__ import annotations

from msgspec.structs import replace

from .calls import with_tool
from .metadata import merged_agent
from .questions import open_question
from .standing import settled
from .state import PLANNING, BuildState, Millis, Note, Phase, ToolCall, note_key, with_item
from .todos import apply_todos, items_of
from .updates import TodosChanged
from .usage import merged_usage


def merge(current: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """What a watcher holds after `incoming`, a whole state that claims to be current, came at `at`.

    A lower version of the same build never replaces a higher one. Another build starts clean and keeps the project's
    name only. Metadata, texts and codex are never erased by what is missing; todos and status are taken as they come.
    """
    if not current.id or incoming.id != current.id:
        name = incoming.agent.project_name or current.agent.project_name
        requests = incoming.requests if incoming.version else open_question(incoming)
        return settled(replace(incoming, agent=replace(incoming.agent, project_name=name), requests=requests), at)
    if incoming.version:
        if incoming.version < current.version:
            return current
        return replace(incoming, agent=merged_agent(current.agent, incoming.agent))
    return _united(current, incoming, at)


def merge_metadata(current: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """For a state of the same build that may be as old as its first moment (the original's `get-state`).

    Only what cannot be out of date is taken: metadata, and lists while there are none.
    """
    if not current.id or incoming.id != current.id:
        return merge(current, incoming, at)
    if current.tool_count or current.todos or current.template_todos or not current.is_active:
        return replace(
            current,
            agent=merged_agent(current.agent, incoming.agent),
            started_at=_earliest(current.started_at, incoming.started_at),
            codex=current.codex or incoming.codex,
            autofix=current.autofix or incoming.autofix,
            plan=current.plan or incoming.plan,
            summary=current.summary or incoming.summary,
        )
    return _united(current, incoming, at)


def _earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _united(current: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """Unversioned states of one build: lists and status of `incoming`, everything else added to what is known."""
    united = replace(
        current,
        agent=merged_agent(current.agent, incoming.agent),
        status=incoming.status,
        started_at=_earliest(current.started_at, incoming.started_at),
        ended_at=None if incoming.is_active else incoming.ended_at or current.ended_at,
        last_event_at=max(current.last_event_at or 0, incoming.last_event_at or 0) or None,
        codex=incoming.codex or current.codex,
        autofix=incoming.autofix or current.autofix,
        plan=incoming.plan or current.plan,
        summary=incoming.summary or current.summary,
        error=incoming.error or current.error,
        usage=merged_usage(current.usage, incoming.usage),
        shares=incoming.shares or current.shares,
        covered_until=incoming.covered_until or current.covered_until,
    )
    keys: dict[int, int] = {}
    for phase in ("template", "build") if incoming.phase == "build" else ("build", "template"):
        united = _with_list(united, incoming, phase, at)
        keys |= {old.key: new.key for old, new in zip(incoming.list_of(phase), united.list_of(phase), strict=False)}
    for item in incoming.items():
        moved = replace(item, todo=keys.get(item.todo, PLANNING))
        united = _with_tool(united, moved) if isinstance(moved, ToolCall) else _with_note(united, moved)
    return settled(replace(united, requests=open_question(united)), at)


def _with_list(current: BuildState, incoming: BuildState, phase: Phase, at: Millis) -> BuildState:
    """An empty list erases none: it says only that nobody stored one."""
    todos = items_of(incoming.list_of(phase))
    if not todos:
        return current
    active = incoming.active_todo if phase == incoming.phase else PLANNING
    return apply_todos(current, TodosChanged(todos, active, phase), at)


def _with_tool(state: BuildState, incoming: ToolCall) -> BuildState:
    current = state.tool(incoming.id)
    if current is None:
        return with_tool(state, None, incoming)
    reopened = incoming.is_open and not current.is_open
    todo = incoming.todo if current.todo == PLANNING else current.todo
    tool = replace(
        current,
        todo=todo,
        state=current.state if reopened else incoming.state,
        input=incoming.input or current.input,
        output=incoming.output or current.output,
        input_bytes=incoming.input_bytes or current.input_bytes,
        output_bytes=incoming.output_bytes or current.output_bytes,
        started_at=_earliest(current.started_at, incoming.started_at),
        ended_at=current.ended_at if reopened else incoming.ended_at or current.ended_at,
    )
    return with_tool(state, current, tool)


def _with_note(state: BuildState, incoming: Note) -> BuildState:
    known = state.note(incoming.id)
    if known is not None and not incoming.text:
        return state
    return with_item(state, note_key(incoming.id), incoming)
