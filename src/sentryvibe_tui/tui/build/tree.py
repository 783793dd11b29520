"""Which rows the todo list shows: todos, groups and the calls below them. Pure.

Active todos are open and show their latest calls, finished ones are folded, until the reader says otherwise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from ...model.progress import active
from ...model.state import PLANNING, BuildState, Todo, ToolCall, tool_key
from .steps import Step
from .tally import Group
from .view import BuildView

NodeKind = Literal["group", "todo", "tool", "tail", "earlier", "phase", "turn", "step"]

LATEST_STEPS = 40
"""Steps that a turn shows when it opened by itself."""

LATEST = 8
"""Calls that a todo shows when it opened by itself."""

TEMPLATE, DROPPED, PLANNED, CODEX = "template", "dropped", "planning", "codex"


class Node(NamedTuple):
    """`ident`: key of a todo, name of a group, position of a call, `tool_key` of a subagent, `Step.ident`.

    `number`: hidden calls, of which `errors` failed; of a turn or step its place among all.
    """

    kind: NodeKind
    ident: int | str
    depth: int = 0
    number: int = 0
    open: bool = False
    errors: int = 0


class CodexPhase(Struct):
    """One phase of the original's `codex` object
    (docs/protocol.md#build-state); status pending, active, completed or blocked."""

    title: str = ""
    description: str = ""
    status: str = "pending"


class _Codex(Struct):
    phases: list[CodexPhase] = []


def codex_phases(state: BuildState) -> list[CodexPhase]:
    """The phases that a Codex build reports; none when there are none, or none that can be read."""
    if state.codex is None:
        return []
    try:
        return msgspec.json.decode(state.codex, type=_Codex).phases
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def nodes(view: BuildView, folds: dict[int | str, bool]) -> list[Node]:
    """All rows, top to bottom. `folds`: what the reader opened (True) or closed, by ident of group and todo."""
    return list(_Tree(view, folds).nodes())


class Part(NamedTuple):
    """A turn with the places of its steps; None: what came before any prompt. `is_first`: nothing was asked before."""

    turn: Step | None
    places: range
    is_first: bool
    is_newest: bool


class _Tree:
    def __init__(self, view: BuildView, folds: dict[int | str, bool]) -> None:
        self.view, self.folds = view, folds
        self.state = view.state
        current = active(self.state)
        self.current = current.key if current is not None and self.state.is_active else None
        self.under_way = sorted(self.state.positions[tool_key(ident)] for ident in self.state.open_tools)

    def nodes(self) -> Iterator[Node]:
        state = self.state
        if not self.view.has_todos:
            yield from self._turns()
            return
        if phases := codex_phases(state):
            at_work = any(phase.status != "completed" for phase in phases)
            inside = (Node("phase", at, 1) for at in range(len(phases)))
            yield from self._group(CODEX, at_work and not state.todos, inside)
        loose = [part for part in self._parts() if self._has_calls(part)]
        if all(part.is_first for part in loose):
            if loose:
                planning = state.is_active and self.current is None
                yield from self._group(PLANNED, planning, self._calls(PLANNING, 1))
            loose = []
        for part in loose:
            if self._is_before_todos(part):
                yield from self._turn(part)
        if state.template_todos:
            at_work = state.phase == "template" or not state.todos
            yield from self._group(TEMPLATE, at_work, self._todos(state.template_todos, 1))
        yield from self._todos(state.todos, 0)
        for part in loose:
            if not self._is_before_todos(part):
                yield from self._turn(part)
        if state.dropped:
            yield from self._group(DROPPED, False, self._todos(state.dropped, 1))

    def _is_before_todos(self, part: Part) -> bool:
        """Whether a turn began before the agent was at its first todo."""
        begins = [todo.started_at for todo in self.state.todos if todo.started_at is not None]
        return part.turn is None or part.turn.at <= min(begins, default=part.turn.at)

    def _has_calls(self, part: Part) -> bool:
        steps = self.view.steps.all
        return bool(part.turn is not None and part.turn.calls) or any(steps[place].calls for place in part.places)

    def _parts(self) -> list[Part]:
        parts, turns = self.view.steps.parts(), self.view.steps.turns
        last = len(parts) - 1
        return [
            Part(turn, places, turn is None or places.start - 1 == turns[0], at == last)
            for at, (turn, places) in enumerate(parts)
        ]

    def _turns(self) -> Iterator[Node]:
        """Prompts, with what was said and done after each; the newest is open."""
        for part in self._parts():
            yield from self._turn(part)

    def _turn(self, part: Part) -> Iterator[Node]:
        turn, places, is_newest = part.turn, part.places, part.is_newest
        if turn is None:
            yield from self._steps("", places, 0, is_newest=is_newest)
            return
        is_open = self.folds.get(turn.ident, is_newest)
        yield Node("turn", turn.ident, 0, places.start - 1, open=is_open)
        if is_open:
            yield from self._latest(f"{turn.ident} calls", Group(turn.calls, turn.call_errors), 1, set(), full=False)
            yield from self._steps(turn.ident, places, 1, is_newest=is_newest)

    def _steps(self, turn: str, places: range, depth: int, *, is_newest: bool) -> Iterator[Node]:
        steps, ident = self.view.steps.all, f"{turn} earlier"
        hidden = range(0) if self.folds.get(ident) else places[:-LATEST_STEPS]
        if hidden:
            errors = sum(steps[place].errors for place in hidden)
            yield Node("earlier", ident, depth - 1, len(hidden), errors=errors)
        for place in places[len(hidden) :]:
            step = steps[place]
            at_work = is_newest and self.state.is_active and place == len(steps) - 1
            is_open = bool(step.calls) and self.folds.get(step.ident, at_work)
            if step.note is not None:
                yield Node("step", step.ident, depth, place, open=is_open)
            if is_open or step.note is None:
                full = self.folds.get(step.ident, False)
                calls = Group(step.calls, step.call_errors)
                yield from self._latest(step.ident, calls, depth + (step.note is not None), set(), full=full)

    def _group(self, name: str, by_itself: bool, inside: Iterator[Node]) -> Iterator[Node]:
        is_open = self.folds.get(name, by_itself)
        yield Node("group", name, open=is_open)
        if is_open:
            yield from inside

    def _todos(self, todos: tuple[Todo, ...], depth: int) -> Iterator[Node]:
        for todo in todos:
            has_calls = todo.key in self.view.groups
            is_open = has_calls and self.folds.get(todo.key, todo.key == self.current)
            yield Node("todo", todo.key, depth, open=is_open)
            if is_open:
                yield from self._calls(todo.key, depth + 1)

    def _calls(self, key: int, depth: int) -> Iterator[Node]:
        """Calls of a todo, those of subagents below theirs; only the latest where the reader did not open it."""
        by_reader = self.folds.get(PLANNED if key == PLANNING else key, False)
        yield from self._latest(key, self.view.top.get(key) or Group(), depth, set(), full=by_reader)

    def _latest(self, ident: int | str, calls: Group, depth: int, above: set[str], *, full: bool) -> Iterator[Node]:
        """How many there were earlier, those of them that are under way, and the latest."""
        positions = calls.positions
        early = 0 if full else max(0, len(positions) - LATEST)
        under_way = [position for position in self.under_way if early and _is_in(position, positions, early)]
        hidden = early - len(under_way)
        if hidden > 1:
            latest = positions[early:]
            errors = calls.errors - sum(self._call_at(position).state == "error" for position in latest)
            yield Node("earlier", ident, depth, hidden, errors=errors)
            positions = [*under_way, *latest]
        for position in positions:
            yield from self._call(position, depth, above)

    def _call_at(self, position: int) -> ToolCall:
        tool = self.state.timeline[position]
        assert isinstance(tool, ToolCall)
        return tool

    def _call(self, position: int, depth: int, above: set[str]) -> Iterator[Node]:
        tool = self._call_at(position)
        yield Node("tool", position, depth)
        if tool.state == "error":
            yield Node("tail", position, depth)
        below = self.view.children.get(tool.id) if tool.id not in above else None
        if below is not None:
            full = tool_key(tool.id) in self.folds
            yield from self._latest(tool_key(tool.id), below, depth + 1, above | {tool.id}, full=full)


def _is_in(position: int, positions: list[int], end: int) -> bool:
    """Whether the first `end` of sorted `positions` hold a position."""
    place = bisect_left(positions, position, 0, end)
    return place < end and positions[place] == position
