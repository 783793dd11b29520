"""`codex exec --json` in all its shapes since September 2025
(docs/agents.md#codex-exec), and the event_msg form before."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, CodexReported, Noticed, TodoItem
from ...model.state import Agent
from ...wire.json import raw
from ..common.records import RecordReader
from ..common.spending import RunningTotals
from ..common.values import Record, as_list, count, flat, number, obj, objects, text, value
from .messages import mcp_failed, plan_items, said_plainly, tokens_of
from .tools import AGENT

_FAILED = frozenset({"failed", "declined", "error"})
_NOTE_KINDS = {"agent_message": "text", "assistant_message": "text", "reasoning": "reasoning"}


class CodexExec(RecordReader):
    """One or more processes of one thread. Item ids start again with each, so a key has the turn's ordinal."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self._outcome = BuildEnded("interrupted")
        self._has_agent = False
        self._notes = 0
        self._unnamed: dict[str, str] = {}
        self._totals, self._model = RunningTotals(), ""

    def _end(self) -> BuildEnded:
        return self._outcome

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind = text(record, "type")
        if kind in ("error", "turn.failed") or kind.startswith("item."):
            yield from self._about("")
        if "msg" in record:
            yield from self._old(obj(record, "msg"), text(record, "id"))
        elif kind in ("thread.started", "session.created"):
            self._turn += 1
            self._session = text(record, "thread_id") or text(record, "session_id") or self._session
            yield from self._about(self._session)
        elif kind == "turn.started":
            self._turn += 1
            self._outcome = BuildEnded("interrupted")
            yield from self._about("")
        elif kind.startswith("item."):
            yield from self._item(kind[5:], obj(record, "item"))
        elif kind == "turn.completed":
            self._outcome = BuildEnded("completed")
            if obj(record, "usage"):
                yield self._spent(obj(record, "usage"))
        elif kind == "turn.failed":
            self._outcome = BuildEnded(
                "failed", error=said_plainly(text(obj(record, "error"), "message")) or "turn failed"
            )
        elif kind == "error":
            yield Noticed(said_plainly(text(record, "message")) or "error", "warning")
        elif "model" in record and "type" not in record:
            self._model = text(record, "model")
            yield AgentReported(Agent(AGENT, text(record, "model"), cwd=text(record, "workdir")))
        elif "prompt" in record and "type" not in record:
            yield TextAdded("prompt", text(record, "prompt"), "prompt", whole=True)
        else:
            self.counts.add_unknown(kind or "no type")

    def _about(self, thread: str) -> Iterator[BuildEvent]:
        if not self._has_agent:
            self._has_agent = True
            yield AgentReported(Agent(AGENT))
        if thread:
            yield CodexReported(raw({"threadId": thread}))

    def _spent(self, total: Record) -> UsageReported:
        return UsageReported(self._totals.grown(self._model, tokens_of(total), None))

    def _item(self, step: str, item: Record) -> Iterator[BuildEvent]:
        kind = text(item, "type") or text(item, "item_type")
        key = f"{self._turn}:{text(item, 'id') or self._nameless(step, kind)}"
        if kind in _NOTE_KINDS:
            if text(item, "text"):
                yield TextAdded(
                    key, text(item, "text"), "text" if _NOTE_KINDS[kind] == "text" else "reasoning", whole=True
                )
        elif kind == "todo_list":
            yield TodosReported(_todos(objects(item, "items"), running=step != "completed"), call_id=key)
        elif kind == "error":
            yield Noticed(text(item, "message") or "error", "warning")
        elif (call := _call(kind, item)) is not None:
            name, given, output, is_error = call
            yield ToolStarted(key, name, value(given))
            if step == "completed":
                yield ToolEnded(key, None if output is None else value(output), is_error)
        else:
            self.counts.add_unknown(f"item {kind}")

    def _nameless(self, step: str, kind: str) -> str:
        """An id for an item without one: what ends is what began last of its kind."""
        call_id = self._unnamed.pop(kind, "")
        if not call_id:
            self._notes += 1
            call_id = f"unnamed-{self._notes}"
        if step != "completed":
            self._unnamed[kind] = call_id
        return call_id

    def _old(self, msg: Record, turn: str) -> Iterator[BuildEvent]:
        """The events before the rewrite of September 2025: calls have ids of their own."""
        kind, call_id = text(msg, "type"), text(msg, "call_id")
        if kind == "session_configured" and not self._started:
            self._session = text(msg, "session_id")
        yield from self._about("")
        if kind == "task_started":
            self._outcome = BuildEnded("interrupted")
        elif kind == "task_complete":
            self._outcome = BuildEnded("completed", summary=text(msg, "last_agent_message"))
        elif kind == "turn_aborted":
            self._outcome = BuildEnded("cancelled", error=text(msg, "reason"))
        elif kind == "error":
            self._outcome = BuildEnded("failed", error=text(msg, "message"))
        elif kind in ("agent_message", "agent_reasoning"):
            self._notes += 1
            note = "text" if kind == "agent_message" else "reasoning"
            yield TextAdded(f"note-{self._notes}", text(msg, "message") or text(msg, "text"), note, whole=True)
        elif kind == "session_configured":
            self._model = text(msg, "model")
            yield AgentReported(Agent(AGENT, text(msg, "model")))
        elif kind in ("stream_error", "background_event"):
            yield Noticed(text(msg, "message"), "warning" if kind == "stream_error" else "info")
        elif kind == "plan_update":
            yield TodosReported(plan_items(objects(msg, "plan")), call_id=f"plan-{turn}")
        elif kind == "token_count":
            usage = obj(obj(msg, "info"), "total_token_usage") or msg
            if number(usage, "input_tokens") is not None:
                yield self._spent(usage)
        elif kind.endswith("_begin") and call_id:
            yield ToolStarted(call_id, _old_name(kind, msg), value(_old_input(msg)))
        elif kind.endswith("_end") and call_id:
            result = obj(msg, "result")
            failed = count(msg, "exit_code") != 0 or msg.get("success") is False or mcp_failed(result)
            said = text(msg, "aggregated_output") or text(msg, "stdout") + text(msg, "stderr")
            shown = flat(obj(result, "Ok").get("content")) or result.get("Err") or result or None
            yield ToolEnded(call_id, value(said or shown), failed, _old_name(kind, msg))


