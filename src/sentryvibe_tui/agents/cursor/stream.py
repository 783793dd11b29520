"""Cursor CLI's `-p --output-format stream-json` (cursor.com/docs/cli/reference/output-format)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import BadJson
from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted
from ...model.facts import AgentReported, BuildEnded, TodoItem
from ...model.state import Agent, Millis, NoteKind
from ...wire.json import decode
from ..common.records import RecordReader
from ..common.todo_changes import with_todo
from ..common.values import Record, flat, identifier, obj, objects, text, time, title_of, todo_status, value
from .tools import AGENT, TODO_TOOLS

_CALL = "ToolCall"


class CursorStream(RecordReader):
    """One process. A message comes whole, or in pieces and then whole."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome = BuildEnded("interrupted")
        self._note = 0
        self._growing: NoteKind | None = None
        """What the last note is, while it may grow."""
        self._titled = False
        self._todos: tuple[TodoItem, ...] = ()

    def _end(self) -> BuildEnded:
        return self._outcome

    def _time(self, record: Record) -> Millis | None:
        return time(record, "timestamp_ms")

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, subtype = text(record, "type"), text(record, "subtype")
        self._session = self._session or text(record, "session_id")
        if kind == "system" and subtype == "init":
            yield AgentReported(Agent(AGENT, text(record, "model"), cwd=text(record, "cwd")))
            return
        if not self._started:
            yield AgentReported(Agent(AGENT))
        if kind in ("user", "assistant", "thinking", "tool_call"):
            self._outcome = BuildEnded("interrupted")
        if kind == "user":
            yield from self._prompted(_words(record))
        elif kind == "assistant":
            is_piece = "timestamp_ms" in record and "model_call_id" not in record
            yield from self._piece(_words(record), "text", is_piece)
        elif kind == "thinking":
            yield from self._thought(record, subtype)
        elif kind == "tool_call":
            self._growing = None
            yield from self._call(record, subtype)
        elif kind == "result":
            self._outcome = _outcome(record)
        else:
            self.counts.add_unknown(f"{kind}/{subtype}" if subtype else kind or "no type")

    # ----------------------------------------------------------------------- words

    def _prompted(self, prompt: str) -> Iterator[BuildEvent]:
        self._growing = None
        if not prompt:
            return
        if not self._titled:
            self._titled = True
            yield AgentReported(Agent(title=title_of(prompt)))
        yield TextAdded(self._next(), prompt, "prompt", whole=True)

    def _thought(self, record: Record, subtype: str) -> Iterator[BuildEvent]:
        if subtype == "completed":
            self._growing = None
        else:
            yield from self._piece(text(record, "text"), "reasoning", is_piece=True)

    def _piece(self, piece: str, kind: NoteKind, is_piece: bool) -> Iterator[BuildEvent]:
        """A whole text takes the place of its pieces."""
        if not piece:
            return
        grows = self._growing == kind
        note = f"note-{self._note}" if grows else self._next()
        self._growing = kind if is_piece else None
        if is_piece and not grows:
            yield TextAdded(note, "", kind, whole=True)
        yield TextAdded(note, piece, kind, whole=not is_piece)

    def _next(self) -> str:
        self._note += 1
        return f"note-{self._note}"

    # ----------------------------------------------------------------------- calls

    def _call(self, record: Record, subtype: str) -> Iterator[BuildEvent]:
        call_id, (name, arguments, result) = text(record, "call_id"), _call_in(obj(record, "tool_call"))
        if not call_id:
            return
        if name in TODO_TOOLS:
            yield from self._todo_report(call_id, arguments, result)
        elif subtype == "started":
            yield ToolStarted(call_id, name, value(arguments))
        else:
            said = _output(result)
            yield ToolEnded(
                call_id, None if said is None else value(said), bool(result) and "success" not in result, name
            )

    def _todo_report(self, call_id: str, arguments: Record, result: Record) -> Iterator[BuildEvent]:
        """Changes of single todos name them by their ids; others are the whole list."""
        whole = objects(obj(result, "success"), "todos")
        todos = self._todos if arguments.get("merge") is True and not whole else ()
        for todo in whole or objects(arguments, "todos"):
            todos = with_todo(todos, _todo(todo))
        if todos != self._todos:
            self._todos = todos
            yield TodosReported(todos, call_id=call_id)


def _words(record: Record) -> str:
    message = obj(record, "message")
    said = flat(message.get("content"))
    return said if isinstance(said, str) else ""


def _call_in(call: Record) -> tuple[str, Record, Record]:
    """Name, input and result: under `shellToolCall`, or as a `function` with its input as JSON text."""
    for key in call:
        if key.endswith(_CALL):
            inner = obj(call, key)
            given = obj(inner, "args")
            own = text(given, "toolName") if key == f"mcp{_CALL}" else ""
            return own or key.removesuffix(_CALL), given, obj(inner, "result")
    function = obj(call, "function")
    return text(function, "name") or "unknown", _decoded(text(function, "arguments")), obj(call, "result")


def _decoded(arguments: str) -> Record:
    try:
        return decode(arguments.encode(), dict[str, Any]) if arguments else {}
    except BadJson:
        return {"arguments": arguments}


def _output(result: Record) -> object:
    """What it said, in words where there are any."""
    if not result:
        return None
    inner = next((obj(result, key) for key in result if obj(result, key)), result)
    for keys in (("stdout", "stderr"), ("content",), ("diffString",), ("message",), ("error",), ("reason",)):
        words = "\n".join(text(inner, key) for key in keys if text(inner, key))
        if words:
            return words
    return inner


def _todo(todo: Record) -> TodoItem:
    state = text(todo, "status").removeprefix("TODO_STATUS_").lower()
    content = text(todo, "content")
    return TodoItem(content, todo_status(state), id=identifier(todo.get("id")) or content)


def _outcome(result: Record) -> BuildEnded:
    answer = text(result, "result")
    if text(result, "subtype") == "success" and result.get("is_error") is not True:
        return BuildEnded("completed", summary=answer)
    return BuildEnded("failed", error=answer or text(result, "subtype").replace("_", " ") or "failed")
