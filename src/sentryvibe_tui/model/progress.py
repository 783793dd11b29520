"""How far, how long, how quiet: functions of a state and the time `now` (epoch milliseconds)."""

from __future__ import annotations

from msgspec import Struct

from .state import BuildState, Millis, Todo


class Progress(Struct, frozen=True):
    """Completed todos of all. `percent` is None without todos, and 100 exactly when all are completed."""

    done: int
    total: int

    @property
    def percent(self) -> int | None:
        return self.done * 100 // self.total if self.total else None


def progress(state: BuildState) -> Progress:
    """Of the build's todos; of the template's while there are no others, until they are done: then of none yet."""
    todos = state.todos or state.template_todos
    done = sum(todo.status == "completed" for todo in todos)
    if done == len(todos) and not state.todos and state.is_active:
        return Progress(0, 0)
    return Progress(done, len(todos))


def active(state: BuildState) -> Todo | None:
    todos = state.current_todos
    return todos[state.active_todo] if 0 <= state.active_todo < len(todos) else None


def elapsed(state: BuildState, now: Millis) -> int:
    """Milliseconds from the build's start to its end, or to now."""
    if state.started_at is None:
        return 0
    end = now if state.is_active else (state.ended_at or state.last_event_at or now)
    return max(0, end - state.started_at)


def silence(state: BuildState, now: Millis) -> int:
    """Milliseconds since the last event of an active build; 0 for an ended one."""
    if not state.is_active or state.last_event_at is None:
        return 0
    return max(0, now - state.last_event_at)