def _todos(items: list[Record], running: bool) -> tuple[TodoItem, ...]:
    """The list says only what is done: while the turn runs, the first that is not is under way."""
    done = [item.get("completed") is True for item in items]
    at = done.index(False) if running and False in done else -1
    return tuple(
        TodoItem(text(item, "text"), "completed" if done[index] else "in_progress" if index == at else "pending")
        for index, item in enumerate(items)
    )


def _call(kind: str, item: Record) -> tuple[str, object, object, bool] | None:
    """Name, input, output and whether it failed, of an item that is a tool's call."""
    failed = text(item, "status") in _FAILED
    if kind == "command_execution":
        code = item.get("exit_code")
        output = text(item, "aggregated_output")
        failed = failed or (isinstance(code, int) and code != 0)
        shown = f"Exit code {code}\n{output}" if failed and isinstance(code, int) else output
        return kind, {"command": item.get("command")}, shown, failed
    if kind == "file_change":
        return kind, {"changes": item.get("changes")}, text(item, "status"), failed
    if kind == "mcp_tool_call":
        error = text(obj(item, "error"), "message")
        result = flat(obj(item, "result").get("content"))
        name = f"mcp__{text(item, 'server')}__{text(item, 'tool')}"
        return name, item.get("arguments"), error or result, failed or bool(error)
    if kind == "web_search":
        action = obj(item, "action")
        asked = text(item, "query") or text(action, "query") or ", ".join(map(str, as_list(action.get("queries"))))
        arguments = {"query": asked, "url": text(action, "url"), "pattern": text(action, "pattern")}
        return kind, {key: said for key, said in arguments.items() if said}, item.get("results") or action, failed
    if kind == "collab_tool_call":
        arguments = {"prompt": text(item, "prompt"), "agents": as_list(item.get("receiver_thread_ids"))}
        return text(item, "tool") or kind, arguments, item.get("agents_states"), failed
    return None


def _old_name(kind: str, msg: Record) -> str:
    if kind.startswith("exec_command"):
        return "command_execution"
    if kind.startswith("patch_apply"):
        return "file_change"
    invocation = obj(msg, "invocation")
    if invocation:
        return f"mcp__{text(invocation, 'server')}__{text(invocation, 'tool')}"
    return kind.rsplit("_", 1)[0]


def _old_input(msg: Record) -> Record:
    return {key: msg[key] for key in ("command", "cwd", "changes", "invocation", "query") if key in msg}
