"""Claude Code's `-p --output-format stream-json --verbose` (docs/agents.md#claude-code-stream)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ...model.activity import ActivityKind, Request
from ...model.events import ActivityReported, BuildEvent, BuildStarted, TextAdded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, Noticed, RequestOpened, RequestResolved, TurnEnded
from ...model.questions import permission, question, request_kind
from ...model.state import Millis
from ...model.usage import Usage
from ..common.reader import Reported
from ..common.records import RecordReader
from ..common.spending import Spending, used_of
from ..common.tokens import Tokens
from ..common.values import Record, as_list, as_object, count, number, obj, objects, text, time, value
from .background import Notification
from .limits import WORDS
from .messages import Conversation, model_of
from .spent import tokens_by_model, tokens_of
from .tools import AGENT, TODO_TOOLS

_QUIET = frozenset(
    {
        "tool_progress",
        "prompt_suggestion",
        "conversation_reset",
        "control_response",
        "keep_alive",
        "auth_status",
        "streamlined_text",
        "active_goal",
        "tool_use_summary",
    }
)
_QUIET_SYSTEM = frozenset(
    {
        "hook_started",
        "hook_progress",
        "hook_response",
        "task_updated",
        "background_tasks_changed",
        "thinking_tokens",
        "post_turn_summary",
        "mirror_error",
        "status",
        "files_persisted",
        "local_command_output",
        "elicitation_complete",
        "conversation_reset",
        "informational",
        "memory_recall",
        "plugin_install",
        "commands_changed",
        "control_request_progress",
        "worker_shutting_down",
    }
)


class ClaudeStream(RecordReader):
    """One process's output: one build, and another one when `/clear` gives it another session."""

    agent_id = AGENT
    version_field = "claude_code_version"
    """Others took the format over, under other names."""

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._started = False
        self._talk = Conversation()
        self._result: Record | None = None
        self._spending, self._turn_tokens = Spending(), Tokens()
        self._of_turn: dict[str, Tokens] = {}
        self._context = 0
        self._growing: dict[str, _Growing] = {}

    def _read(self, record: Record) -> Iterator[Reported]:
        at = time(record)
        if text(record, "type") == "system" and text(record, "subtype") == "init":
            yield from self._changed_session(text(record, "session_id"), at)
        self._session = self._session or text(record, "session_id")
        for event in self._events(record):
            if not self._started:
                self._started = True
                yield Reported(BuildStarted(), at, self._session)
                if not isinstance(event, AgentReported):
                    yield from self._wrapped(
                        self._talk.agent_report(replace(self._talk.agent, agent_id=self.agent_id)), at
                    )
            yield Reported(event, at, self._session)

    def _changed_session(self, session: str, at: Millis | None) -> Iterator[Reported]:
        if session and self._session and session != self._session:
            if self._started:
                yield Reported(self._end(), at, self._session)
            self._session = session
            self._begin()

    def _wrapped(self, events: Iterable[BuildEvent], at: Millis | None) -> Iterator[Reported]:
        return (Reported(event, at, self._session) for event in events)

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        parent, uuid = text(record, "parent_tool_use_id"), text(record, "uuid")
        message = obj(record, "message")
        if kind == "assistant":
            yield from self._assistant(message, uuid, parent)
        elif kind == "user":
            own = record.get("isSynthetic") is not True and record.get("isMeta") is not True
            yield from self._talk.user(message, uuid, record.get("tool_use_result"), parent, own)
        elif kind == "stream_event":
            yield from self._growth(obj(record, "event"), parent)
        elif kind == "system":
            yield from self._system(record)
        elif kind == "result":
            yield from self._resulted(record)
        elif kind == "control_request":
            yield from _permission_request(text(record, "request_id"), obj(record, "request"))
        elif kind == "control_cancel_request":
            yield RequestResolved(text(record, "request_id"), "withdrawn")
        elif kind == "rate_limit_event":
            yield from _rate_limit(obj(record, "rate_limit_info"))
        elif kind not in _QUIET:
            self.counts.add_unknown(kind or "no type")

    def _assistant(self, message: Record, uuid: str, parent: str) -> Iterator[BuildEvent]:
        if not parent:
            self._result = None
            usage = obj(message, "usage")
            self._context = sum(count(usage, key) for key in _CONTEXT) or self._context
            model = model_of(message)
            if model and model != self._talk.agent.model:
                yield from self._talk.agent_report(replace(self._talk.agent, agent_id=self.agent_id, model=model))
        growing = self._growing.get(parent)
        streamed = growing.note_for(message) if growing else ""
        yield from self._talk.assistant(message, uuid, parent, streamed)
        yield from self._going_in(message)

    def _going_in(self, message: Record) -> Iterator[BuildEvent]:
        """Until the turn's result says it all: a message knows what went in, but not yet what came out."""
        now, message_id = tokens_of(obj(message, "usage")), text(message, "id")
        before = self._of_turn.get(message_id, Tokens())
        if message_id and now.input != before.input:
            self._of_turn[message_id] = now
            self._turn_tokens += now - before
            all_in = self._spending.tokens + self._turn_tokens
            yield UsageReported(replace(used_of(all_in), output_tokens=None, reasoning_tokens=None))

    def _growth(self, event: Record, parent: str) -> Iterator[BuildEvent]:
        """Pieces of a block show it live; the complete block replaces them."""
        kind = text(event, "type")
        if kind == "message_start":
            self._growing[parent] = _Growing(text(obj(event, "message"), "id"))
        growing = self._growing.get(parent)
        if growing is None:
            return
        if kind == "content_block_start":
            block = obj(event, "content_block")
            growing.begin(count(event, "index"), text(block, "type"))
            name = text(block, "name")
            if text(block, "type") == "tool_use" and text(block, "id") and name not in TODO_TOOLS:
                yield ToolStarted(text(block, "id"), name or "unknown", parent_id=parent)
        elif kind == "content_block_delta":
            yield from growing.piece(count(event, "index"), obj(event, "delta"))

    def _system(self, record: Record) -> Iterator[BuildEvent]:
        subtype = text(record, "subtype")
        if subtype == "init":
            yield from self._talk.agent_report(
                replace(
                    self._talk.agent,
                    agent_id=self.agent_id,
                    model=text(record, "model") or self._talk.agent.model,
                    cwd=text(record, "cwd"),
                    version=text(record, self.version_field),
                )
            )
        elif subtype in _TASKS:
            yield from self._task(subtype, record)
        elif subtype == "session_state_changed" and text(record, "state") in _STATES:
            yield ActivityReported(_STATES[text(record, "state")], source="stream")
        elif (notice := notice_of(record)) is not None:
            yield notice
        elif subtype not in _QUIET_SYSTEM:
            self.counts.add_unknown(f"system/{subtype}")

    def _task(self, subtype: str, record: Record) -> Iterator[BuildEvent]:
        """Work that goes on beside the conversation, until its notice."""
        call_id, task = text(record, "tool_use_id"), text(record, "task_id")
        if subtype == "task_notification":
            if text(record, "status") in ("failed", "stopped"):
                yield Noticed(f"background task {text(record, 'status')}: {text(record, 'summary')}", "warning")
            notice = Notification(task, call_id, text(record, "status"), text(record, "summary"))
            if self._talk.has_task(task) and self._result is not None:
                self._result = None
                yield ActivityReported("working", source="stream")
            yield from self._talk.ended(notice)
        elif self._talk.has_task(task) or (call_id and _is_beside(record)):
            yield from self._talk.goes_on(task, call_id, text(record, "description"))

    def _resulted(self, record: Record) -> Iterator[BuildEvent]:
        self._result = record
        self._turn_tokens, self._of_turn = Tokens(), {}
        yield UsageReported(_spent(record, self._spending, self._context), whole="modelUsage" in record)
        end = outcome(record)
        yield TurnEnded(end.outcome, end.summary, end.error, "stream")

    def _end(self) -> BuildEnded:
        return BuildEnded("interrupted") if self._result is None else outcome(self._result)


