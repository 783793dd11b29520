"""Droid's `exec --output-format stream-json` (docs.factory.ai)."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted
from ...model.facts import AgentReported, BuildEnded, Noticed
from ...model.state import Agent
from ..common.records import RecordReader
from ..common.values import Record, flat, obj, objects, text, title_of, todo_items, value
from .tools import AGENT, TODO_TOOLS


class DroidStream(RecordReader):
    """One process."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome = BuildEnded("interrupted")
        self._titled = False
        self._lists: set[str] = set()

    def _end(self) -> BuildEnded:
        return self._outcome

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        self._session = self._session or text(record, "session_id")
        if kind == "system":
            yield AgentReported(Agent(AGENT, text(record, "model"), cwd=text(record, "cwd")))
            return
        if not self._started:
            yield AgentReported(Agent(AGENT))
        if kind in ("message", "tool_call", "tool_result", "reasoning"):
            self._outcome = BuildEnded("interrupted")
        if kind == "message":
            yield from self._message(record)
        elif kind == "reasoning":
            yield TextAdded(text(record, "id"), text(record, "text"), "reasoning", whole=True)
        elif kind == "tool_call":
            yield from self._called(record)
        elif kind == "tool_result":
            yield from self._returned(record)
        elif kind == "completion":
            self._outcome = BuildEnded("completed", summary=text(record, "finalText"))
        elif kind == "error":
            said = text(record, "message") or text(obj(record, "error"), "message") or "error"
            self._outcome = BuildEnded("failed", error=said)
            yield Noticed(said, "error")
        else:
            self.counts.add_unknown(kind or "no type")

    def _message(self, record: Record) -> Iterator[BuildEvent]:
        content, is_prompt = text(record, "text"), text(record, "role") == "user"
        if not content:
            return
        if is_prompt and not self._titled:
            self._titled = True
            yield AgentReported(Agent(title=title_of(content)))
        yield TextAdded(text(record, "id"), content, "prompt" if is_prompt else "text", whole=True)

    def _called(self, record: Record) -> Iterator[BuildEvent]:
        call_id, name, arguments = text(record, "id"), text(record, "toolName"), obj(record, "parameters")
        if name in TODO_TOOLS and isinstance(arguments.get("todos"), list):
            self._lists.add(call_id)
            yield TodosReported(todo_items(objects(arguments, "todos")), call_id=call_id)
        elif call_id:
            yield ToolStarted(call_id, name or "unknown", value(arguments))

    def _returned(self, record: Record) -> Iterator[BuildEvent]:
        call_id = text(record, "id")
        if not call_id or call_id in self._lists:
            return
        said = flat(record.get("value")) or text(obj(record, "error"), "message") or None
        yield ToolEnded(call_id, None if said is None else value(said), record.get("isError") is True)
