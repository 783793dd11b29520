"""Entries of the log as the `updates` of a `batch-update` frame, and back (docs/protocol.md#updates)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

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
from ..model.state import (
    PLANNING,
    Agent,
    AutoFix,
    Level,
    Millis,
    NoteKind,
    Outcome,
    Phase,
    TodoStatus,
    ToolState,
)
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
from ..model.usage import Share, Usage
from .activity import (
    WireActivity,
    WireRequest,
    WireResolved,
    WireTurn,
    activity_of,
    outcome_of_turn,
    request_of,
    resolved_as,
    wire_activity,
    wire_request,
)
from .base import Wire
from .json import ABSENT, BadJson, decode, encode, present
from .times import Time, iso, millis


class WireTodo(Wire, frozen=True):
    content: str = ""
    status: str = ""
    active_form: str | None = ""
    id: str | int | None = ""


class WireUpdate(Wire, frozen=True, omit_defaults=False):
    """One element of `updates`. `version` is absent on the original's."""

    type: str
    data: Raw
    timestamp: Time = None
    version: int = 0


class _Started(Wire, frozen=True):
    build_id: str
    session_id: str = ""
    project_id: str = ""


class WireAgent(Wire, frozen=True):
    agent_id: str | None = None
    claude_model_id: str | None = None
    project_name: str | None = None
    operation_type: str | None = None
    title: str | None = None
    cwd: str | None = None
    agent_version: str | None = None
    branch: str | None = None
    template: str | None = None


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


class _Moved(Wire, frozen=True):
    id: str
    name: str = ""
    task: str = ""
    until: Time = None
    parent_id: str = ""


class _Text(Wire, frozen=True):
    id: str
    todo_index: int | None = None
    text: str | None = None
    delta: str | None = None
    kind: str | None = None
    phase: str | None = None
    parent_id: str = ""


class WireUsage(Wire, frozen=True):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cost_usd: float | None = None
    context_percent: float | None = None
    cache_write_5m_tokens: int | None = field(default=None, name="cacheWrite5mTokens")
    cache_write_1h_tokens: int | None = field(default=None, name="cacheWrite1hTokens")
    reasoning_tokens: int | None = None
    estimated: bool = False
    price_table: str = ""
    unpriced: str = ""


class WireShare(WireUsage, frozen=True):
    """What one file of the session used; `part` is "" for its own."""

    part: str = ""


class _Usage(WireUsage, frozen=True):
    share: WireShare | None = None
    covered_until: int | None = None


class _Plan(Wire, frozen=True):
    text: str = ""


class _Notice(Wire, frozen=True, omit_defaults=False):
    level: str = "info"
    message: str = ""


class WireAutoFix(Wire, frozen=True):
    """`autofix-started`, as an event and as an update. v2's watchers get the message only, its runner's routes all."""

    error_message: str | None = None
    attempt: int | None = None
    max_attempts: int | None = None


class _Complete(Wire, frozen=True):
    """`status` as the original knows it; `outcome` says exactly how it ended."""

    status: str = ""
    outcome: str | None = None
    summary: str | None = None
    error: str | None = None


class _Summary(Wire, frozen=True):
    summary: str = ""


# --------------------------------------------------------------------------- from outside


def status_of(text: str) -> TodoStatus:
    """A todo's status in any agent's spelling; what is unknown is pending."""
    return _TODO_STATUS.get(text, "pending")


_TODO_STATUS: dict[str, TodoStatus] = {
    "pending": "pending",
    "open": "pending",
    "blocked": "pending",
    "in_progress": "in_progress",
    "in-progress": "in_progress",
    "active": "in_progress",
    "completed": "completed",
    "done": "completed",
    "closed": "completed",
    "cancelled": "completed",
}
_TOOL_STATES = frozenset({"input-streaming", "input-available", "output-available", "error", "interrupted"})
_OLD_TOOL_STATES = {"output-error": "error", "executing": "input-available", "complete": "output-available"}
_OUTCOMES = frozenset({"completed", "failed", "cancelled", "interrupted"})
_KINDS = frozenset({"text", "reasoning", "notice", "prompt"})
_LEVELS = frozenset({"info", "warning", "error"})


def phase_of(text: str | None) -> Phase:
    return "template" if text == "template" else "build"


def tool_state_of(text: str) -> ToolState:
    known = text if text in _TOOL_STATES else _OLD_TOOL_STATES.get(text, "input-available")
    return cast(ToolState, known)


def outcome_of(text: str | None) -> Outcome:
    """How a build ended, in any server's spelling; what is unknown is failed."""
    if text == "canceled":
        return "cancelled"
    return cast(Outcome, text) if text in _OUTCOMES else "failed"


