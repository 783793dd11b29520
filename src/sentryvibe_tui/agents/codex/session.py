"""Codex' rollout files, `~/.codex/sessions/…/rollout-*.jsonl`, wrapped and legacy (docs/agents.md#codex-rollouts)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BackgroundMoved, Noticed, PlanReported
from ...model.state import Agent, Millis
from ...wire.times import millis
from ..common.reader import Reported
from ..common.records import RecordReader
from ..common.spending import RunningTotals
from ..common.turn_end import as_event
from ..common.values import (
    EMPTY,
    Record,
    as_list,
    as_object,
    count,
    fingerprint,
    flat,
    number,
    obj,
    objects,
    text,
    time,
    title_of,
    value,
)
from .messages import mcp_failed, parsed, plan_items, prompt_words, said_plainly, subagent_end, tokens_of
from .script import nested_calls
from .tools import AGENT, COMMANDS, WAITS
from .turn_end import STARTS, CodexTurn

_QUIET = ("world_state", "session_state", "ghost_snapshot", "inter_agent_communication", "token_usage_record")
_QUIET_ITEMS = frozenset({"compaction", "ghost_snapshot", "other", "compaction_summary", "context_compaction"})
_REFUSED = re.compile(
    r"(?:Wall time: [^\n]*\n)?(?:"
    r"(?:(?:exec command|patch) )?rejected by (?:user|configuration)|automatic approval review denied"
    r"|this action was rejected"
    r"|(?:exec_command|write_stdin|collab \w+) failed|apply_patch verification failed|execution error:"
    r"|failed to parse function arguments|unsupported call:|aborted by user|Script failed)",
    re.IGNORECASE,
)
_RUNNING = re.compile(r"Process running with session ID \d+")
_ABORTED = "aborted by user"
_NOTIFICATION = "<subagent_notification>"
_FAILED = ("failed", "declined")
_WITH_ENDS = "paginated"
"""How a thread keeps its history when its rollout tells of the end of every command."""
_EXITED = re.compile(r"(?:Process exited with code|Exit code:?) (-?\d+)")


class CodexRollout(RecordReader):
    """One thread's file, without what it copied from the thread that it was forked from or that spawned it.

    With `parent_id`, the file of the subagent that this call spawned: tools and text only.
    `spawned`: the calls of this thread's own subagents, by their thread's id and by their path.
    """

    def __init__(self, parent_id: str = "") -> None:
        super().__init__()
        self.spawned: dict[str, str] = {}
        self._parent_id = parent_id
        self._started = bool(parent_id)
        self._agent = Agent(AGENT)
        self._born: Millis | None = None
        self._own_from = 0
        self._copied = False
        self.turn = CodexTurn()
        self._plans: set[str] = set()
        self._number = 0
        self._moment = ""
        self._open: dict[str, str] = {}
        self._spawns: set[str] = set()
        self._totals = RunningTotals()
        self._failed: set[str] = set()
        self._ends_are_told = False
        self._unfinished: set[str] = set()

    @property
    def thread(self) -> str:
        """This thread's own id, "" before its first record."""
        return self._session

    def _end(self) -> BuildEvent:
        return as_event(self.turn.end)

    def _read(self, record: Record) -> Iterator[Reported]:
        reports = super()._read(record)
        return map(self._as_subagent, filter(_is_work, reports)) if self._parent_id else reports

    def finish(self) -> list[Reported]:
        reports = super().finish()
        return [report for report in reports if _is_work(report)] if self._parent_id else reports

    def _as_subagent(self, report: Reported) -> Reported:
        event = report.event
        if not isinstance(event, ToolStarted | ToolEnded | TextAdded | BackgroundMoved):
            return report
        return replace(report, event=replace(event, parent_id=self._parent_id))

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, payload = text(record, "type"), obj(record, "payload")
        self._number += 1
        self._moment = text(record, "timestamp")
        if kind == "session_meta":
            yield from self._meta(payload)
            return
        if self._is_inherited(record, payload):
            if total := _total_in(payload):
                self._totals.passed(tokens_of(total))
            return
        self.turn.read(record, payload or record)
        if kind == "turn_context":
            known = self._agent
            model, cwd = text(payload, "model") or known.model, text(payload, "cwd") or known.cwd
            yield from self._agent_report(replace(known, model=model, cwd=cwd))
        elif kind == "event_msg":
            yield from self._event(payload)
        elif kind == "compacted":
            yield Noticed("conversation compacted")
        elif kind == "response_item":
            yield from self._item(payload)
        elif "payload" not in record and "type" in record:
            yield from self._item(record)
        elif "instructions" in record and "id" in record:
            yield from self._meta(record)
        elif not kind.startswith(_QUIET) and "record_type" not in record:
            self.counts.add_unknown(kind or "no type")

    def _is_inherited(self, record: Record, payload: Record) -> bool:
        """What was copied is older, or stands before this thread's first ordinal or its first own turn.

        Ids of threads and turns begin with the time: a turn that began before its thread did is another one's.
        """
        if text(record, "type") == "turn_context" or text(payload, "type") in STARTS:
            turn = text(payload, "turn_id")
            self._copied = bool(turn) and _is_timed(turn) and _is_timed(self._session) and turn < self._session
        at = time(record)
        older = at is not None and self._born is not None and at < self._born
        return self._copied or older or ("ordinal" in record and count(record, "ordinal") < self._own_from)

    def _meta(self, meta: Record) -> Iterator[BuildEvent]:
        """The first one is this file's own; later ones come with copied history."""
        thread = text(meta, "id") or text(meta, "session_id")
        if self._session:
            self._copied = self._copied or (thread != self._session and _is_timed(self._session))
            return
        self._session = thread
        self._ends_are_told = text(meta, "history_mode") == _WITH_ENDS
        self._born = time(meta) if "cli_version" in meta else None
        base = count(obj(meta, "history_base"), "end_ordinal_exclusive")
        self._own_from = max(base, count(meta, "subagent_history_start_ordinal"))
        git = obj(meta, "git")
        yield from self._agent_report(
            replace(self._agent, cwd=text(meta, "cwd"), version=text(meta, "cli_version"), branch=text(git, "branch")),
            first=True,
        )

    def _agent_report(self, agent: Agent, first: bool = False) -> Iterator[BuildEvent]:
        if first or agent != self._agent:
            self._agent = agent
            yield AgentReported(agent)

    # ----------------------------------------------------------------- items

    def _item(self, item: Record) -> Iterator[BuildEvent]:
        kind = text(item, "type")
        if kind in ("message", "agent_message"):
            yield from self._message(item)
        elif kind == "reasoning":
            said = "\n\n".join(text(part, "text") for part in objects(item, "summary"))
            if said:
                yield TextAdded(self._note(item, said), said, "reasoning", whole=True)
        elif kind.endswith("_call_output") or kind == "tool_search_output":
            yield from self._returned(item)
        elif kind.endswith("_call"):
            yield from self._called(kind, item)
        elif kind not in _QUIET_ITEMS:
            self.counts.add_unknown(f"item {kind}")

    def _note(self, item: Record, note_text: str) -> str:
        """A note's id: the same when the record is read again. Early files give records neither ids nor times."""
        own = fingerprint(self._moment, note_text) if self._moment else str(self._number)
        return text(item, "id") or f"record-{own}"

    def _message(self, item: Record) -> Iterator[BuildEvent]:
        """Words of the agent, of a person, or (without a role) of another agent, which asks as a person does."""
        parts = [flat([part]) for part in objects(item, "content")]
        parts_text = [part for part in parts if isinstance(part, str) and part]
        if text(item, "role") == "assistant" and parts_text:
            yield TextAdded(self._note(item, "\n".join(parts_text)), "\n".join(parts_text), "text", whole=True)
        elif text(item, "role") == "user" and (told := [one for one in parts_text if one.startswith(_NOTIFICATION)]):
            for one in told:
                yield from self._heard_of(one.removeprefix(_NOTIFICATION).partition("</")[0].strip())
        elif text(item, "role") in ("user", "") and (prompt := "\n".join(filter(None, map(prompt_words, parts_text)))):
            if not self._agent.title:
                yield from self._agent_report(replace(self._agent, title=title_of(prompt)))
            yield TextAdded(self._note(item, prompt), prompt, "prompt", whole=True)

    def _called(self, kind: str, item: Record) -> Iterator[BuildEvent]:
        name = text(item, "name") or kind.removesuffix("_call")
        if text(item, "namespace"):
            name = f"{text(item, 'namespace')}__{name}"
        call_id = text(item, "call_id") or text(item, "id") or f"record-{self._number}"
        arguments = _arguments(item)
        if name == "update_plan":
            self._plans.add(call_id)
            if isinstance(as_object(arguments).get("plan"), list):
                yield TodosReported(plan_items(objects(as_object(arguments), "plan")), call_id=call_id)
            return
        self._open[call_id] = text(item, "name")
        if name.endswith("spawn_agent"):
            self._spawns.add(call_id)
        yield ToolStarted(call_id, name, value(arguments))
        if kind == "custom_tool_call" and name == "exec":
            yield from _planned(text(item, "input"), call_id)
        if kind == "web_search_call" or (kind == "local_shell_call" and text(item, "status") == "completed"):
            yield ToolEnded(call_id, value(item.get("status")), text(item, "status") == "failed")

    def _returned(self, item: Record) -> Iterator[BuildEvent]:
        call_id = text(item, "call_id")
        if call_id in self._plans:
            self._plans.discard(call_id)
        elif call_id:
            output, failed = _output(item.get("output", item.get("tools")))
            name = self._open.pop(call_id, "")
            if name in WAITS:
                yield from self._heard_of(output)
            if self._goes_on(call_id, name, output):
                self._unfinished.add(call_id)
                yield BackgroundMoved(call_id)
                return
            yield ToolEnded(call_id, None if output is None else value(output), failed or call_id in self._failed)
            self._failed.discard(call_id)

    def _goes_on(self, call_id: str, name: str, output: object) -> bool:
        """Whether a call that has answered is still at work: a command, or a subagent, whose end will be told."""
        if call_id in self._spawns:
            agents = _agents_in(output)
            self._spawn(call_id, *agents)
            return bool(agents[0]) and self._ends_are_told
        if name not in COMMANDS or not isinstance(output, str) or not self._ends_are_told:
            return False
        if _ABORTED in output[:400]:  # it may run on all the same
            self._unfinished.add(call_id)
        return _RUNNING.search(output[:400].partition("Output:\n")[0]) is not None

    def _command_ended(self, item: Record) -> Iterator[BuildEvent]:
        """A command whose call has answered, or was given up, before."""
        self._unfinished.discard(text(item, "id"))
        yield ToolEnded(text(item, "id"), value(text(item, "aggregated_output")), text(item, "status") in _FAILED)

    def _heard_of(self, notification: object) -> Iterator[BuildEvent]:
        """The subagents of which `said` (a notification, or the answer to a wait) tells that they have finished."""
        answer = as_object(parsed(notification) if isinstance(notification, str) else notification)
        path, states = text(answer, "agent_path"), answer.get("status")
        for agent, state in [(path, states)] if path else as_object(states).items():
            call_id, end = self.spawned.get(agent, ""), subagent_end(state)
            if call_id in self._unfinished and end is not None:
                self._unfinished.discard(call_id)
                yield ToolEnded(call_id, value(end[0]), end[1])

    def _spawn(self, call_id: str, *agents: str) -> None:
        """`call_id` as the event tells it; a script that spawns is itself a call of `exec`, open meanwhile."""
        if call_id not in self._spawns and self._open:
            call_id = next(reversed(self._open))
        for agent in filter(None, agents):
            self.spawned.setdefault(agent, call_id)

    # ----------------------------------------------------------------- events

    def _event(self, payload: Record) -> Iterator[BuildEvent]:
        """Agent text stands in the items too; from here come turns, tokens and exit codes."""
        kind = text(payload, "type")
        if kind == "turn_aborted":
            yield Noticed(f"turn aborted: {text(payload, 'reason') or 'no reason given'}", "warning")
        elif kind == "error":
            yield Noticed(said_plainly(text(payload, "message")) or "error", "error")
        elif kind == "token_count":
            yield from self._spent(obj(payload, "info"))
        elif kind in ("exec_command_end", "patch_apply_end"):
            if count(payload, "exit_code") != 0 or payload.get("success") is False:
                self._failed.add(text(payload, "call_id"))
        elif kind == "mcp_tool_call_end":
            if mcp_failed(obj(payload, "result")):
                self._failed.add(text(payload, "call_id"))
        elif kind == "collab_agent_spawn_end":
            self._spawn(text(payload, "call_id"), text(payload, "new_thread_id"))
        elif kind == "sub_agent_activity" and text(payload, "kind") == "started":
            agents = text(payload, "agent_thread_id"), text(payload, "agent_path")
            self._spawn(text(payload, "event_id"), *agents)
        elif kind == "item_completed":
            item = obj(payload, "item")
            if text(item, "type") == "Plan":
                yield PlanReported(text(item, "text"))
            elif text(item, "type") == "CommandExecution" and text(item, "id") in self._unfinished:
                yield from self._command_ended(item)
            elif text(item, "status") in _FAILED:
                self._failed.add(text(item, "id"))

    def _spent(self, info: Record) -> Iterator[BuildEvent]:
        total = obj(info, "total_token_usage")
        if not total:
            return
        window, last = number(info, "model_context_window"), count(obj(info, "last_token_usage"), "total_tokens")
        full = round(min(100.0, 100 * last / window), 1) if window and not self._parent_id else None
        usage = self._totals.grown(self._agent.model, tokens_of(total), millis(self._moment))
        yield UsageReported(replace(usage, context_percent=full))


