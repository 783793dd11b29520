"""What an agent can report about its build, in the order it happened (docs/agents.md#events-by-agent).

Readers make these; `reducer.reduce` decides what each changes. A field that the agent did not say is empty or None.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from .activity import ActivityKind, Outcome, Request, RequestOutcome, Source
from .state import Agent, AutoFix, Level, Millis, NoteKind, Phase, TodoStatus, Usage


class BuildStarted(Struct, frozen=True):
    """The build began, or goes on after it was taken for interrupted."""


class AgentReported(Struct, frozen=True):
    """Metadata, whole or in part: only what is known."""

    agent: Agent


class TodoItem(Struct, frozen=True):
    content: str
    status: TodoStatus = "pending"
    active_form: str = ""
    id: str = ""


class TodosReported(Struct, frozen=True):
    """The whole todo list of a phase; replaces the one before. `call_id`: the tool call that carried it."""

    todos: tuple[TodoItem, ...]
    phase: Phase = "build"
    call_id: str = ""


class ToolStarted(Struct, frozen=True):
    """A call began. `todo_index` None: the todo in progress now; -1: none. `parent_id`: the call of its subagent.

    `input` is None while it still streams. `input_bytes` is set when `input` is already a clipped form.
    """

    id: str
    name: str
    input: Raw | None = None
    todo_index: int | None = None
    parent_id: str = ""
    input_bytes: int = 0


class ToolEnded(Struct, frozen=True):
    """A call ended. `name` and `todo_index` count only when its start was never seen."""

    id: str
    output: Raw | None = None
    is_error: bool = False
    name: str = ""
    todo_index: int | None = None
    parent_id: str = ""
    output_bytes: int = 0


class ToolReturned(ToolEnded, frozen=True):
    """A call ended, and its source does not tell how: good or bad is what another source says of the same end."""


class TextAdded(Struct, frozen=True):
    """Text of the note `id`: `text` is added to it, or replaces it when `whole`. `parent_id`: as of a call."""

    id: str
    text: str
    kind: NoteKind = "text"
    whole: bool = False
    todo_index: int | None = None
    parent_id: str = ""


class UsageReported(Struct, frozen=True):
    """Totals so far of the session's own file, or of the subagent's that `part` names: known fields replace.

    `whole`: the agent's own total, with all that its subagents used until now.
    """

    usage: Usage
    part: str = ""
    whole: bool = False


class CodexReported(Struct, frozen=True):
    """Part of the original's `codex` object (a JSON object): its keys replace those known."""

    codex: Raw


class PlanReported(Struct, frozen=True):
    text: str


class Noticed(Struct, frozen=True):
    """Something a reader should know that is not the agent's own words: retries, compaction, warnings."""

    message: str
    level: Level = "info"


class InputNeeded(Struct, frozen=True):
    """The agent waits for a person (permission, question). An empty message: no longer."""

    message: str


class RequestOpened(Struct, frozen=True):
    """The agent asks a person something. The same id again replaces it; the same call's is the same request."""

    request: Request


class RequestResolved(Struct, frozen=True):
    """A request is open no longer. `decision` in the agent's words, `by` whom and `origin` from where, if known."""

    id: str
    outcome: RequestOutcome = "answered"
    decision: str = ""
    by: str = ""
    origin: str = ""


class BackgroundMoved(Struct, frozen=True):
    """A call goes on in the background until its ToolEnded: `what` runs, `until` when if that is known.

    A finished call is under way again. `name` and `parent_id` count only when its start was never seen.
    """

    id: str
    what: str = ""
    until: Millis | None = None
    name: str = ""
    parent_id: str = ""


class ActivityReported(Struct, frozen=True):
    """A witness says what the agent does now. The event's time is when that began, by the witness's own clock."""

    kind: ActivityKind
    what: str = ""
    until: Millis | None = None
    source: Source = ""


class TurnEnded(Struct, frozen=True):
    """The turn is over; the agent may live on. The build ends with its last background call."""

    outcome: Outcome
    summary: str = ""
    error: str = ""
    source: Source = ""


class SummaryReported(Struct, frozen=True):
    text: str


class AutoFixReported(Struct, frozen=True):
    """The project is being repaired: by this build, or by the one that follows it."""

    autofix: AutoFix


class BuildEnded(Struct, frozen=True):
    """The session is over, and all that it had under way. `summary` and `error` as the agent said them.

    A process that died: `BuildEnded("interrupted", error=PROCESS_GONE, source="registry")`.
    """

    outcome: Outcome
    summary: str = ""
    error: str = ""
    source: Source = ""


class Ignored(Struct, frozen=True):
    """An event that is known and changes nothing (the original's `finish`, which ends a message, never the build)."""

    type: str


BuildEvent = (
    BuildStarted
    | AgentReported
    | TodosReported
    | ToolStarted
    | ToolEnded
    | TextAdded
    | UsageReported
    | CodexReported
    | PlanReported
    | Noticed
    | InputNeeded
    | RequestOpened
    | RequestResolved
    | BackgroundMoved
    | ActivityReported
    | TurnEnded
    | SummaryReported
    | AutoFixReported
    | BuildEnded
    | Ignored
)


class About(Struct, frozen=True):
    """Which build an event belongs to, and what its envelope says of the agent."""

    project_id: str
    session_id: str
    build_id: str
    agent: Agent = Agent()
