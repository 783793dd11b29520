"""Claude Code's todo lists: TodoWrite replaces all, the Task tools change one at a time (docs/agents.md#todo-lists)."""

from __future__ import annotations

import re
from functools import partial

from msgspec.structs import replace

from ...model.events import TodosReported
from ...model.facts import TodoItem
from ...model.state import Millis
from ..common.todo_changes import Change, TodoChanges, TodoList, todo_by_id, with_todo
from ..common.values import Record, identifier, obj, objects, text, todo_items, todo_status

_CREATED = re.compile(r"Task #(\S+) created")


class TaskLists:
    """The list as the calls so far made it. Calls are told by id, so that a refused one is undone."""

    def __init__(self, todos: TodoList = ()) -> None:
        self._list = TodoChanges(todos)
        self._calls: dict[str, tuple[str, Record]] = {}
        self._changed_at: dict[str, Millis] = {}
        self.now: Millis | None = None
        """When what is read happened: files of one session are read one after another."""

    def has(self, call_id: str) -> bool:
        """Whether `call_id` is a todo call whose result has not come yet."""
        return call_id in self._calls

    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None:
        """A todo tool was called; None when the list stays. A subagent's (not `own`) snapshot is its own affair."""
        if call_id in self._calls:
            return None
        self._calls[call_id] = (name, arguments)
        if name == "TodoWrite" and own and isinstance(arguments.get("todos"), list):
            items = todo_items(objects(arguments, "todos"))
            return self._changed(call_id, lambda _: items)
        if name == "TaskUpdate" and self._is_news(identifier(arguments.get("taskId"))):
            return self._changed(call_id, partial(_updated, arguments=arguments))
        return None

    def ended(self, call_id: str, output: str, result: Record, is_error: bool) -> TodosReported | None:
        """Its result came. A created task has its id only here."""
        name, arguments = self._calls.pop(call_id)
        changed = None
        if is_error:
            return self._list.take_back(call_id)
        if name == "TaskCreate":
            created = _CREATED.search(output)
            task_id = identifier(obj(result, "task").get("id")) or (created[1] if created else call_id)
            changed = self._changed(call_id, partial(with_todo, todo=_created(task_id, arguments)))
        elif name == "TaskList":
            changed = self._changed(call_id, partial(_repaired, tasks=objects(result, "tasks")))
        self._list.accept(call_id)
        return changed

    def _is_news(self, task_id: str) -> bool:
        """A task that was changed since stays as it is."""
        if not task_id or (self.now is not None and self.now < self._changed_at.get(task_id, 0)):
            return False
        if self.now is not None:
            self._changed_at[task_id] = self.now
        return True

    def _changed(self, call_id: str, change: Change) -> TodosReported | None:
        before = self._list.todos
        self._list.make(call_id, change)
        todos = self._list.todos
        return None if todos == before and todos else TodosReported(todos, call_id=call_id)


def _updated(todos: TodoList, arguments: Record) -> TodoList:
    task_id = identifier(arguments.get("taskId"))
    if arguments.get("status") == "deleted":
        return tuple(known for known in todos if known.id != task_id)
    return with_todo(todos, _changed(todo_by_id(todos, task_id), arguments))


def _repaired(todos: TodoList, tasks: list[Record]) -> TodoList:
    """A full list adds what is missing; its order is not the order of the work."""
    for task in sorted(tasks, key=lambda task: (len(identifier(task.get("id"))), identifier(task.get("id")))):
        task_id = identifier(task.get("id"))
        known = todo_by_id(todos, task_id)
        changed = _changed(known, task)
        if task_id and changed != known:
            todos = with_todo(todos, changed)
    return todos


def _created(task_id: str, arguments: Record) -> TodoItem:
    return TodoItem(
        text(arguments, "subject") or f"Task #{task_id}", active_form=text(arguments, "activeForm"), id=task_id
    )


def _changed(todo: TodoItem, arguments: Record) -> TodoItem:
    return replace(
        todo,
        content=text(arguments, "subject") or todo.content,
        status=todo_status(arguments["status"]) if text(arguments, "status") else todo.status,
        active_form=text(arguments, "activeForm") or todo.active_form,
    )