def kind_of(text: str | None) -> NoteKind:
    return cast(NoteKind, text) if text in _KINDS else "text"


def wire_kind(kind: NoteKind) -> str | None:
    """None for plain text, which need not be said."""
    return None if kind == "text" else kind


def wire_level(level: Level) -> str | None:
    """None for what is only told."""
    return None if level == "info" else level


def level_of(text: str | None) -> Level:
    return cast(Level, text) if text in _LEVELS else "info"


def todo_entry(todo: WireTodo) -> TodoItem:
    return TodoItem(todo.content, status_of(todo.status), todo.active_form or "", str(todo.id or ""))


def agent_of(wire: WireAgent) -> Agent:
    return Agent(
        agent_id=wire.agent_id or "",
        model=wire.claude_model_id or "",
        project_name=wire.project_name or "",
        operation_type=wire.operation_type or "",
        title=wire.title or "",
        cwd=wire.cwd or "",
        version=wire.agent_version or "",
        branch=wire.branch or "",
        template=wire.template or "",
    )


def usage_of(wire: WireUsage) -> Usage:
    return Usage(
        wire.input_tokens,
        wire.output_tokens,
        wire.cache_read_tokens,
        wire.cost_usd,
        wire.context_percent,
        wire.cache_write_5m_tokens,
        wire.cache_write_1h_tokens,
        wire.reasoning_tokens,
        wire.estimated,
        wire.price_table,
        wire.unpriced,
    )


def share_of(wire: WireShare) -> Share:
    return Share(wire.part, usage_of(wire))


def _usage_changed(wire: _Usage) -> UsageChanged:
    return UsageChanged(usage_of(wire), share_of(wire.share) if wire.share else None, wire.covered_until)


def autofix_of(wire: WireAutoFix) -> AutoFix:
    return AutoFix(wire.error_message or "", max(0, wire.attempt or 0), max(0, wire.max_attempts or 0))


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
    said = wire.text if whole else wire.delta
    return TextChanged(wire.id, said or "", index, kind_of(wire.kind), whole, phase_of(wire.phase), wire.parent_id)


def _todos(wire: _Todos) -> Update:
    entries = tuple(map(todo_entry, wire.todos))
    index = wire.active_todo_index
    if index is None:
        index = next((i for i, todo in enumerate(entries) if todo.status == "in_progress"), PLANNING)
    return TodosChanged(entries, index, phase_of(wire.phase), wire.tool_call_id or "")


def _complete(wire: _Complete) -> Update:
    said, summary = wire.outcome or wire.status, wire.summary or ""
    if wire.outcome is None and summary.startswith(_CANCELLED):
        said = "cancelled"  # v2 says so in words only
    return BuildEnded(outcome_of(said), summary, wire.error or "")


_CANCELLED = "Build cancelled"


def _resolved(wire: WireResolved) -> Update:
    return RequestResolved(wire.id, resolved_as(wire.outcome), wire.decision, wire.by, wire.origin)


def _moved(wire: _Moved) -> Update:
    return BackgroundMoved(wire.id, wire.task, millis(wire.until), wire.name, wire.parent_id)


_READERS: dict[str, tuple[type[Any], Callable[[Any], Update]]] = {
    "build-started": (_Started, lambda w: BuildBegan(w.build_id, w.session_id, w.project_id)),
    "agent": (WireAgent, lambda w: AgentReported(agent_of(w))),
    "todos-update": (_Todos, _todos),
    "todo-update": (_Todos, _todos),
    "todo-completed": (_TodoCompleted, lambda w: TodoCompleted(w.todo_index)),
    "tool-call": (_Tool, _tool),
    "text": (_Text, _text),
    "usage": (_Usage, _usage_changed),
    "plan": (_Plan, lambda w: PlanReported(w.text)),
    "notice": (_Notice, lambda w: Noticed(w.message, level_of(w.level))),
    "needs-input": (_Notice, lambda w: InputNeeded(w.message)),
    "request": (WireRequest, lambda w: RequestOpened(request_of(w))),
    "request-resolved": (WireResolved, _resolved),
    "tool-background": (_Moved, _moved),
    "turn-ended": (WireTurn, lambda w: TurnEnded(outcome_of_turn(w.outcome), w.summary, w.error)),
    "activity": (WireActivity, lambda w: ActivityChanged(activity_of(w))),
    "build-complete": (_Complete, _complete),
    "build-summary": (_Summary, lambda w: SummaryReported(w.summary)),
    "autofix-started": (WireAutoFix, lambda w: AutoFixReported(autofix_of(w))),
}


