"""Copilot CLI's events: `session-state/<id>/events.jsonl` and `-p … --output-format json`
(docs/agents.md#github-copilot-cli)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, ToolEnded, ToolStarted, UsageReported
from ...model.facts import (
    AgentReported,
    BackgroundMoved,
    BuildEnded,
    Noticed,
    RequestOpened,
    RequestResolved,
    TurnEnded,
)
from ...model.state import Agent, NoteKind
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.turn_end import as_event
from ..common.values import Record, count, flat, obj, text, title_of, value
from .requests import answer_of, asked_by_call, kind_by_event, opened_request
from .tools import AGENT
from .turn_end import CopilotTurn

_QUIET = (
    "assistant.turn_", "assistant.message_start", "assistant.tool_call_delta", "assistant.streaming_delta",
    "assistant.intent", "assistant.usage", "assistant.idle", "hook.", "model.", "permissions.", "pending_messages.",
    "session.background_tasks_changed", "session.context_changed", "session.handoff", "session.idle",
    "session.mcp_", "session.mode_changed", "session.permissions_changed", "session.plan_changed",
    "session.remote_steerable_changed", "session.skills_loaded", "session.todos_changed", "session.tools_updated",
    "session.compaction_complete", "session.truncation", "session.usage_",
    "session.workspace_file_changed", "session.custom_agents_updated",
    "session.extensions_loaded", "session.binary_asset", "session.task_complete", "session.snapshot_rewind",
    "session.info", "skill.", "subagent.configured", "subagent.selected", "subagent.deselected", "system.",
    "tool.execution_p", "tool.shell_output", "tool.user_requested", "abort",
)  # fmt: skip
_MISSING_LIMIT = 4_096
"""Calls whose names are kept for what is asked about them."""


class CopilotEvents(RecordReader):
    """One session, by its file, or by what one process prints, which does not name it before its end."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = CopilotTurn()
        self._agent = Agent(AGENT)
        self._spending = Spending()
        self._counted = False
        self._names: dict[str, str] = {}
        self._growing: set[str] = set()
        self._subagents: dict[str, bool] = {}
        """Subagents at work by their call, and whether that was answered already."""
        self._over: BuildEnded | None = None
        """The end of the process, when the last record tells it."""
        self._readers = self._by_kind()

    def _by_kind(self) -> dict[str, Callable[[Record, Record], Iterator[BuildEvent]]]:
        """Who reads a record of that type, given the record and its data."""
        return {
            "session.start": self._began,
            "session.resume": self._began,
            "session.model_change": self._model,
            "session.title_changed": self._titled,
            "session.usage_record": self._used,
            "session.shutdown": self._shut_down,
            "session.error": self._erred,
            "session.warning": self._warned,
            "session.compaction_start": self._compacted,
            "assistant.turn_retry": self._retried,
            "user.message": self._prompted,
            "assistant.message": self._message,
            "assistant.message_delta": self._grew,
            "assistant.reasoning": self._thought,
            "assistant.reasoning_delta": self._grew,
            "tool.execution_start": self._called,
            "tool.execution_complete": self._returned,
            "subagent.started": self._delegated,
            "subagent.completed": self._came_back,
            "subagent.failed": self._came_back,
            "human_response.recorded": self._response,
            "result": self._printed_last,
        }

    def _end(self) -> BuildEnded | TurnEnded:
        return self._over or as_event(self.turn.end)

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, data = text(record, "type"), obj(record, "data")
        if kind == "session.start":
            self._session = text(data, "sessionId")
        if not self._started:
            yield AgentReported(self._agent)
        self._over = None
        self.turn.read(record)
        read = self._readers.get(kind)
        if read is not None:
            yield from read(record, data)
        elif kind.endswith((".requested", ".completed")) and kind_by_event(kind):
            yield from self._request(kind, data)
        elif not kind.startswith(_QUIET):
            self.counts.add_unknown(kind or "no type")

    def _agent_report(self, agent: Agent) -> Iterator[BuildEvent]:
        if agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    # ----------------------------------------------------------------------- the session

    def _began(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        known, cwd = self._agent, text(obj(data, "context"), "cwd")
        model, version = text(data, "selectedModel"), text(data, "copilotVersion")
        agent = replace(known, cwd=cwd or known.cwd, model=model or known.model, version=version or known.version)
        return self._agent_report(agent)

    def _model(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        model = "" if text(record, "agentId") else text(data, "newModel")
        return self._agent_report(replace(self._agent, model=model or self._agent.model))

    def _titled(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        return self._agent_report(replace(self._agent, title=text(data, "title") or self._agent.title))

    def _used(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        """One request to a model. Input counts cached tokens too."""
        usage = obj(data, "usage")
        self._counted = True
        yield from self._spent(text(usage, "apiCallId"), text(usage, "model") or self._agent.model, usage)

    def _spent(self, key: str, model: str, usage: Record, call_size: int | None = None) -> Iterator[BuildEvent]:
        read, written = count(usage, "cacheReadTokens"), count(usage, "cacheWriteTokens")
        tokens = Tokens(
            fresh=max(0, count(usage, "inputTokens") - read - written),
            cache_read=read,
            cache_write_5m=written,
            output=count(usage, "outputTokens"),
            reasoning=count(usage, "reasoningTokens"),
        )
        total = self._spending.add(key, Call(model, tokens, call_size=call_size))
        if total is not None:
            yield UsageReported(total)

    def _shut_down(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        """Early versions tell what was used only here."""
        metrics = obj(obj(data, "accountingSnapshot") or data, "modelMetrics")
        for model in () if self._counted else metrics:
            yield from self._spent(f"total {model}", model, obj(obj(metrics, model), "usage"), call_size=0)
        end = self.turn.end
        self._over = BuildEnded("interrupted") if end is None else BuildEnded(end.outcome, error=end.error)
        yield replace(self._over, source="file")

    def _printed_last(self, record: Record, _data: Record) -> Iterator[BuildEvent]:
        """The last line of a process: its exit code."""
        end = self.turn.end
        code = count(record, "exitCode")
        error = (end.error if end is not None else "") or f"exit code {code}"
        self._over = BuildEnded("failed", error=error) if code else BuildEnded("completed")
        return iter(())

    def _erred(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        yield Noticed(text(data, "message") or "error", "error")

    def _warned(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        yield Noticed(text(data, "message") or "warning", "warning")

    def _retried(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        yield Noticed(f"API retry: {text(data, 'reason') or 'error'}", "warning")

    def _compacted(self, _record: Record, _data: Record) -> Iterator[BuildEvent]:
        yield Noticed("conversation compacted")

    # ----------------------------------------------------------------------- words

    def _prompted(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        """What a person said; what subagents and the program itself are told is none of it."""
        prompt = text(data, "content")
        if not prompt or text(record, "agentId") or text(data, "source") not in ("", "user"):
            return
        yield from self._agent_report(replace(self._agent, title=self._agent.title or title_of(prompt)))
        yield TextAdded(text(data, "messageId") or text(record, "id"), prompt, "prompt", whole=True)

    def _message(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        """A subagent's words are its call's result."""
        if text(record, "agentId"):
            return
        note = text(data, "messageId") or text(record, "id")
        self._growing.discard(note)
        yield from self._agent_report(replace(self._agent, model=text(data, "model") or self._agent.model))
        if text(data, "reasoningText"):
            yield TextAdded(f"{note}:reasoning", text(data, "reasoningText"), "reasoning", whole=True)
        if text(data, "content"):
            yield TextAdded(note, text(data, "content"), "text", whole=True)

    def _thought(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        if text(data, "content") and not text(record, "agentId"):
            note = text(data, "reasoningId") or text(record, "id")
            yield TextAdded(note, text(data, "content"), "reasoning", whole=True)

    def _grew(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        """Pieces show a text live; the complete one replaces them."""
        note = text(data, "messageId") or text(data, "reasoningId")
        piece = text(data, "deltaContent")
        kind: NoteKind = "text" if text(data, "messageId") else "reasoning"
        if note and piece and not text(record, "agentId"):
            if note not in self._growing:
                self._growing.add(note)
                yield TextAdded(note, "", kind, whole=True)
            yield TextAdded(note, piece, kind)

    # ----------------------------------------------------------------------- calls

    def _called(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        call_id, name, arguments = text(data, "toolCallId"), text(data, "toolName") or "unknown", obj(data, "arguments")
        if not call_id:
            return
        self._names[call_id] = name
        if len(self._names) > _MISSING_LIMIT:
            del self._names[next(iter(self._names))]
        yield ToolStarted(call_id, name, value(data.get("arguments")), parent_id=text(data, "parentToolCallId"))
        request = asked_by_call(call_id, name, arguments)
        if request is not None:
            yield RequestOpened(request)

    def _returned(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        call_id, parent = text(data, "toolCallId"), text(data, "parentToolCallId")
        if not call_id:
            return
        if call_id in self._subagents:
            self._subagents[call_id] = True
            yield BackgroundMoved(call_id, name=self._names.get(call_id, ""), parent_id=parent)
            return
        said = flat(obj(data, "result").get("content")) or text(obj(data, "error"), "message")
        failed = data.get("success") is False or count(obj(data, "shellExecution"), "exitCode") != 0
        yield ToolEnded(call_id, value(said) if said else None, failed, parent_id=parent)

    def _delegated(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        self._subagents[text(data, "toolCallId")] = False
        return iter(())

    def _came_back(self, record: Record, data: Record) -> Iterator[BuildEvent]:
        """A subagent whose call was answered before went on in the background until now."""
        call_id = text(data, "toolCallId")
        if self._subagents.pop(call_id, False):
            failed = text(record, "type") == "subagent.failed"
            said = text(data, "error")
            yield ToolEnded(call_id, value(said) if said else None, failed)

    # ----------------------------------------------------------------------- requests

    def _request(self, kind: str, data: Record) -> Iterator[BuildEvent]:
        form = kind_by_event(kind)
        if form is None:
            return
        if kind.endswith(".completed"):
            yield answer_of(data)
            return
        call_id = text(obj(data, "permissionRequest"), "toolCallId") or text(data, "toolCallId")
        yield RequestOpened(opened_request(form, data, self._names.get(call_id, "")))

    def _response(self, _record: Record, data: Record) -> Iterator[BuildEvent]:
        """A person's word, as recorded: to a question it is all there is, and its call's id stands for it."""
        if text(data, "toolCallId"):
            yield RequestResolved(text(data, "toolCallId"), by=text(data, "actor"))
