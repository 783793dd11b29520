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


def merge(known: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """What a watcher holds after `incoming`, a whole state that claims to be current, came at `at`.

    A lower version of the same build never replaces a higher one. Another build starts clean and keeps the project's
    name only. Metadata, texts and codex are never erased by what is missing; todos and status are taken as they come.
    """
    if not known.id or incoming.id != known.id:
        name = incoming.agent.project_name or known.agent.project_name
        requests = incoming.requests if incoming.version else open_question(incoming)
        return settled(replace(incoming, agent=replace(incoming.agent, project_name=name), requests=requests), at)
    if incoming.version:
        if incoming.version < known.version:
            return known
        return replace(incoming, agent=merged_agent(known.agent, incoming.agent))
    return _united(known, incoming, at)


def merge_metadata(known: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """For a state of the same build that may be as old as its first moment (the original's `get-state`).

    Only what cannot be out of date is taken: metadata, and lists while there are none.
    """
    if not known.id or incoming.id != known.id:
        return merge(known, incoming, at)
    if known.tool_count or known.todos or known.template_todos or not known.is_active:
        return replace(
            known,
            agent=merged_agent(known.agent, incoming.agent),
            started_at=_earliest(known.started_at, incoming.started_at),
            codex=known.codex or incoming.codex,
            autofix=known.autofix or incoming.autofix,
            plan=known.plan or incoming.plan,
            summary=known.summary or incoming.summary,
        )
    return _united(known, incoming, at)


def _earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _united(known: BuildState, incoming: BuildState, at: Millis) -> BuildState:
    """Unversioned states of one build: lists and status of `incoming`, everything else added to what is known."""
    united = replace(
        known,
        agent=merged_agent(known.agent, incoming.agent),
        status=incoming.status,
        started_at=_earliest(known.started_at, incoming.started_at),
        ended_at=None if incoming.is_active else incoming.ended_at or known.ended_at,
        last_event_at=max(known.last_event_at or 0, incoming.last_event_at or 0) or None,
        codex=incoming.codex or known.codex,
        autofix=incoming.autofix or known.autofix,
        plan=incoming.plan or known.plan,
        summary=incoming.summary or known.summary,
        error=incoming.error or known.error,
        usage=merged_usage(known.usage, incoming.usage),
        shares=incoming.shares or known.shares,
        covered_until=incoming.covered_until or known.covered_until,
    )
    keys: dict[int, int] = {}
    for phase in ("template", "build") if incoming.phase == "build" else ("build", "template"):
        united = _with_list(united, incoming, phase, at)
        keys |= {old.key: new.key for old, new in zip(incoming.list_of(phase), united.list_of(phase), strict=False)}
    for item in incoming.items():
        moved = replace(item, todo=keys.get(item.todo, PLANNING))
        united = _with_tool(united, moved) if isinstance(moved, ToolCall) else _with_note(united, moved)
    return settled(replace(united, requests=open_question(united)), at)


def _with_list(known: BuildState, incoming: BuildState, phase: Phase, at: Millis) -> BuildState:
    """An empty list erases none: it says only that nobody stored one."""
    todos = items_of(incoming.list_of(phase))
    if not todos:
        return known
    active = incoming.active_todo if phase == incoming.phase else PLANNING
    return apply_todos(known, TodosChanged(todos, active, phase), at)


def _with_tool(state: BuildState, incoming: ToolCall) -> BuildState:
    known = state.tool(incoming.id)
    if known is None:
        return with_tool(state, None, incoming)
    reopened = incoming.is_open and not known.is_open
    todo = incoming.todo if known.todo == PLANNING else known.todo
    tool = replace(
        known,
        todo=todo,
        state=known.state if reopened else incoming.state,
        input=incoming.input or known.input,
        output=incoming.output or known.output,
        input_bytes=incoming.input_bytes or known.input_bytes,
        output_bytes=incoming.output_bytes or known.output_bytes,
        started_at=_earliest(known.started_at, incoming.started_at),
        ended_at=known.ended_at if reopened else incoming.ended_at or known.ended_at,
    )
    return with_tool(state, known, tool)


def _with_note(state: BuildState, incoming: Note) -> BuildState:
    known = state.note(incoming.id)
    if known is not None and not incoming.text:
        return state
    return with_item(state, note_key(incoming.id), incoming)
