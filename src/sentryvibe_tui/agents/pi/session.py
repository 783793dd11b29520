"""pi's session files, `~/.pi/agent/sessions/--<directory>--/<time>_<id>.jsonl`, and its `--mode json`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, Noticed, TurnEnded
from ...model.state import Agent, Millis
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.turn_end import as_event
from ..common.values import Record, count, flat, number, obj, objects, text, time, title_of, value
from .tools import AGENT
from .turn_end import PiTurn

_QUIET = frozenset({
    "thinking_level_change", "custom", "custom_message", "label", "agent_start", "agent_end", "turn_start", "turn_end",
    "message_start", "message_update", "tool_execution_start", "tool_execution_update", "tool_execution_end",
    "queue_update", "compaction_end", "auto_retry_end", "extension_ui_request", "session_info_changed",
    "thinking_level_changed", "extension_error",
})  # fmt: skip
_NOTICES = {
    "compaction": "conversation compacted",
    "compaction_start": "compacting the conversation",
    "branch_summary": "the conversation was taken back to an earlier message",
}


class PiSession(RecordReader):
    """One file, or what one process prints: one build. What a fork copied from its parent is older than itself."""

    def __init__(self) -> None:
        super().__init__()
        self._agent = Agent()
        self._spending = Spending()
        self._born: Millis | None = None
        self._number = 0
        self.turn = PiTurn()

    def _end(self) -> BuildEnded | TurnEnded:
        return as_event(self.turn.end)

    def _time(self, record: Record) -> Millis | None:
        return time(record) or time(obj(record, "message"))

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, message = text(record, "type"), obj(record, "message")
        if kind == "session":
            yield from self._began(record)
            return
        at = self._time(record)
        if self._born is not None and at is not None and at < self._born:
            return
        if kind in ("message", "message_end"):
            self._number += 1
            self.turn.read(record if "timestamp" in record else message, message)
            yield from self._message(message, text(record, "id") or f"message-{self._number}")
        elif kind == "model_change":
            yield from self._agent_report(replace(self._agent, model=text(record, "modelId") or self._agent.model))
        elif kind == "session_info":
            yield from self._agent_report(replace(self._agent, title=text(record, "name") or self._agent.title))
        elif kind in _NOTICES:
            yield Noticed(_NOTICES[kind])
        elif kind == "auto_retry_start":
            tries = f"{count(record, 'attempt')}/{count(record, 'maxAttempts')}"
            yield Noticed(f"API retry {tries}: {text(record, 'errorMessage') or 'error'}", "warning")
        elif kind not in _QUIET:
            self.counts.add_unknown(kind or "no type")

    def _began(self, record: Record) -> Iterator[BuildEvent]:
        self._session = self._session or text(record, "id")
        self._born = time(record) if text(record, "parentSession") else None
        yield from self._agent_report(replace(self._agent, agent_id=AGENT, cwd=text(record, "cwd")))

    def _agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        if agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    def _message(self, message: Record, note: str) -> Iterator[BuildEvent]:
        role = text(message, "role")
        if role == "user":
            content = flat(message.get("content"))
            if isinstance(content, str) and content:
                yield from self._agent_report(replace(self._agent, title=self._agent.title or title_of(content)))
                yield TextAdded(note, content, "prompt", whole=True)
        elif role == "assistant":
            yield from self._answer(message, note)
        elif role == "toolResult" and text(message, "toolCallId"):
            content, failed = flat(message.get("content")), message.get("isError") is True
            yield ToolEnded(text(message, "toolCallId"), value(content), failed, text(message, "toolName"))

    def _answer(self, message: Record, note: str) -> Iterator[BuildEvent]:
        yield from self._agent_report(replace(self._agent, model=text(message, "model") or self._agent.model))
        for place, block in enumerate(objects(message, "content")):
            kind = text(block, "type")
            if kind == "text" and text(block, "text"):
                yield TextAdded(f"{note}:{place}", text(block, "text"), "text", whole=True)
            elif kind == "thinking" and text(block, "thinking"):
                yield TextAdded(f"{note}:{place}", text(block, "thinking"), "reasoning", whole=True)
            elif kind == "toolCall" and text(block, "id"):
                yield ToolStarted(text(block, "id"), text(block, "name") or "unknown", value(block.get("arguments")))
        yield from self._used(note, obj(message, "usage"))

    def _used(self, key: str, usage: Record) -> Iterator[BuildEvent]:
        """Cached tokens stand beside the input there; the cost is its own."""
        tokens = Tokens(
            fresh=count(usage, "input"),
            cache_read=count(usage, "cacheRead"),
            cache_write_5m=count(usage, "cacheWrite"),
            output=count(usage, "output"),
        )
        cost = number(obj(usage, "cost"), "total")
        call = Call(self._agent.model, tokens, cost=None if cost is None else float(cost))
        total = self._spending.add(key, call) if usage else None
        if total is not None:
            yield UsageReported(total)
