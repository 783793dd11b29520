"""The todo list's own rules: which old todo a new one is, which one is active, what became of tools' todos."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from .events import TodosReported
from .facts import TodoItem
from .state import PLANNING, BuildState, Millis, Phase, Todo
from .updates import TodosChanged, Update


def active_index(current: Sequence[Todo], incoming: Sequence[TodoItem]) -> int:
    """The todo in progress; of several the last that newly became so, else the one that was. -1: none."""
    running = [index for index, todo in enumerate(incoming) if todo.status == "in_progress"]
    before = {todo.id or todo.content for todo in current if todo.status == "in_progress"}
    fresh = [index for index in running if (incoming[index].id or incoming[index].content) not in before]
    return (fresh or running or [PLANNING])[-1]


def todos_reported(state: BuildState, event: TodosReported) -> Iterable[Update]:
    current = state.list_of(event.phase)
    same = items_of(current) == event.todos
    if same and state.phase == event.phase and (current or not event.call_id or event.call_id in state.todo_calls):
        return ()
    return (TodosChanged(event.todos, active_index(current, event.todos), event.phase, event.call_id),)


def apply_todos(state: BuildState, update: TodosChanged, at: Millis) -> BuildState:
    """The list of `update.phase` replaced: todos that stay keep their key, times and tools; the others are dropped.

    The plan is the list as it stands when its first todo starts: only what changes after that is drift.
    """
    current = state.list_of(update.phase)
    has_times = any(todo.started_at is not None for todo in current)
    matches = _match(current, state.dropped, update.todos)
    next_key, todos = state.next_key, list[Todo]()
    for index, entry in enumerate(update.todos):
        old = matches.get(index)
        if old is None:
            old = Todo(entry.content, key=next_key, drift="added" if has_times else "")
            next_key += 1
        elif has_times and old.content != entry.content:
            old = replace(old, drift="renamed")
        todos.append(_moved_on(old, entry, at))
    kept = {todo.key for todo in todos}
    dropped = tuple(todo for todo in (*state.dropped, *current) if todo.key not in kept)
    fields = {"template_todos" if update.phase == "template" else "todos": tuple(todos)}
    return replace(
        state,
        **fields,
        phase=update.phase,
        dropped=dropped,
        active_todo=update.active_index if -1 <= update.active_index < len(todos) else PLANNING,
        next_key=next_key,
        todo_calls=(*state.todo_calls, update.call_id)[-_CALLS_KEPT:] if update.call_id else state.todo_calls,
    )


_CALLS_KEPT = 64


def _moved_on(old: Todo, entry: TodoItem, at: Millis) -> Todo:
    started, ended = old.started_at, old.ended_at
    if entry.status != "pending" and started is None:
        started = at
    if entry.status != "completed":
        ended = None
    elif ended is None:
        ended = at
    return replace(
        old,
        content=entry.content,
        status=entry.status,
        active_form=entry.active_form,
        id=entry.id or old.id,
        started_at=started,
        ended_at=ended,
    )


def _match(current: Sequence[Todo], dropped: Sequence[Todo], incoming: Sequence[TodoItem]) -> dict[int, Todo]:
    """Place in the new list -> the old todo it is: by id, else by text, else by place and similar text."""
    by_name: defaultdict[str, deque[Todo]] = defaultdict(deque)
    for todo in (*current, *dropped):
        by_name[todo.id or todo.content].append(todo)
    pairs: dict[int, Todo] = {}
    for index, entry in enumerate(incoming):
        same = by_name.get(entry.id or entry.content)
        if same:
            pairs[index] = same.popleft()
    taken = {todo.key for todo in pairs.values()}
    for index, (old, entry) in enumerate(zip(current, incoming, strict=False)):
        if index not in pairs and old.key not in taken and _is_reworded(old, entry):
            pairs[index] = old
    return pairs


def _is_reworded(old: Todo, entry: TodoItem) -> bool:
    """Whether two texts at the same place say the same in other words. Two ids are two todos."""
    if old.id and entry.id:
        return False
    from difflib import SequenceMatcher  # few lists are reworded

    before, after = (text[:_COMPARED].casefold() for text in (old.content, entry.content))
    one, other = set(before.split()), set(after.split())
    if one and other and (one <= other or other <= one):
        return True
    return SequenceMatcher(None, before, after, autojunk=False).ratio() >= _SIMILAR


_COMPARED = 200
_SIMILAR = 0.6


def items_of(todos: Sequence[Todo]) -> tuple[TodoItem, ...]:
    """The list as its agent reports it."""
    return tuple(TodoItem(todo.content, todo.status, todo.active_form, todo.id) for todo in todos)


def todo_at(state: BuildState, phase: Phase, index: int) -> int:
    """Key of the todo at a place of a phase's list; PLANNING when there is none."""
    todos = state.list_of(phase)
    return todos[index].key if 0 <= index < len(todos) else PLANNING


def place_of(state: BuildState, key: int) -> tuple[Phase, int]:
    """Phase and index of a todo now; (current phase, -1) when it is in no list."""
    if key != PLANNING:
        for phase in (state.phase, "template" if state.phase == "build" else "build"):
            for index, todo in enumerate(state.list_of(phase)):
                if todo.key == key:
                    return phase, index
    return state.phase, PLANNING


def apply_todo_completed(state: BuildState, index: int, at: Millis) -> BuildState:
    todos = state.current_todos
    if not 0 <= index < len(todos) or todos[index].status == "completed":
        return state
    done = replace(todos[index], status="completed", ended_at=at, started_at=todos[index].started_at or at)
    changed = (*todos[:index], done, *todos[index + 1 :])
    return replace(state, **{"template_todos" if state.phase == "template" else "todos": changed})
