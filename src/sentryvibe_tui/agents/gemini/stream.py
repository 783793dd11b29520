"""Gemini CLI's `-p … --output-format stream-json` (docs/agents.md#gemini-cli)."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, Noticed
from ...model.state import Agent
from ...model.usage import Usage
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.values import Record, as_object, count, obj, text, title_of, value
from .todos import TodoLists, told_model
from .tools import AGENT, TODO_TOOLS


class GeminiStream(RecordReader):
    """One process. Text comes in pieces, which belong together until another kind of record comes."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome = BuildEnded("interrupted")
        self._lists = TodoLists()
        self._note = 0
        self._growing = False
        self._titled = False
        self._model = ""

    def _end(self) -> BuildEnded:
        return self._outcome

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        if kind == "error" and not self._started:
            self._outcome = BuildEnded("failed", error=text(record, "message"))
            return
        if not self._started and kind != "init":
            yield AgentReported(Agent(AGENT))
        if kind != "message" or text(record, "role") != "assistant":
            self._growing = False
        if kind in ("message", "tool_use", "tool_result"):
            self._outcome = BuildEnded("interrupted")
        if kind == "init":
            self._session = text(record, "session_id")
            self._outcome = BuildEnded("interrupted")
            self._model = told_model(text(record, "model"))
            yield AgentReported(Agent(AGENT, self._model))
        elif kind == "message":
            yield from self._message(record)
        elif kind == "tool_use":
            yield from self._called(text(record, "tool_id"), text(record, "tool_name"), obj(record, "parameters"))
        elif kind == "tool_result":
            yield from self._returned(record)
        elif kind == "error":
            yield from self._erred(text(record, "message") or "error", text(record, "severity"))
        elif kind == "result":
            yield from self._resulted(record)
        else:
            self.counts.add_unknown(kind or "no type")

    def _message(self, record: Record) -> Iterator[BuildEvent]:
        content = text(record, "content")
        if not content:
            return
        if text(record, "role") != "assistant":
            self._note += 1
            if not self._titled:
                self._titled = True
                yield AgentReported(Agent(title=title_of(content)))
            yield TextAdded(f"text-{self._note}", content, "prompt", whole=True)
            return
        first = not self._growing
        self._note += first
        self._growing = record.get("delta") is True
        if first and self._growing:
            yield TextAdded(f"text-{self._note}", "", "text", whole=True)
        yield TextAdded(f"text-{self._note}", content, "text", whole=not self._growing)

    def _erred(self, message: str, severity: str) -> Iterator[BuildEvent]:
        """An error is the end when nothing comes after it."""
        if severity == "warning":
            yield Noticed(message, "warning")
        else:
            self._outcome = BuildEnded("failed", error=message)
            yield Noticed(message, "error")

    def _called(self, call_id: str, name: str, arguments: Record) -> Iterator[BuildEvent]:
        if name in TODO_TOOLS:
            listed = self._lists.started(call_id, name, arguments)
            if listed is not None:
                yield listed
        elif call_id:
            yield ToolStarted(call_id, name or "unknown", value(arguments))

    def _returned(self, record: Record) -> Iterator[BuildEvent]:
        call_id, is_error = text(record, "tool_id"), text(record, "status") == "error"
        output = text(obj(record, "error"), "message") or text(record, "output")
        if self._lists.has(call_id):
            listed = self._lists.ended(call_id, output, is_error) if self._lists.is_open(call_id) else None
            if listed is not None:
                yield listed
        elif call_id:
            yield ToolEnded(call_id, value(output) if output else None, is_error)

    def _resulted(self, record: Record) -> Iterator[BuildEvent]:
        if text(record, "status") == "error":
            self._outcome = BuildEnded("failed", error=text(obj(record, "error"), "message") or "error")
        else:
            self._outcome = BuildEnded("completed")
        stats = obj(record, "stats")
        models = obj(stats, "models")
        if models and not self._model:
            self._model = max(models, key=lambda name: count(obj(models, name), "total_tokens"))
            yield AgentReported(Agent(model=self._model))
        if stats:
            yield UsageReported(_spent(models or {self._model: stats}))


def _spent(models: Record) -> Usage:
    """Of all models. They tell sums of calls, whose sizes nobody knows: the price is that of small ones."""
    spending = Spending()
    for model in models:
        usage = as_object(models[model])
        spending.add(model, Call(model, _tokens(usage), call_size=0))
    return spending.usage()


def _tokens(stats: Record) -> Tokens:
    """What was thought is in the total only."""
    went_in, cached, out = count(stats, "input_tokens"), count(stats, "cached"), count(stats, "output_tokens")
    thought = max(0, count(stats, "total_tokens") - went_in - out)
    return Tokens(fresh=max(0, went_in - cached), cache_read=cached, output=out + thought, reasoning=thought)
