"""Tool calls, permissions and plans of the Agent Client Protocol."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.activity import Option, Request, RequestKind
from ...model.events import BuildEvent, ToolEnded, ToolStarted
from ...model.facts import RequestResolved, TodoItem
from ...model.questions import purpose
from ..common.values import Record, as_object, flat, obj, objects, text, todo_status, value

_OVER = frozenset({"completed", "failed"})
_FIELDS = ("title", "kind", "rawInput", "rawOutput", "content", "locations", "_meta")
_CALLS = 1_024
"""Calls that are remembered for what is told of them later."""


class AcpCalls:
    """Calls as they are told: whole at first, then what changed. `terminals`: what they printed, by their ids."""

    def __init__(self, terminals: dict[str, str]) -> None:
        self._terminals = terminals
        self._calls: dict[str, Record] = {}
        self._starts: dict[str, ToolStarted] = {}

    def events(self, update: Record) -> Iterator[BuildEvent]:
        """`update`: of a `tool_call`, of a `tool_call_update`, or what a permission is asked for."""
        call_id = text(update, "toolCallId")
        if not call_id:
            return
        news = {key: update[key] for key in _FIELDS if update.get(key) is not None}
        call = self._calls[call_id] = self._calls.pop(call_id, {}) | news
        started = ToolStarted(call_id, name_of(call), value(_input(call)))
        if self._starts.get(call_id) != started:
            self._starts[call_id] = started
            yield started
        if text(update, "status") in _OVER:
            output = self._output(call)
            yield ToolEnded(call_id, None if output is None else value(output), text(update, "status") == "failed")
            self._forget()

    def _forget(self) -> None:
        while len(self._calls) > _CALLS:
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._starts.pop(oldest, None)

    def _output(self, call: Record) -> object:
        """What a person is shown; the raw output when that is nothing."""
        said = [self._words(block) for block in objects(call, "content")]
        return "\n".join(words for words in said if words) or call.get("rawOutput")

    def _words(self, block: Record) -> str:
        if text(block, "type") == "terminal":
            return self._terminals.get(text(block, "terminalId"), "")
        content = flat([obj(block, "content")]) if text(block, "type") == "content" else ""
        return content if isinstance(content, str) else ""


def name_of(call: Record) -> str:
    """The tool's own name, where an agent adds it; else what kind of tool it is."""
    own = (text(as_object(meta), "toolName") for meta in obj(call, "_meta").values())
    return next(filter(None, own), "") or text(call, "kind") or "other"


def _input(call: Record) -> Record:
    """What it was given, with its title, the place it is about, and the change it makes to a file."""
    raw_input = obj(call, "rawInput")
    fields: Record = {} if raw_input else {"title": text(call, "title")}
    places = [text(place, "path") for place in objects(call, "locations")]
    if places and not raw_input:
        fields["path"] = places[0]
    for block in objects(call, "content"):
        if text(block, "type") == "diff":
            fields |= {"file_path": text(block, "path"), "new_string": text(block, "newText")}
            fields["old_string"] = text(block, "oldText")
    return raw_input | fields


def permission_of(ident: str, params: Record) -> Request:
    """`session/request_permission`."""
    call = obj(params, "toolCall")
    raw_input = value(obj(call, "rawInput"))
    name = name_of(call)
    told, words = text(call, "title"), purpose(raw_input) if "command" in obj(call, "rawInput") else ""
    title = ": ".join(part for part in ("permission", told or name, "" if words in told else words) if part)
    options = tuple(
        Option(text(one, "optionId"), text(one, "name"), text(one, "kind")) for one in objects(params, "options")
    )
    kind: RequestKind = "plan" if text(call, "kind") == "switch_mode" else "permission"
    return Request(ident, kind, title, name, text(call, "toolCallId"), raw_input, options)


def form_of(ident: str, params: Record) -> Request:
    """`elicitation/create`: a message, and the schema of its answer."""
    return Request(ident, "form", text(params, "message") or "a form", input=value(obj(params, "requestedSchema")))


def resolution_of(ident: str, result: Record) -> RequestResolved:
    """Of a permission, which is `selected` or `cancelled`, or of a form."""
    outcome = obj(result, "outcome")
    if text(outcome, "outcome") == "cancelled" or text(result, "action") == "cancel":
        return RequestResolved(ident, "withdrawn")
    return RequestResolved(ident, decision=text(outcome, "optionId") or text(result, "action"))


def todos_of(update: Record) -> tuple[TodoItem, ...]:
    """The entries of a plan."""
    entries = objects(update, "entries") or objects(obj(update, "plan"), "entries")
    return tuple(TodoItem(text(entry, "content"), todo_status(entry.get("status"))) for entry in entries)
