"""What a build's agent does or waits for, beside the original's `status`, and what it asks of a person.

`working`: a tool or the model is at it. `waiting-person`: for an answer, by whom the oldest open request says.
`waiting-machine`: for a background task, a monitor, a wake-up, a rate limit. `idle`: the turn is over, the agent may
live on. `ended`: the session is over.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .carried import Ident, Label, Text, Value

ActivityKind = Literal["working", "waiting-person", "waiting-machine", "idle", "ended"]
Source = Literal["", "silence", "file", "stream", "hook", "registry", "socket"]
Outcome = Literal["completed", "failed", "cancelled", "interrupted"]
RequestKind = Literal["permission", "question", "plan", "form"]
RequestOutcome = Literal["answered", "withdrawn", "expired"]

OVER: frozenset[ActivityKind] = frozenset({"idle", "ended"})
LIVE: frozenset[Source] = frozenset({"hook", "registry", "socket"})
"""Sources that tell what is, as it happens: their word beats a file's, and a file's beats silence."""

PROCESS_GONE = "process gone"
"""Error of a build whose agent's process died."""


class Activity(Struct, frozen=True):
    """`since` and `until` are epoch milliseconds; `what` says it in a few words; `source` told it, "" by its deeds."""

    kind: ActivityKind = "working"
    since: int | None = None
    what: str = ""
    until: int | None = None
    source: Source = ""


class Option(Struct, frozen=True):
    """An answer that the agent offers."""

    id: str
    label: Text = ""
    kind: str = ""


class Request(Struct, frozen=True):
    """What an agent asks a person. `parent_id` is the call of the subagent that asks, "" for the agent itself.

    `since` is epoch milliseconds; 0 in an event is the event's own time. `suggestions` is JSON as the agent gave it.
    `answerable`: an answer given here reaches the agent. `input_bytes`: of the whole JSON where `input` is clipped.
    """

    id: Ident
    kind: RequestKind = "permission"
    title: Label = ""
    tool: Text = ""
    tool_call_id: Ident = ""
    input: Value | None = None
    options: tuple[Option, ...] = ()
    suggestions: Value | None = None
    reason: Text = ""
    default_to_no: bool = False
    since: int = 0
    answerable: bool = False
    parent_id: Ident = ""
    input_bytes: int = 0


class Turn(Struct, frozen=True):
    """How the agent's last turn ended, while work in its background goes on."""

    outcome: Outcome
    summary: str = ""
    error: str = ""
