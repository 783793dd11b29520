"""What an agent reports and the log keeps in the same words: each is an event and an update at once.

A field that nobody said is empty or None. `wire.facts` says how each travels.
"""

from __future__ import annotations

from msgspec import Struct

from .activity import Outcome, Request, RequestOutcome, Source
from .carried import Ident, Label, Text, Value
from .state import Agent, AutoFix, Level, Millis, TodoStatus


class TodoItem(Struct, frozen=True):
    """One todo of a reported list."""

    content: Text
    status: TodoStatus = "pending"
    active_form: Text = ""
    id: Ident = ""


class AgentReported(Struct, frozen=True):
    """Metadata, whole or in part: only what is known; as an update only what became known."""

    agent: Agent


class CodexReported(Struct, frozen=True):
    """Part of the original's `codex` object (a JSON object): its keys replace those known."""

    codex: Value


class PlanReported(Struct, frozen=True):
    text: Text


class SummaryReported(Struct, frozen=True):
    text: Text


class Noticed(Struct, frozen=True):
    """Something a reader should know that is not the agent's own words: retries, compaction, warnings."""

    message: Text
    level: Level = "info"


class InputNeeded(Struct, frozen=True):
    """The agent waits for a person (permission, question). An empty message: no longer.

    An update of logs of version 0.1 only: later ones keep requests instead.
    """

    message: Text


class AutoFixReported(Struct, frozen=True):
    """The project is being repaired: by this build, or by the one that follows it. The timeline has it as a warning."""

    autofix: AutoFix


class RequestOpened(Struct, frozen=True):
    """The agent asks a person something. The same id again replaces it; the same call's is the same request."""

    request: Request


class RequestResolved(Struct, frozen=True):
    """A request is open no longer. `decision` in the agent's words, `by` whom and `origin` from where, if known."""

    id: Ident
    outcome: RequestOutcome = "answered"
    decision: Text = ""
    by: str = ""
    origin: str = ""


class BackgroundMoved(Struct, frozen=True):
    """A call goes on in the background until its ToolEnded: `what` runs, `until` when if that is known.

    A finished call is under way again. `name` and `parent_id` count only when its start was never seen.
    """

    id: Ident
    what: Label = ""
    until: Millis | None = None
    name: Text = ""
    parent_id: Ident = ""


class TurnEnded(Struct, frozen=True):
    """The turn is over; the agent may live on, and what it moved to the background goes on.

    The build ends with its last background call. An update has no `source`: the activity beside it has.
    """

    outcome: Outcome
    summary: Text = ""
    error: Text = ""
    source: Source = ""


class BuildEnded(Struct, frozen=True):
    """The session is over, and all that it had under way. `summary` and `error` as the agent said them.

    A process that died: `BuildEnded("interrupted", error=PROCESS_GONE, source="registry")`. An update has no `source`:
    the activity beside it has, and tells the end of a turn from that of a session.
    """

    outcome: Outcome
    summary: Text = ""
    error: Text = ""
    source: Source = ""


Fact = (
    AgentReported
    | CodexReported
    | PlanReported
    | SummaryReported
    | Noticed
    | InputNeeded
    | AutoFixReported
    | RequestOpened
    | RequestResolved
    | BackgroundMoved
    | TurnEnded
    | BuildEnded
)
