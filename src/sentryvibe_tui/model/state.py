"""What a build is: frozen values, shared structurally between versions.

Times are Unix epoch milliseconds (UTC). JSON values that an agent chose freely (tool inputs and outputs) stay encoded
(`msgspec.Raw`) until somebody shows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Raw, Struct
from msgspec.structs import replace

from .activity import Activity, Outcome, Request, Turn
from .carried import Label, Text
from .persistent import Index, Vector
from .usage import Shares, Usage

Millis = int

TodoStatus = Literal["pending", "in_progress", "completed"]
Phase = Literal["template", "build"]
ToolState = Literal["input-streaming", "input-available", "output-available", "error", "interrupted"]
NoteKind = Literal["text", "reasoning", "notice", "prompt"]
Level = Literal["info", "warning", "error"]
Status = Literal["active", Outcome]
Drift = Literal["", "added", "renamed"]

PLANNING = -1
"""Key and index of no todo: what happens before, between and after todos."""

OPEN_STATES: frozenset[ToolState] = frozenset({"input-streaming", "input-available"})

TODO_TOOLS = frozenset({"TodoWrite", "todowrite", "write_todos", "update_plan"})
"""Tools that carry a whole todo list; they are lists, not tool calls (docs/protocol.md#events)."""


class Todo(Struct, frozen=True):
    """One step of the plan. `key` is its identity in the build, whatever its place in the list."""

    content: str
    status: TodoStatus = "pending"
    active_form: str = ""
    id: str = ""
    key: int = PLANNING
    drift: Drift = ""
    started_at: Millis | None = None
    ended_at: Millis | None = None


class ToolCall(Struct, frozen=True):
    """One call of a tool. `todo` is the key of the todo that was active when it began.

    `input_bytes` and `output_bytes` are the sizes of whole JSON values that are `clipped` here, else 0.
    `background`: the call goes on, or went on, after its turn, as was first seen at `moved_at`; `task` says what runs
    there, `until` when it ends.
    """

    id: str
    name: str
    todo: int = PLANNING
    state: ToolState = "input-available"
    input: Raw | None = None
    output: Raw | None = None
    input_bytes: int = 0
    output_bytes: int = 0
    clipped: bool = False
    started_at: Millis | None = None
    ended_at: Millis | None = None
    parent_id: str = ""
    background: bool = False
    task: str = ""
    until: Millis | None = None
    moved_at: Millis | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class Note(Struct, frozen=True):
    """Text of the agent, its reasoning, a user's prompt, or a notice of the machinery. `parent_id`: as of a call."""

    id: str
    kind: NoteKind
    text: str
    todo: int = PLANNING
    at: Millis = 0
    level: Level = "info"
    parent_id: str = ""


Item = ToolCall | Note


class Agent(Struct, frozen=True):
    """Who works, on what: metadata that, once known, an empty value never erases (docs/protocol.md#merge-rule).

    `template`: what the project was made from, with its framework: `Shop starter (astro)`.
    """

    agent_id: str = ""
    model: Label = ""
    project_name: str = ""
    operation_type: str = ""
    title: Label = ""
    cwd: Label = ""
    version: str = ""
    branch: str = ""
    template: str = ""


class AutoFix(Struct, frozen=True):
    """The repair of what an earlier build left broken: the `error` it is about, and which attempt of how many
    (1, 2 …; 0: not said)."""

    error: Text = ""
    attempt: int = 0
    attempts: int = 0


class BuildState(Struct, frozen=True):
    """A build at one version of its log.

    `timeline` holds tools and notes in the order they first appeared, by position 0, 1, 2 …; `positions` finds an
    item by `tool_key` or `note_key`; `open_tools` are the ids of the calls under way, `in_background` of those that
    outlive their turn. `requests` are the open ones, oldest first. `turn` stands while the last turn is over and its
    background work is not. `worked_at` is when the agent itself last showed activity.

    `usage` is the sum of the `shares` of the session's files; () while there is one file only. What subagents used
    before `covered_until` is in a total that the agent told itself.
    """

    id: str = ""
    project_id: str = ""
    session_id: str = ""
    version: int = 0
    status: Status = "active"
    agent: Agent = Agent()
    started_at: Millis | None = None
    ended_at: Millis | None = None
    last_event_at: Millis | None = None
    phase: Phase = "build"
    todos: tuple[Todo, ...] = ()
    template_todos: tuple[Todo, ...] = ()
    dropped: tuple[Todo, ...] = ()
    active_todo: int = PLANNING
    next_key: int = 0
    timeline: Vector[Item] = Vector()
    positions: Index = Index()
    open_tools: frozenset[str] = frozenset()
    in_background: frozenset[str] = frozenset()
    todo_calls: tuple[str, ...] = ()
    tool_count: int = 0
    error_count: int = 0
    usage: Usage = Usage()
    shares: Shares = ()
    covered_until: Millis = 0
    codex: Raw | None = None
    plan: str = ""
    summary: str = ""
    error: str = ""
    autofix: AutoFix | None = None
    activity: Activity = Activity()
    requests: tuple[Request, ...] = ()
    turn: Turn | None = None
    worked_at: Millis | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "active"

    @property
    def needs_input(self) -> str:
        """What the agent has waited for longest, "" when for no person."""
        return self.requests[0].title if self.requests else ""

    def items(self) -> Iterator[Item]:
        """Tools and notes in order of appearance."""
        return iter(self.timeline)

    def tools(self) -> Iterator[ToolCall]:
        return (item for item in self.items() if isinstance(item, ToolCall))

    def notes(self) -> Iterator[Note]:
        return (item for item in self.items() if isinstance(item, Note))

    def tool(self, tool_id: str) -> ToolCall | None:
        item = self._item(tool_key(tool_id))
        return item if isinstance(item, ToolCall) else None

    def note(self, note_id: str) -> Note | None:
        item = self._item(note_key(note_id))
        return item if isinstance(item, Note) else None

    def _item(self, key: str) -> Item | None:
        position = self.positions.get(key)
        return None if position is None else self.timeline[position]

    def list_of(self, phase: Phase) -> tuple[Todo, ...]:
        return self.template_todos if phase == "template" else self.todos

    @property
    def current_todos(self) -> tuple[Todo, ...]:
        """The list that `active_todo` points into."""
        return self.list_of(self.phase)


def tool_key(tool_id: str) -> str:
    return "t:" + tool_id


def note_key(note_id: str) -> str:
    return "n:" + note_id


def with_item(state: BuildState, key: str, item: Item) -> BuildState:
    """`state` with `item` at the place of `key`, or at the end of the timeline when it is new."""
    position = state.positions.get(key)
    if position is not None:
        return replace(state, timeline=state.timeline.set(position, item))
    position = len(state.timeline)
    return replace(state, timeline=state.timeline.set(position, item), positions=state.positions.set(key, position))
