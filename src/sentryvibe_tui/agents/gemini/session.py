"""Gemini CLI's session files, `~/.gemini/tmp/<project>/chats/session-*.jsonl`, and the one JSON document before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ...errors import BadJson
from ...model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, Noticed
from ...model.state import Agent
from ...wire.json import decode, is_heavy
from ..common.json_lines import MAX_LINE, trimmed
from ..common.reader import Reported, reports_of
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.turn_end import as_event
from ..common.values import Record, as_list, as_object, count, flat, obj, objects, text, time, title_of, value
from .todos import TodoLists, told_model
from .tools import AGENT, TODO_TOOLS
from .turn_end import GeminiTurn

_ENDED = frozenset({"success", "error", "cancelled"})


class GeminiSession(RecordReader):
    """One file: one build. A message is written again whenever it grew; the last one counts.

    With `parent_id`, the file of the subagent that this call runs: tools, text and tokens only.
    """

    def __init__(self, parent_id: str = "") -> None:
        super().__init__()
        self._parent_id = parent_id
        self._started = bool(parent_id)
        self._agent = Agent()
        self._lists = TodoLists()
        self._spending = Spending()
        self.turn = GeminiTurn()
        self._document: bytearray | None = None
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> list[Reported]:
        """A document is written over several lines, the first of which is a lone brace."""
        if self._head is not None:
            self._head += data
            line, newline, _ = trimmed(self._head).partition(b"\n")
            if not newline and len(line) <= MAX_LINE:
                return []
            data, self._head = self._head, None
            if line.strip() == b"{":
                self._document = bytearray()
        if self._document is None:
            return super().feed(data)
        if len(self._document) <= 4 * MAX_LINE:
            self._document += data
        return []

    def finish(self) -> list[Reported]:
        reports: list[Reported] = []
        if self._head is not None:
            held, self._head = self._head, None
            reports = super().feed(held)
        if self._document is not None:
            document, self._document = self._document, None
            reports = self._read_document(document)
        reports += super().finish()
        return [report for report in reports if _is_work(report)] if self._parent_id else reports

    @property
    def session(self) -> str:
        """Its id, "" before its first record."""
        return self._session

    @property
    def is_main(self) -> bool:
        """Whether this is a session's own file, not a subagent's."""
        return not self._parent_id

    def _read(self, record: Record) -> Iterator[Reported]:
        reports = super()._read(record)
        return map(self._as_subagent, filter(_is_work, reports)) if self._parent_id else reports

    def _as_subagent(self, report: Reported) -> Reported:
        event = report.event
        if not isinstance(event, ToolStarted | ToolEnded | TextAdded):
            return report
        return replace(report, event=replace(event, parent_id=self._parent_id))

    def _read_document(self, document: bytearray) -> list[Reported]:
        if len(document) > 4 * MAX_LINE or is_heavy(document):
            self.counts.oversize += 1
            return []
        try:
            record = decode(trimmed(bytes(document)), dict[str, Any])
        except BadJson:
            self.counts.noise += 1
            return []
        return reports_of((record,), self._read, self.counts)

    def _end(self) -> BuildEvent:
        return as_event(self.turn.end)

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        if "sessionId" in record and not self._session:
            self._session = text(record, "sessionId")
            yield from self._agent_report(replace(self._agent, agent_id=AGENT))
        if "$set" in record:
            yield from self._messages(obj(record, "$set"))
        elif "messages" in record:
            yield from self._messages(record)
        elif "id" in record and "type" in record:
            yield from self._message(record)
        elif "$rewindTo" in record:
            yield Noticed("the conversation was taken back to an earlier message")
        elif "sessionId" not in record:
            self.counts.add_unknown(text(record, "type") or next(iter(record), "empty"))

    def _messages(self, record: Record) -> Iterator[BuildEvent]:
        for message in objects(record, "messages"):
            yield from self._message(message)

    def _agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        if agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    def _message(self, message: Record) -> Iterator[BuildEvent]:
        kind, note = text(message, "type"), text(message, "id")
        content = content_text(message.get("content"))
        if not content.startswith("<session_context>"):
            self.turn.read(message, content)
        if kind == "user":
            if content and not content.startswith("<session_context>"):
                yield from self._agent_report(replace(self._agent, title=self._agent.title or title_of(content)))
                yield TextAdded(note, content, "prompt", whole=True)
        elif kind in ("gemini", "model", "assistant"):
            yield from self._answer(message, note, content)
        elif kind == "error":
            yield Noticed(content or "error", "error")
        elif kind in ("info", "warning"):
            yield Noticed(content, "warning" if kind == "warning" else "info")
        else:
            self.counts.add_unknown(f"message {kind}")

    def _answer(self, message: Record, note: str, content: str) -> Iterator[BuildEvent]:
        yield from self._agent_report(
            replace(self._agent, model=told_model(text(message, "model")) or self._agent.model)
        )
        for number, thought in enumerate(objects(message, "thoughts")):
            subject, about = text(thought, "subject"), text(thought, "description")
            reasoning = f"**{subject}**\n\n{about}" if subject and about else subject or about
            if reasoning:
                yield TextAdded(f"{note}:thought-{number}", reasoning, "reasoning", whole=True)
        if content:
            yield TextAdded(note, content, "text", whole=True)
        for call in objects(message, "toolCalls"):
            yield from self._called(call)
        tokens = obj(message, "tokens")
        if tokens:
            usage = self._spending.add(note, Call(self._agent.model, _tokens(tokens), time(message)))
            if usage is not None:
                yield UsageReported(usage)

    def _called(self, call: Record) -> Iterator[BuildEvent]:
        call_id, name, state = text(call, "id"), text(call, "name"), text(call, "status")
        result = _result(call)
        if name in TODO_TOOLS:
            todos = self._lists.started(call_id, name, obj(call, "args"))
            if todos is not None:
                yield todos
            if state in _ENDED and self._lists.is_open(call_id):
                todos = self._lists.ended(call_id, result, state != "success")
                if todos is not None:
                    yield todos
        elif call_id:
            yield ToolStarted(call_id, name or "unknown", value(call.get("args")))
            if state in _ENDED or (result and not state):
                yield ToolEnded(call_id, value(result) if result else None, state in ("error", "cancelled"))


def _is_work(report: Reported) -> bool:
    """What of a subagent is told in its parent's build."""
    event = report.event
    return isinstance(event, ToolStarted | ToolEnded | Noticed | UsageReported) or (
        isinstance(event, TextAdded) and event.kind != "prompt"
    )


def _tokens(tokens: Record) -> Tokens:
    """Their input holds what the cache had, but not what tools gave; their output not what was thought."""
    cached, thought = count(tokens, "cached"), count(tokens, "thoughts")
    return Tokens(
        fresh=max(0, count(tokens, "input") - cached) + count(tokens, "tool"),
        cache_read=cached,
        output=count(tokens, "output") + thought,
        reasoning=thought,
    )


def content_text(content: object) -> str:
    """Text, or a list of parts with text in them."""
    if isinstance(content, str):
        return content
    return "\n".join(text(as_object(part), "text") for part in as_list(content) if text(as_object(part), "text"))


def _result(call: Record) -> str:
    """What the model was told of a call: `result[].functionResponse.response.output`."""
    lines: list[str] = []
    for part in objects(call, "result"):
        response = obj(obj(part, "functionResponse"), "response")
        output = response.get("output", response.get("error"))
        flattened = flat(output)
        if isinstance(flattened, str):
            lines.append(flattened)
        elif text(part, "text"):
            lines.append(text(part, "text"))
    return "\n".join(lines) or text(call, "resultDisplay")
