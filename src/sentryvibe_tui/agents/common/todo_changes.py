"""A todo list that calls change while their results are still to come (docs/agents.md#todo-lists)."""

from __future__ import annotations

from collections.abc import Callable

from ...model.events import TodosReported
from ...model.facts import TodoItem

TodoList = tuple[TodoItem, ...]
Change = Callable[[TodoList], TodoList]

_REMEMBERED = 256
"""Changes that can be taken back; an older one stands."""


class TodoChanges:
    """Each change counts at once. A refused call's is taken back, and those made since still stand."""

    def __init__(self, todos: TodoList = ()) -> None:
        self.todos = self._base = todos
        self._changes: dict[str, Change] = {}
        self._accepted: set[str] = set()

    def make(self, call_id: str, change: Change) -> None:
        self._changes[call_id] = change
        self.todos = change(self.todos)
        if len(self._changes) > _REMEMBERED:
            self._settle_first()

    def accept(self, call_id: str) -> None:
        if call_id in self._changes:
            self._accepted.add(call_id)
        while self._changes and next(iter(self._changes)) in self._accepted:
            self._settle_first()

    def take_back(self, call_id: str) -> TodosReported | None:
        """The list without that change; None when it is the same."""
        before, self.todos = self.todos, self._base
        self._changes.pop(call_id, None)
        for change in self._changes.values():
            self.todos = change(self.todos)
        self.accept("")
        return None if self.todos == before else TodosReported(self.todos, call_id=call_id)

    def _settle_first(self) -> None:
        first = next(iter(self._changes))
        self._base = self._changes.pop(first)(self._base)
        self._accepted.discard(first)


def with_todo(todos: TodoList, todo: TodoItem) -> TodoList:
    """`todos` with this one in the place of the one of its id, or at the end."""
    if any(known.id == todo.id for known in todos):
        return tuple(todo if known.id == todo.id else known for known in todos)
    return (*todos, todo)


def todo_by_id(todos: TodoList, task_id: str) -> TodoItem:
    """The todo of that id; one that only has its number when it is not in the list."""
    return next((todo for todo in todos if todo.id == task_id), TodoItem(f"Task #{task_id}", id=task_id))