_TASKS = frozenset({"task_started", "task_progress", "task_notification"})
_BESIDE = frozenset({"local_workflow"})
"""Types of tasks that never hold up the conversation."""


def _is_beside(record: Record) -> bool:
    return record.get("is_backgrounded") is True or text(record, "task_type") in _BESIDE


_STATES: dict[str, ActivityKind] = {
    "running": "working",
    "idle": "idle",
    "requires_action": "waiting-person",
}

_CONTEXT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Growing:
    """A message that is being streamed: the notes of its blocks, each until the complete block comes."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._awaited: dict[int, str] = {}
        self._indexes: set[int] = set()

    def begin(self, index: int, kind: str) -> None:
        self._awaited[index] = kind

    def piece(self, index: int, delta: Record) -> Iterator[BuildEvent]:
        piece = text(delta, "text") or text(delta, "thinking")
        if piece:
            first = index not in self._indexes
            self._indexes.add(index)
            kind = "text" if text(delta, "type") == "text_delta" else "reasoning"
            if first:
                yield TextAdded(self._note(index), "", kind, whole=True)
            yield TextAdded(self._note(index), piece, kind)

    def note_for(self, message: Record) -> str:
        """The note of the block that this complete message replaces; "" when none was streamed."""
        blocks = objects(message, "content")
        if text(message, "id") != self._message_id or len(blocks) != 1:
            return ""
        kind = text(blocks[0], "type")
        index = next((index for index, awaited in self._awaited.items() if awaited == kind), -1)
        self._awaited.pop(index, None)
        return self._note(index) if index in self._indexes else ""

    def _note(self, index: int) -> str:
        return f"{self._message_id}:{index}"


def _spent(result: Record, spending: Spending, context: int) -> Usage:
    """`modelUsage` is the total of the process and covers subagents; `usage` is one turn of the main loop."""
    models, cost = obj(result, "modelUsage"), number(result, "total_cost_usd")
    tokens = tokens_by_model(models) if models else spending.tokens + tokens_of(obj(result, "usage"))
    usage = spending.replace(tokens, None if cost is None else float(cost))
    window = max((count(as_object(model), "contextWindow") for model in models.values()), default=0)
    return replace(usage, context_percent=round(100 * context / window, 1) if window and context else None)


def outcome(result: Record) -> BuildEnded:
    """Failed when the subtype is no success or `is_error` is set: either may stand alone
    (docs/agents.md#claude-code-stream)."""
    subtype, reason = text(result, "subtype"), text(result, "terminal_reason")
    answer = text(result, "result")
    if reason.startswith("aborted"):
        return BuildEnded("cancelled", error=reason.replace("_", " "))
    if subtype == "success" and result.get("is_error") is not True:
        return BuildEnded("completed", summary=answer)
    listed = "; ".join(str(error) for error in as_list(result.get("errors")))
    return BuildEnded("failed", error=listed or answer or subtype.replace("_", " ") or "failed")


def _permission_request(ident: str, request: Record) -> Iterator[BuildEvent]:
    """What a program that owns the agent's input is asked; other requests say nothing of the build."""
    if text(request, "subtype") != "can_use_tool" or not ident:
        return
    name, arguments = text(request, "tool_name"), value(request.get("input"))
    asks, suggestions = question(name, arguments), request.get("permission_suggestions")
    yield RequestOpened(
        Request(
            ident,
            request_kind(name, asks),
            asks or permission(name, arguments),
            name,
            text(request, "tool_use_id"),
            arguments,
            suggestions=value(suggestions) if suggestions else None,
            reason=text(request, "decision_reason"),
            default_to_no=request.get("default_to_no") is True,
        )
    )


def notice_of(record: Record) -> Noticed | None:
    """What a `system` record has to tell a person."""
    subtype = text(record, "subtype")
    if subtype in ("api_retry", "api_error"):
        attempt = count(record, "attempt") or count(record, "retryAttempt")
        most = count(record, "max_retries") or count(record, "maxRetries")
        error = obj(record, "error")
        why = text(record, "error") or text(error, "formatted") or text(error, "message") or "error"
        code = count(record, "error_status") or count(error, "status")
        tries = f"{attempt}/{most}" if most else str(attempt)
        suffix = f" ({code})" if code and str(code) not in why else ""
        return Noticed(f"API retry {tries}: {why}{suffix}", "warning")
    if subtype == "compact_boundary":
        about = obj(record, "compact_metadata") or obj(record, "compactMetadata")
        tokens = count(about, "pre_tokens") or count(about, "preTokens")
        return Noticed(f"conversation compacted ({text(about, 'trigger') or 'auto'}, {tokens:,} tokens before)")
    if subtype == "notification":
        return Noticed(text(record, "text") or "notification")
    if subtype.startswith("model_") and subtype.endswith("fallback"):
        model = text(record, "fallback_model") or text(record, "fallbackModel")
        said = text(record, "content") or text(record, "message") or model
        return Noticed(f"{subtype.replace('_', ' ')}: {said}" if said else subtype.replace("_", " "), "warning")
    if subtype == "informational" and text(record, "level") == "warning":
        return Noticed(text(record, "content"), "warning")
    if subtype == "session_writes_lost":
        return Noticed(f"the session's file is not complete: {text(record, 'error_code')}", "warning")
    if subtype == "permission_denied":
        why = text(record, "message") or text(record, "decision_reason") or "no reason given"
        return Noticed(f"denied: {text(record, 'tool_name') or 'a call'}: {why}", "warning")
    return None


def _rate_limit(info: Record) -> Iterator[BuildEvent]:
    status, kind = text(info, "status"), text(info, "rateLimitType").replace("_", " ")
    if status == "rejected":
        yield Noticed(f"rate limit reached ({kind})", "error")
        resets = number(info, "resetsAt")
        if resets:
            yield ActivityReported("waiting-machine", WORDS, int(resets * 1000), "stream")
    elif status == "allowed_warning":
        used = number(info, "utilization")
        yield Noticed(f"rate limit near ({kind}{f', {used:.0%}' if used is not None else ''})", "warning")
