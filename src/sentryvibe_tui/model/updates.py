"""What the log keeps of an event: the decided changes, under one version (docs/protocol.md#updates).

An `Entry` is applied whole. `version` 0 marks updates of an original server, which knows no versions.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from .activity import Activity, Outcome, Request, RequestOutcome
from .state import Agent, AutoFix, Level, Millis, NoteKind, Phase, TodoStatus, ToolState
from .usage import Share, Usage


class BuildBegan(Struct, frozen=True):
    build_id: str
    session_id: str
    project_id: str


class AgentChanged(Struct, frozen=True):
    """Only what became known."""

    agent: Agent


class TodoEntry(Struct, frozen=True):
    content: str
    status: TodoStatus = "pending"
    active_form: str = ""
    id: str = ""


class TodosChanged(Struct, frozen=True):
    todos: tuple[TodoEntry, ...]
    active_index: int
    phase: Phase = "build"
    call_id: str = ""


class TodoCompleted(Struct, frozen=True):
    """The original's note that one todo of the current list is completed."""

    index: int


class ToolChanged(Struct, frozen=True):
    """A call began or ended: only what this change brought. `todo_index` is its place in the list of `phase`."""

    id: str
    name: str
    todo_index: int
    state: ToolState
    phase: Phase = "build"
    input: Raw | None = None
    output: Raw | None = None
    input_bytes: int = 0
    output_bytes: int = 0
    clipped: bool = False
    parent_id: str = ""


class TextChanged(Struct, frozen=True):
    """`text` is added to the note `id`, or replaces it when `whole`. `parent_id`: the call of its subagent."""

    id: str
    text: str
    todo_index: int
    kind: NoteKind = "text"
    whole: bool = False
    phase: Phase = "build"
    parent_id: str = ""


class UsageChanged(Struct, frozen=True):
    """The sum, the share of it that changed (None while the session has one file), and `covered_until` of the state."""

    usage: Usage
    share: Share | None = None
    covered_until: Millis | None = None


class CodexChanged(Struct, frozen=True):
    codex: Raw


class PlanChanged(Struct, frozen=True):
    text: str


class NoticeAdded(Struct, frozen=True):
    message: str
    level: Level = "info"


class InputNeededChanged(Struct, frozen=True):
    """What logs of version 0.1 keep in place of requests."""

    message: str


class RequestChanged(Struct, frozen=True):
    """A request is open, or says more than before."""

    request: Request


class RequestClosed(Struct, frozen=True):
    id: str
    outcome: RequestOutcome = "answered"
    decision: str = ""
    by: str = ""
    origin: str = ""


class ToolMoved(Struct, frozen=True):
    """A call goes on in the background."""

    id: str
    name: str
    task: str = ""
    until: Millis | None = None
    parent_id: str = ""


class TurnOver(Struct, frozen=True):
    """The turn is over, and what it moved to the background goes on."""

    outcome: Outcome
    summary: str = ""
    error: str = ""


class ActivityChanged(Struct, frozen=True):
    activity: Activity


class SummaryChanged(Struct, frozen=True):
    text: str


class AutoFixChanged(Struct, frozen=True):
    """A repair began; it stands in the timeline as a warning, too."""

    autofix: AutoFix


class BuildFinished(Struct, frozen=True):
    outcome: Outcome
    summary: str = ""
    error: str = ""


Update = (
    BuildBegan
    | AgentChanged
    | TodosChanged
    | TodoCompleted
    | ToolChanged
    | TextChanged
    | UsageChanged
    | CodexChanged
    | PlanChanged
    | NoticeAdded
    | InputNeededChanged
    | RequestChanged
    | RequestClosed
    | ToolMoved
    | TurnOver
    | ActivityChanged
    | SummaryChanged
    | AutoFixChanged
    | BuildFinished
)


class Entry(Struct, frozen=True):
    """What one event led to, at time `at`."""

    version: int
    at: Millis
    updates: tuple[Update, ...]
