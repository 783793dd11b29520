"""What the log keeps of an event: the decided changes, under one version (docs/protocol.md#updates).

An `Entry` is applied whole. `version` 0 marks updates of an original server, which knows no versions.
What an agent reports in the same words stands in `facts`.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from .activity import Activity
from .facts import Fact, TodoItem
from .state import Millis, NoteKind, Phase, ToolState
from .usage import Share, Usage


class BuildBegan(Struct, frozen=True):
    build_id: str
    session_id: str
    project_id: str


class TodosChanged(Struct, frozen=True):
    todos: tuple[TodoItem, ...]
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


class ActivityChanged(Struct, frozen=True):
    activity: Activity


Update = BuildBegan | TodosChanged | TodoCompleted | ToolChanged | TextChanged | UsageChanged | ActivityChanged | Fact


class Entry(Struct, frozen=True):
    """What one event led to, at time `at`."""

    version: int
    at: Millis
    updates: tuple[Update, ...]
