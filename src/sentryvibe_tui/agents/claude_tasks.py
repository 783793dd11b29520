"""Claude Code's todo lists: TodoWrite replaces all, the Task tools change one at a time (AGENT_FORMATS 2.3)."""

from __future__ import annotations

import re

from msgspec.structs import replace

from ..model.events import TodoItem, TodosReported
from .values import Record, identifier, obj, objects, status, text, todo_items

TODO_TOOLS = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet"})

_CREATED = re.compile(r"Task #(\S+) created")


class TaskLists:
    """The list as the calls so far made it. Calls are told by id, so that a refused one is undone."""

    def __init__(self) -> None:
        self._todos: tuple[TodoItem, ...] = ()
        self._calls: dict[str, tuple[str, Record]] = {}
        self._undo: dict[str, tuple[TodoItem, ...]] = {}

    def has(self, call_id: str) -> bool:
        """Whether `call_id` is a todo call whose result has not come yet."""
        return call_id in self._calls

    def started(self, call_id: str, name: str, given: Record, own: bool) -> TodosReported | None:
        """A todo tool was called; None when the list stays. A subagent's (not `own`) snapshot is its own affair."""
        if call_id in self._calls:
            return None
        self._calls[call_id] = (name, given)
        if name == "TodoWrite" and own and isinstance(given.get("todos"), list):
            return self._now(call_id, todo_items(objects(given, "todos")))
        if name == "TaskUpdate":
            return self._now(call_id, self._updated(given))
        return None

    def ended(self, call_id: str, said: str, result: Record, is_error: bool) -> TodosReported | None:
        """Its result came. A created task has its id only here."""
        name, given = self._calls.pop(call_id)
        before = self._undo.pop(call_id, None)
        if is_error:
            return None if before is None else self._now(call_id, before)
        if name == "TaskCreate":
            created = _CREATED.search(said)
            task_id = identifier(obj(result, "task").get("id")) or (created[1] if created else call_id)
            return self._now(call_id, self._with(_created(task_id, given)))
        if name == "TaskList":
            return self._now(call_id, self._repaired(objects(result, "tasks")))
        return None

    def _now(self, call_id: str, todos: tuple[TodoItem, ...]) -> TodosReported | None:
        same = todos == self._todos
        if call_id in self._calls:
            self._undo[call_id] = self._todos
        self._todos = todos
        return None if same and todos else TodosReported(todos, call_id=call_id)

    def _with(self, todo: TodoItem) -> tuple[TodoItem, ...]:
        if any(known.id == todo.id for known in self._todos):
            return tuple(todo if known.id == todo.id else known for known in self._todos)
        return (*self._todos, todo)

    def _updated(self, given: Record) -> tuple[TodoItem, ...]:
        task_id = identifier(given.get("taskId"))
        if not task_id:
            return self._todos
        if given.get("status") == "deleted":
            return tuple(known for known in self._todos if known.id != task_id)
        known = next((todo for todo in self._todos if todo.id == task_id), TodoItem(f"Task #{task_id}", id=task_id))
        return self._with(_changed(known, given))

    def _repaired(self, tasks: list[Record]) -> tuple[TodoItem, ...]:
        """A full list adds what is missing; its order is not the order of the work."""
        todos = self._todos
        for task in sorted(tasks, key=lambda task: (len(identifier(task.get("id"))), identifier(task.get("id")))):
            task_id = identifier(task.get("id"))
            known = next((todo for todo in todos if todo.id == task_id), TodoItem(f"Task #{task_id}", id=task_id))
            changed = _changed(known, task)
            if not task_id or changed == known:
                continue
            found = any(todo.id == task_id for todo in todos)
            todos = tuple(changed if todo.id == task_id else todo for todo in todos) if found else (*todos, changed)
        return todos


def _created(task_id: str, given: Record) -> TodoItem:
    return TodoItem(text(given, "subject") or f"Task #{task_id}", active_form=text(given, "activeForm"), id=task_id)


def _changed(known: TodoItem, given: Record) -> TodoItem:
    return replace(
        known,
        content=text(given, "subject") or known.content,
        status=status(given["status"]) if text(given, "status") else known.status,
        active_form=text(given, "activeForm") or known.active_form,
    )
