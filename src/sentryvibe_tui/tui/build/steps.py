"""What a build was about beside its todos, part by part: its prompts, and what was said before something was done.

Kept up item by item, never read again from the start. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Container

from msgspec import Struct

from ...model.state import PLANNING, Item, Millis, Note, ToolCall

REWINDABLE = 16
"""Items after which one that comes late can still be put in its place by itself."""


class Step(Struct):
    """A prompt, or words of the agent, and the calls that followed. `note`: their position, None before any.

    `call_errors`: how many of `calls` failed; `errors` counts also those of subagents, whose calls stand below their
    own call and not in `calls`.
    """

    note: int | None
    at: Millis
    is_turn: bool = False
    kind: str = ""
    calls: list[int] = []
    call_errors: int = 0
    errors: int = 0

    @property
    def ident(self) -> str:
        """What it is folded by."""
        return f"step {self.note}"


def _nothing() -> None:
    """What is undone of an item that changed nothing."""


class Steps:
    """All steps in order. One that is a turn has those below it that come before the next turn."""

    def __init__(self) -> None:
        self.all: list[Step] = []
        self.turns: list[int] = []
        """Places in `all`."""
        self._of_call: dict[int, int] = {}
        self._failed: set[int] = set()
        self._undo: deque[tuple[int, Callable[[], None]]] = deque(maxlen=REWINDABLE)
        """Positions of the latest items, and what takes each back."""

    def take(self, position: int, item: Item, root: int | None) -> None:
        """The next item. `root`: of what a subagent does or says, the position of the agent's own call above it.

        A call of a todo stands there, and in no step.
        """
        if isinstance(item, ToolCall):
            if item.todo == PLANNING:
                self._undo.append((position, self._take_call(position, item, root)))
        elif item.kind in ("prompt", "text", "reasoning") and root is None:
            self._undo.append((position, self._take_note(position, item)))

    def rewind(self, positions: Container[int]) -> None:
        """As it was before the last items came, those at `positions`, of which there are at most `REWINDABLE`."""
        while self._undo and self._undo[-1][0] in positions:
            self._undo.pop()[1]()

    def _take_call(self, position: int, call: ToolCall, root: int | None) -> Callable[[], None]:
        """One of a subagent belongs to the step of its root, whatever the agent said meanwhile."""
        is_first = not self.all
        if is_first:
            self.all.append(Step(None, call.started_at or 0, calls=[]))
        place = len(self.all) - 1 if root is None else self._of_call.get(root, len(self.all) - 1)
        self._of_call[position] = place
        step = self.all[place]
        if root is None:
            insort(step.calls, position)
        if call.state == "error":
            self.count_errors(position, 1)

        def undo() -> None:
            if position in self._failed:
                self.count_errors(position, -1)
            del self._of_call[position]
            if root is None:
                step.calls.remove(position)
            if is_first:
                self.all.pop()

        return undo

    def _take_note(self, position: int, note: Note) -> Callable[[], None]:
        """What was said last before a call is what it was made for; reasoning stands in where nothing is said."""
        last = self.all[-1] if self.all else None
        if note.kind == "prompt":
            self.turns.append(len(self.all))
            self.all.append(Step(position, note.at, is_turn=True, kind=note.kind, calls=[]))
            return self._without_turn
        if last is None or last.calls or last.is_turn:
            self.all.append(Step(position, note.at, kind=note.kind, calls=[]))
            return self._without_step
        if note.kind != "text" and last.kind != "reasoning":
            return _nothing
        before = last.note, last.kind
        last.note, last.kind = position, note.kind

        def undo() -> None:
            last.note, last.kind = before

        return undo

    def _without_turn(self) -> None:
        self.turns.pop()
        self.all.pop()

    def _without_step(self) -> None:
        self.all.pop()

    def count_errors(self, position: int, number: int) -> None:
        """A call failed (1), or one that had failed did not in the end (-1)."""
        place = self._of_call.get(position)
        if place is not None and number:
            step = self.all[place]
            step.errors += number
            at = bisect_left(step.calls, position)
            step.call_errors += number if step.calls[at : at + 1] == [position] else 0
            (self._failed.add if number > 0 else self._failed.discard)(position)

    def parts(self) -> list[tuple[Step | None, range]]:
        """Turns with the places of the steps below them; None for what came before any prompt."""
        first = self.turns[0] if self.turns else len(self.all)
        before = [(None, range(first))] if first else []
        return [*before, *((self.all[place], self.below(place)) for place in self.turns)]

    def below(self, place: int) -> range:
        """Places of the steps of a turn; none of a step."""
        if not self.all[place].is_turn:
            return range(0)
        after = bisect_right(self.turns, place)
        return range(place + 1, self.turns[after] if after < len(self.turns) else len(self.all))

    def end(self, place: int, after: Millis) -> Millis:
        """When the next step began; `after` for the last one."""
        return self.all[place + 1].at if place + 1 < len(self.all) else after
