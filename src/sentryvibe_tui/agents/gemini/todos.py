"""Gemini CLI's todo lists, in its stream and its session files alike (docs/agents.md#todo-lists)."""

from __future__ import annotations

import re
from functools import partial

from ...model.events import TodosReported
from ...model.facts import TodoItem
from ..common.todo_changes import Change, TodoChanges, TodoList, todo_by_id, with_todo
from ..common.values import Record, identifier, objects, text, todo_items, todo_status

_TASK_ID = re.compile(r"\b([A-Za-z0-9]{6})\b(?=[^A-Za-z0-9]|$)")
_NAMED_ID = re.compile(r"(?:id|task|ID|Task)[\"']?\s*[:=#]?\s*[\"'\[(]*([A-Za-z0-9]{6})\b")


class TodoLists:
    """write_todos replaces the list; the tracker's tools change one task, whose id is in the result."""

    def __init__(self, todos: TodoList = ()) -> None:
        self._list = TodoChanges(todos)
        self._calls: dict[str, tuple[str, Record]] = {}
        self._done: set[str] = set()

    def started(self, call_id: str, name: str, arguments: Record) -> TodosReported | None:
        if call_id in self._calls or call_id in self._done:
            return None
        self._calls[call_id] = (name, arguments)
        if name == "write_todos" and isinstance(arguments.get("todos"), list):
            items = todo_items(objects(arguments, "todos"), "description")
            return self._changed(call_id, lambda _: items)
        if name == "tracker_update_task" and identifier(arguments.get("id")):
            return self._changed(call_id, partial(_updated, arguments=arguments))
        return None

    def ended(self, call_id: str, output: str, is_error: bool) -> TodosReported | None:
        name, arguments = self._calls.pop(call_id)
        self._done.add(call_id)
        changed = None
        if is_error:
            return self._list.take_back(call_id)
        if name == "tracker_create_task":
            found = _NAMED_ID.search(output) or _TASK_ID.search(output)
            task_id = found[1] if found else call_id
            todo = TodoItem(text(arguments, "title") or f"Task {task_id}", id=task_id)
            changed = self._changed(call_id, partial(with_todo, todo=todo))
        self._list.accept(call_id)
        return changed

    def has(self, call_id: str) -> bool:
        return call_id in self._calls or call_id in self._done

    def is_open(self, call_id: str) -> bool:
        return call_id in self._calls

    def _changed(self, call_id: str, change: Change) -> TodosReported:
        self._list.make(call_id, change)
        return TodosReported(self._list.todos, call_id=call_id)


def _updated(todos: TodoList, arguments: Record) -> TodoList:
    known = todo_by_id(todos, identifier(arguments.get("id")))
    state = todo_status(arguments["status"]) if text(arguments, "status") else known.status
    return with_todo(todos, TodoItem(text(arguments, "title") or known.content, state, id=known.id))


def told_model(name: str) -> str:
    """`name` when it is a model's: "auto" and its kin let the program choose."""
    return "" if name.startswith("auto") else name
