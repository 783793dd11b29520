"""Qwen Code's session files, `~/.qwen/projects/<directory>/chats/<session>.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, Noticed, TurnEnded
from ...model.state import Agent
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.turn_end import as_event
from ..common.values import Record, count, flat, obj, objects, text, time, title_of, todo_items, value
from .tools import AGENT, TODO_TOOLS
from .turn_end import QwenTurn

_NOTICES = {"chat_compression": "conversation compacted", "rewind": "the conversation was taken back"}
_INJECTED = frozenset({"notification", "cron", "background_task_completed", "goal_runtime", "agent_launch_prompt"})
"""Kinds of user records that no person wrote."""
_ENDED = frozenset({"success", "error", "cancelled"})


class QwenSession(RecordReader):
    """One file: one build. Records of a fork that are its parent's, and those of subagents, are not its own."""

    def __init__(self) -> None:
        super().__init__()
        self._agent = Agent()
        self._spending = Spending()
        self.turn = QwenTurn()

    def _end(self) -> BuildEnded | TurnEnded:
        return as_event(self.turn.end)

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        if record.get("isSidechain") is True or text(record, "agentId") or obj(record, "forkedFrom"):
            return
        kind, agent = text(record, "type"), self._agent
        self._session = self._session or text(record, "sessionId")
        cwd, version = text(record, "cwd") or agent.cwd, text(record, "version") or agent.version
        yield from self._agent_report(replace(agent, agent_id=AGENT, cwd=cwd, version=version))
        self.turn.read(record)
        if kind == "user":
            yield from self._prompted(record)
        elif kind == "assistant":
            yield from self._answer(record)
        elif kind == "tool_result":
            yield from self._returned(record)
        elif kind == "system":
            yield from self._noted(text(record, "subtype"), obj(record, "systemPayload"))
        else:
            self.counts.add_unknown(kind or "no type")

    def _agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        if agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    def _prompted(self, record: Record) -> Iterator[BuildEvent]:
        prompt = text(obj(record, "systemPayload"), "displayText") or _words(record)
        if not prompt or text(record, "subtype") in _INJECTED:
            return
        yield from self._agent_report(replace(self._agent, title=self._agent.title or title_of(prompt)))
        yield TextAdded(text(record, "uuid"), prompt, "prompt", whole=True)

    def _answer(self, record: Record) -> Iterator[BuildEvent]:
        yield from self._agent_report(replace(self._agent, model=text(record, "model") or self._agent.model))
        for number, part in enumerate(objects(obj(record, "message"), "parts")):
            call = obj(part, "functionCall")
            if call:
                yield from self._called(call)
            elif text(part, "text"):
                kind = "reasoning" if part.get("thought") is True else "text"
                yield TextAdded(f"{text(record, 'uuid')}:{number}", text(part, "text"), kind, whole=True)
        usage = obj(record, "usageMetadata")
        call = Call(self._agent.model, _tokens(usage), time(record))
        spent = self._spending.add(text(record, "uuid"), call) if usage else None
        if spent is not None:
            yield UsageReported(spent)

    def _called(self, call: Record) -> Iterator[BuildEvent]:
        call_id, name, arguments = text(call, "id"), text(call, "name") or "unknown", obj(call, "args")
        if name in TODO_TOOLS:
            yield TodosReported(todo_items(objects(arguments, "todos")), call_id=call_id)
        elif call_id:
            yield ToolStarted(call_id, name, value(arguments))

    def _returned(self, record: Record) -> Iterator[BuildEvent]:
        about = obj(record, "toolCallResult")
        for part in objects(obj(record, "message"), "parts"):
            response = obj(part, "functionResponse")
            call_id, name = text(response, "id") or text(about, "callId"), text(response, "name")
            if not call_id or name in TODO_TOOLS:
                continue
            inner = obj(response, "response")
            state, said = text(about, "status"), flat(inner.get("output", inner.get("error")))
            failed = state in ("error", "cancelled") or (state not in _ENDED and "error" in inner)
            yield ToolEnded(call_id, None if said is None else value(said), failed, name)

    def _noted(self, subtype: str, payload: Record) -> Iterator[BuildEvent]:
        """Bookkeeping of many kinds, some of which a person should know."""
        if subtype == "custom_title":
            yield from self._agent_report(replace(self._agent, title=text(payload, "customTitle") or self._agent.title))
        elif subtype in _NOTICES:
            yield Noticed(_NOTICES[subtype])


def _tokens(usage: Record) -> Tokens:
    """Input counts cached tokens too; what is not input is output, thoughts included."""
    all_in, total = count(usage, "promptTokenCount"), count(usage, "totalTokenCount")
    cached, thought = count(usage, "cachedContentTokenCount"), count(usage, "thoughtsTokenCount")
    out = total - all_in if total > all_in else count(usage, "candidatesTokenCount")
    return Tokens(fresh=max(0, all_in - cached), cache_read=cached, output=out, reasoning=thought)


def _words(record: Record) -> str:
    parts = objects(obj(record, "message"), "parts")
    return "\n".join(text(part, "text") for part in parts if text(part, "text"))