def _is_work(report: Reported) -> bool:
    """What of a subagent is told in its parent's build."""
    event = report.event
    return isinstance(event, ToolStarted | ToolEnded | BackgroundMoved | Noticed | UsageReported) or (
        isinstance(event, TextAdded) and event.kind != "prompt"
    )


def _is_timed(name: str) -> bool:
    """Whether an id is a UUID of version 7, which begins with the time."""
    return len(name) == 36 and name[14] == "7"


def _agents_in(output: object) -> list[str]:
    """What a spawned subagent is called in the answer to its call."""
    answer = as_object(parsed(output) if isinstance(output, str) else output)
    return [text(answer, key) for key in ("agent_id", "thread_id", "task_name")]


def _arguments(item: Record) -> object:
    """A call's input: arguments are JSON in a string; a custom tool's input is free text."""
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        inner = parsed(arguments)
        return arguments if inner is None else inner
    if "input" in item:
        return {"input": item["input"]}
    return arguments if arguments is not None else item.get("action")


def _planned(source: str, call_id: str) -> Iterator[BuildEvent]:
    """The plan that a script of code mode sets; the script itself stays a call."""
    for place, (name, given) in enumerate(nested_calls(source) if "update_plan" in source else ()):
        plan = objects(as_object(given), "plan")
        if name == "update_plan" and plan:
            yield TodosReported(plan_items(plan), call_id=f"{call_id}:plan-{place}")


def _output(output: object) -> tuple[object, bool]:
    """What a call gave, and whether it failed: the exit code hides in several places."""
    if isinstance(output, str) and output.startswith("{"):
        inner = as_object(parsed(output))
        if "output" in inner:
            return inner["output"], count(obj(inner, "metadata"), "exit_code") != 0
    inner = as_object(output)
    if inner:
        return flat(inner.get("content", inner.get("output"))), inner.get("success") is False
    output_text = flat(as_list(output)) if output is not None and not isinstance(output, str) else output
    if not isinstance(output_text, str):
        return output_text, False
    code = _EXITED.search(output_text[:400].partition("Output:\n")[0])
    return output_text, _REFUSED.match(output_text) is not None if code is None else int(code[1]) != 0


def _total_in(payload: Record) -> Record:
    """The running total in a `token_count`."""
    return obj(obj(payload, "info"), "total_token_usage") if text(payload, "type") == "token_count" else EMPTY
