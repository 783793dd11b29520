"""opencode: `run --format json`, the events of `serve`, and the parts of its database (docs/agents.md#opencode)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, Noticed
from ...model.state import Agent, Millis
from ..common.reader import Reported
from ..common.records import RecordReader
from ..common.spending import Call, Spending
from ..common.tokens import Tokens
from ..common.values import (
    Record,
    count,
    fingerprint,
    flat,
    number,
    obj,
    objects,
    text,
    time,
    title_of,
    todo_items,
    value,
)
from .tools import AGENT, TODO_TOOLS

_GOES_ON = frozenset({"", "tool-calls", "tool_calls", "unknown"})
_CUT = frozenset({"length", "content-filter", "error"})
_QUIET_PARTS = frozenset({"step-start", "snapshot", "patch", "file", "agent", "compaction", "retry", "subtask"})


class Parts:
    """The parts of messages, which all three forms share."""

    def __init__(self) -> None:
        self.reason = ""
        """Why the last step ended; "" while there is another."""
        self._spending = Spending()
        self._open_calls: dict[str, bool] = {}
        """Calls, and whether their input came: a start that is told again would bring a turn back."""

    def end(self) -> BuildEnded:
        """How the build stands after the last part (docs/agents.md#opencode)."""
        return end_of(self.reason)

    def events(self, part: Record, note: str, role: str = "assistant", parent: str = "") -> Iterator[BuildEvent] | None:
        """Events of one part; None for a kind that is not known. `note`: an id for text that has none."""
        kind = text(part, "type")
        if kind in ("text", "reasoning"):
            return self._note(part, kind, text(part, "id") or note, role)
        if kind == "tool":
            return self._tool(part, note, parent)
        if kind == "step-finish":
            return self._finished(part, text(part, "id") or note)
        return iter(()) if kind in _QUIET_PARTS else None

    def _note(self, part: Record, kind: str, note: str, role: str) -> Iterator[BuildEvent]:
        content = text(part, "text")
        if content and part.get("synthetic") is not True:
            self.reason = ""
            kinds = "prompt" if role == "user" else "reasoning" if kind == "reasoning" else "text"
            yield TextAdded(note, content, kinds, whole=True)

    def _tool(self, part: Record, note: str, parent: str) -> Iterator[BuildEvent]:
        self.reason = ""
        call_id, name, state = text(part, "callID") or text(part, "id") or note, text(part, "tool"), obj(part, "state")
        status = text(state, "status")
        if name in TODO_TOOLS:
            if name == "todowrite" and "todos" in obj(state, "input") and status != "error" and not parent:
                yield TodosReported(todo_items(objects(obj(state, "input"), "todos")), call_id=call_id)
            return
        arguments = state.get("input") or (None if status == "pending" else state.get("input"))
        if call_id not in self._open_calls or (arguments is not None and not self._open_calls[call_id]):
            self._open_calls[call_id] = arguments is not None
            yield ToolStarted(
                call_id, name or "unknown", None if arguments is None else value(arguments), parent_id=parent
            )
        if status in ("completed", "error"):
            output = text(state, "error") if status == "error" else flat(state.get("output"))
            yield ToolEnded(call_id, None if output is None else value(output), _is_error(name, state))

    def _finished(self, part: Record, key: str) -> Iterator[BuildEvent]:
        tokens, cost = obj(part, "tokens"), number(part, "cost")
        self.reason = text(part, "reason")
        usage = self._spending.add(key, Call("", _tokens(tokens), None, None if cost is None else float(cost)))
        if usage is not None:
            yield UsageReported(usage)


def _tokens(tokens: Record) -> Tokens:
    """opencode counts what was thought beside the output, and what the cache had or got beside the input."""
    cache, reasoning = obj(tokens, "cache"), count(tokens, "reasoning")
    return Tokens(
        fresh=count(tokens, "input"),
        cache_read=count(cache, "read"),
        cache_write_5m=count(cache, "write"),
        output=count(tokens, "output") + reasoning,
        reasoning=reasoning,
    )


def end_of(reason: str) -> BuildEnded:
    """How a build stands after an answer that ended for that reason; "interrupted" while it goes on."""
    if reason in _CUT:
        return BuildEnded("failed", error=f"the answer was cut: {reason}")
    return BuildEnded("interrupted" if reason in _GOES_ON else "completed")


def _is_error(name: str, state: Record) -> bool:
    """`invalid` stands for a call of a tool that there is not; a command's exit code is in its metadata, null when it
    was stopped."""
    if text(state, "status") == "error" or name == "invalid":
        return True
    metadata = obj(state, "metadata")
    return name == "bash" and "exit" in metadata and metadata["exit"] != 0


def timed(report: Reported, part: Record) -> Reported:
    """A call comes when it is over, and says itself when it began and ended."""
    if not isinstance(report.event, ToolStarted | ToolEnded):
        return report
    at = time(obj(obj(part, "state"), "time"), "start" if isinstance(report.event, ToolStarted) else "end")
    return report if at is None else replace(report, at=at)


class OpencodeRun(RecordReader):
    """`opencode run --format json`: the root session only; a call comes when it is over."""

    def __init__(self) -> None:
        super().__init__()
        self._parts = Parts()
        self._error: Record = {}
        self._done = False

    def _read(self, record: Record) -> Iterator[Reported]:
        for report in super()._read(record):
            yield timed(report, obj(record, "part"))

    def _end(self) -> BuildEnded:
        if self._error:
            return failure(self._error)
        return BuildEnded("completed") if self._done and not self._parts.reason else self._parts.end()

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, part = text(record, "type"), obj(record, "part")
        if not self._started:
            self._session = text(record, "sessionID")
            yield AgentReported(Agent(AGENT))
        if kind == "error":
            self._error = obj(record, "error") or {"message": "error"}
            yield Noticed(failure(self._error).error, "error")
        elif kind == "done":
            self._done = True
        elif part:
            self._error = {}
            events = self._parts.events(part, fingerprint(text(record, "timestamp"), text(part, "text")))
            if events is None:
                self.counts.add_unknown(kind)
            else:
                yield from events
        else:
            self.counts.add_unknown(kind or "no type")


class OpencodeParts(RecordReader):
    """Parts as the database keeps them, one a line, with `_role`, `_ts`, `_cwd`, `_model` and `_error` beside."""

    def __init__(self) -> None:
        super().__init__()
        self._parts = Parts()
        self._agent = Agent()
        self._number = 0
        self._error: Record = {}

    def _end(self) -> BuildEnded:
        return failure(self._error) if self._error else self._parts.end()

    def _read(self, record: Record) -> Iterator[Reported]:
        for report in super()._read(record):
            yield timed(report, record)

    def _time(self, record: Record) -> Millis | None:
        return time(record, "_ts")

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        self._number += 1
        self._session = self._session or text(record, "sessionID") or _made_up(record)
        role, agent_facts = text(record, "_role") or "assistant", self._agent
        prompt = text(record, "text") if role == "user" and not agent_facts.title else ""
        agent = replace(
            agent_facts,
            agent_id=AGENT,
            model=text(record, "_model") or agent_facts.model,
            cwd=text(record, "_cwd") or agent_facts.cwd,
            title=agent_facts.title or title_of(prompt),
        )
        if agent != agent_facts:
            self._agent = agent
            yield AgentReported(agent)
        self._error = obj(record, "_error")
        events = self._parts.events(record, f"part-{self._number}", role)
        if events is None:
            self.counts.add_unknown(text(record, "type") or "no type")
        else:
            yield from events


def _made_up(record: Record) -> str:
    """A session's name made of its first part: the same file is the same session."""
    return "parts-" + fingerprint(
        str(record.get("_ts")), text(record, "_cwd"), text(record, "id"), text(record, "text")
    )


def failure(error: Record) -> BuildEnded:
    """The end that an error is. A message that a person stopped is no failure."""
    said = text(obj(error, "data"), "message") or text(error, "message") or text(error, "name") or "error"
    return BuildEnded("cancelled" if text(error, "name") == "MessageAbortedError" else "failed", error=said)
