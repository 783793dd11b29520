"""Gemini CLI's todo lists, in its stream and its session files alike (AGENT_FORMATS 7)."""

from __future__ import annotations

import re

from ..model.events import TodoItem, TodosReported
from .values import Record, identifier, objects, status, text, todo_items

AGENT = "gemini-cli"
TODO_TOOLS = frozenset({"write_todos", "tracker_create_task", "tracker_update_task", "tracker_list_tasks"})

_TASK_ID = re.compile(r"\b([A-Za-z0-9]{6})\b(?=[^A-Za-z0-9]|$)")
_NAMED_ID = re.compile(r"(?:id|task|ID|Task)[\"']?\s*[:=#]?\s*[\"'\[(]*([A-Za-z0-9]{6})\b")


class TodoLists:
    """write_todos replaces the list; the tracker's tools change one task, whose id is in the result."""

    def __init__(self) -> None:
        self._tasks: dict[str, TodoItem] = {}
        self._calls: dict[str, tuple[str, Record]] = {}
        self._done: set[str] = set()

    def started(self, call_id: str, name: str, given: Record) -> TodosReported | None:
        if call_id in self._calls or call_id in self._done:
            return None
        self._calls[call_id] = (name, given)
        if name == "write_todos":
            return TodosReported(todo_items(objects(given, "todos"), "description"), call_id=call_id)
        task_id = identifier(given.get("id"))
        if name == "tracker_update_task" and task_id:
            known = self._tasks.get(task_id, TodoItem(f"Task {task_id}", id=task_id))
            content = text(given, "title") or known.content
            state = status(given["status"]) if text(given, "status") else known.status
            self._tasks[task_id] = TodoItem(content, state, id=task_id)
            return TodosReported(tuple(self._tasks.values()), call_id=call_id)
        return None

    def ended(self, call_id: str, said: str, is_error: bool) -> TodosReported | None:
        name, given = self._calls.pop(call_id)
        self._done.add(call_id)
        if name != "tracker_create_task" or is_error:
            return None
        found = _NAMED_ID.search(said) or _TASK_ID.search(said)
        task_id = found[1] if found else call_id
        self._tasks[task_id] = TodoItem(text(given, "title") or f"Task {task_id}", id=task_id)
        return TodosReported(tuple(self._tasks.values()), call_id=call_id)

    def has(self, call_id: str) -> bool:
        return call_id in self._calls or call_id in self._done

    def is_open(self, call_id: str) -> bool:
        return call_id in self._calls