def update_shapes() -> dict[str, type[Any]]:
    """Each `type` of an update, and the struct of its `data` (a bare dict: any keys)."""
    return {kind: shape for kind, (shape, _) in _READERS.items()} | {"codex": dict[str, Raw]}


def decode_update(wire: WireUpdate) -> Update | None:
    """The update, or None for a type this reader does not know. Raises BadJson when its data has the wrong shape."""
    if wire.type == "codex":
        decode(bytes(wire.data), dict[str, Raw])
        return CodexReported(wire.data)
    reader = _READERS.get(wire.type)
    if reader is None:
        return None
    kind, convert = reader
    return convert(decode(bytes(wire.data), kind))


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
    known = millis(time)
    return now if known is None else known


# --------------------------------------------------------------------------- to outside


def encode_entry(entry: Entry) -> tuple[bytes, ...]:
    """The elements of `updates` that carry one entry."""
    return tuple(
        encode(WireUpdate(kind, Raw(encode(data)), entry.at, entry.version))
        for kind, data in map(_written, entry.updates)
    )


def wire_todos(todos: Iterable[TodoItem]) -> list[WireTodo]:
    return [WireTodo(t.content, t.status, t.active_form, t.id) for t in todos]


def wire_agent(agent: Agent) -> WireAgent:
    return WireAgent(
        agent.agent_id or None,
        agent.model or None,
        agent.project_name or None,
        agent.operation_type or None,
        agent.title or None,
        agent.cwd or None,
        agent.version or None,
        agent.branch or None,
        agent.template or None,
    )


def wire_usage(usage: Usage) -> WireUsage:
    return WireUsage(*usage_fields(usage))


def usage_fields(usage: Usage) -> tuple[Any, ...]:
    """In the order of the wire."""
    return astuple(usage)


def wire_share(share: Share) -> WireShare:
    return WireShare(*usage_fields(share.usage), part=share.part)


def wire_autofix(autofix: AutoFix) -> WireAutoFix:
    return WireAutoFix(autofix.error or None, autofix.attempt or None, autofix.attempts or None)


def _written(update: Update) -> tuple[str, object]:
    match update:
        case ToolChanged():
            return "tool-call", _Tool(
                update.id,
                update.name,
                update.todo_index,
                update.state,
                _phase(update.phase),
                update.input or ABSENT,
                update.output or ABSENT,
                update.input_bytes,
                update.output_bytes,
                update.clipped,
                update.parent_id,
            )
        case TextChanged():
            text, delta = (update.text, None) if update.whole else (None, update.text)
            phase, kind = _phase(update.phase), wire_kind(update.kind)
            return "text", _Text(update.id, update.todo_index, text, delta, kind, phase, update.parent_id)
        case TodosChanged():
            data: dict[str, object] = {"todos": wire_todos(update.todos), "activeTodoIndex": update.active_index}
            if update.phase == "template":
                data["phase"] = update.phase
            if update.call_id:
                data["toolCallId"] = update.call_id
            return "todos-update", data
        case TodoCompleted(index):
            return "todo-completed", {"todoIndex": index, "persisted": True}
        case BuildBegan():
            return "build-started", _Started(update.build_id, update.session_id, update.project_id)
        case AgentReported(agent):
            return "agent", wire_agent(agent)
        case UsageChanged(usage, share, covered):
            return "usage", _Usage(
                *usage_fields(usage), share=wire_share(share) if share else None, covered_until=covered
            )
        case CodexReported(codex):
            return "codex", codex
        case PlanReported(text):
            return "plan", {"text": text}
        case Noticed(message, level):
            return "notice", _Notice(level, message)
        case InputNeeded(message):
            return "needs-input", {"message": message}
        case RequestOpened(request):
            return "request", wire_request(request)
        case RequestResolved():
            return "request-resolved", WireResolved(
                update.id, update.outcome, update.decision, update.by, update.origin
            )
        case BackgroundMoved():
            until = iso(update.until)
            return "tool-background", _Moved(update.id, update.name, update.what, until, update.parent_id)
        case TurnEnded():
            return "turn-ended", WireTurn(update.outcome, update.summary, update.error)
        case ActivityChanged(activity):
            return "activity", wire_activity(activity)
        case SummaryReported(text):
            return "build-summary", {"summary": text}
        case AutoFixReported(autofix):
            return "autofix-started", wire_autofix(autofix)
        case BuildEnded():
            return "build-complete", _finished(update)


def _phase(phase: Phase) -> str | None:
    return "template" if phase == "template" else None


def _finished(update: BuildEnded) -> _Complete:
    status: Literal["completed", "failed"] = "completed" if update.outcome == "completed" else "failed"
    return _Complete(status, update.outcome, update.summary or None, update.error or None)
