"""What an agent can report about its build, in the order it happened (docs/agents.md#events-by-agent).

Readers make these; `reducer.reduce` decides what each changes. A field that the agent did not say is empty or None.
What the log keeps in the same words stands in `facts`.
"""

from __future__ import annotations

from msgspec import Struct

from .activity import ActivityKind, Source
from .carried import Ident, Label, Text, Value
from .facts import Fact, TodoItem
from .state import Agent, Millis, NoteKind, Phase, Usage


class BuildStarted(Struct, frozen=True):
    """The build began, or goes on after it was taken for interrupted."""


class TodosReported(Struct, frozen=True):
    """The whole todo list of a phase; replaces the one before. `call_id`: the tool call that carried it."""

    todos: tuple[TodoItem, ...]
    phase: Phase = "build"
    call_id: Ident = ""


class ToolStarted(Struct, frozen=True):
    """A call began. `todo_index` None: the todo in progress now; -1: none. `parent_id`: the call of its subagent.

    `input` is None while it still streams. `input_bytes` is set when `input` is already a clipped form.
    """

    id: Ident
    name: Text
    input: Value | None = None
    todo_index: int | None = None
    parent_id: Ident = ""
    input_bytes: int = 0


class ToolEnded(Struct, frozen=True):
    """A call ended. `name` and `todo_index` count only when its start was never seen."""

    id: Ident
    output: Value | None = None
    is_error: bool = False
    name: Text = ""
    todo_index: int | None = None
    parent_id: Ident = ""
    output_bytes: int = 0


class ToolReturned(ToolEnded, frozen=True):
    """A call ended, and its source does not tell how: good or bad is what another source says of the same end."""


class TextAdded(Struct, frozen=True):
    """Text of the note `id`: `text` is added to it, or replaces it when `whole`. `parent_id`: as of a call."""

    id: Ident
    text: Text
    kind: NoteKind = "text"
    whole: bool = False
    todo_index: int | None = None
    parent_id: Ident = ""


class UsageReported(Struct, frozen=True):
    """Totals so far of the session's own file, or of the subagent's that `part` names: known fields replace.

    `whole`: the agent's own total, with all that its subagents used until now.
    """

    usage: Usage
    part: str = ""
    whole: bool = False


class ActivityReported(Struct, frozen=True):
    """A witness says what the agent does now. The event's time is when that began, by the witness's own clock."""

    kind: ActivityKind
    what: Label = ""
    until: Millis | None = None
    source: Source = ""


class Ignored(Struct, frozen=True):
    """An event that is known and changes nothing (the original's `finish`, which ends a message, never the build)."""

    type: str


BuildEvent = (
    BuildStarted
    | TodosReported
    | ToolStarted
    | ToolEnded
    | TextAdded
    | UsageReported
    | ActivityReported
    | Ignored
    | Fact
)


class About(Struct, frozen=True):
    """Which build an event belongs to, and what its envelope says of the agent."""

    project_id: str
    session_id: str
    build_id: str
    agent: Agent = Agent()
