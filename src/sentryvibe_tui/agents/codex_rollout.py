"""Codex' rollout files, `~/.codex/sessions/…/rollout-*.jsonl`, wrapped and legacy (AGENT_FORMATS 6)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from msgspec.structs import replace

from ..model.events import (
    AgentReported,
    BuildEnded,
    BuildEvent,
    Noticed,
    PlanReported,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from ..model.state import Agent, Millis
from .claude import title_of
from .codex import AGENT, plan_items, said_plainly, spoken, usage_of
from .codex_script import nested_calls
from .records import RecordReader
from .values import Record, as_list, as_object, count, flat, number, obj, objects, text, time, value

_QUIET = ("world_state", "session_state", "ghost_snapshot", "inter_agent_communication")
_QUIET_ITEMS = frozenset({"compaction", "ghost_snapshot", "other", "compaction_summary", "context_compaction"})
_REFUSED = re.compile(
    r"(?:Wall time: [^\n]*\n)?(?:"
    r"(?:(?:exec command|patch) )?rejected by (?:user|configuration)|automatic approval review denied"
    r"|this action was rejected"
    r"|(?:exec_command|write_stdin|collab \w+) failed|apply_patch verification failed|execution error:"
    r"|failed to parse function arguments|unsupported call:|aborted by user|Script failed)",
    re.IGNORECASE,
)
_EXITED = re.compile(r"(?:Process exited with code|Exit code:?) (-?\d+)")


class CodexRollout(RecordReader):
    """One thread's file. What a fork copied from its parent is older than the file and left out."""

    def __init__(self) -> None:
        super().__init__()
        self._agent = Agent(AGENT)
        self._born: Millis | None = None
        self._own_from = 0
        self._outcome = BuildEnded("interrupted")
        self._plans: set[str] = set()
        self._number = 0
        self._failed: set[str] = set()

    def _end(self) -> BuildEnded:
        return self._outcome

    def _events(self, record: Record) -> Iterator[BuildEvent]:
        kind, payload = text(record, "type"), obj(record, "payload")
        self._number += 1
        if kind == "session_meta":
            yield from self._meta(payload)
        elif self._inherited(record):
            return
        elif kind == "turn_context":
            known = self._agent
            model, cwd = text(payload, "model") or known.model, text(payload, "cwd") or known.cwd
            yield from self._told(replace(known, model=model, cwd=cwd))
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

    def _inherited(self, record: Record) -> bool:
        """What a fork or a subagent copied from its parent is older, or stands before its own first ordinal."""
        at = time(record)
        older = at is not None and self._born is not None and at < self._born
        return older or ("ordinal" in record and count(record, "ordinal") < self._own_from)

    def _meta(self, meta: Record) -> Iterator[BuildEvent]:
        """The first one is this file's own; later ones come with copied history."""
        if self._session:
            return
        self._session = text(meta, "id") or text(meta, "session_id")
        self._born = time(meta) if "cli_version" in meta else None
        self._own_from = count(meta, "subagent_history_start_ordinal")
        git = obj(meta, "git")
        yield from self._told(
            replace(self._agent, cwd=text(meta, "cwd"), version=text(meta, "cli_version"), branch=text(git, "branch")),
            first=True,
        )

    def _told(self, agent: Agent, first: bool = False) -> Iterator[BuildEvent]:
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
                yield TextAdded(self._note(item), said, "reasoning", whole=True)
        elif kind.endswith("_call_output"):
            yield from self._returned(item)
        elif kind.endswith("_call"):
            yield from self._called(kind, item)
        elif kind not in _QUIET_ITEMS:
            self.counts.add_unknown(f"item {kind}")

    def _note(self, item: Record) -> str:
        return text(item, "id") or f"record-{self._number}"

    def _message(self, item: Record) -> Iterator[BuildEvent]:
        """Words of the agent, of a person, or (without a role) of another agent, which asks as a person does."""
        parts = [flat([part]) for part in objects(item, "content")]
        said = [part for part in parts if isinstance(part, str) and part]
        if text(item, "role") == "assistant" and said:
            yield TextAdded(self._note(item), "\n".join(said), "text", whole=True)
        elif text(item, "role") in ("user", "") and (asked := "\n".join(filter(None, map(spoken, said)))):
            if not self._agent.title:
                yield from self._told(replace(self._agent, title=title_of(asked)))
            yield TextAdded(self._note(item), asked, "prompt", whole=True)

    def _called(self, kind: str, item: Record) -> Iterator[BuildEvent]:
        name = text(item, "name") or kind.removesuffix("_call")
        if text(item, "namespace"):
            name = f"{text(item, 'namespace')}__{name}"
        call_id = text(item, "call_id") or text(item, "id") or f"record-{self._number}"
        given = _given(item)
        if name == "update_plan":
            self._plans.add(call_id)
            yield TodosReported(plan_items(objects(as_object(given), "plan")), call_id=call_id)
            return
        yield ToolStarted(call_id, name, value(given))
        if kind == "custom_tool_call" and name == "exec":
            yield from _planned(text(item, "input"), call_id)
        if kind == "web_search_call" or (kind == "local_shell_call" and text(item, "status") == "completed"):
            yield ToolEnded(call_id, value(item.get("status")), text(item, "status") == "failed")

    def _returned(self, item: Record) -> Iterator[BuildEvent]:
        call_id = text(item, "call_id")
        if call_id in self._plans:
            self._plans.discard(call_id)
        elif call_id:
            output, failed = _output(item.get("output"))
            yield ToolEnded(call_id, None if output is None else value(output), failed or call_id in self._failed)
            self._failed.discard(call_id)

    # ----------------------------------------------------------------- events

    def _event(self, payload: Record) -> Iterator[BuildEvent]:
        """Agent text stands in the items too; from here come turns, tokens and exit codes."""
        kind = text(payload, "type")
        if kind in ("task_started", "turn_started"):
            self._outcome = BuildEnded("interrupted")
        elif kind in ("task_complete", "turn_complete"):
            self._outcome = BuildEnded("completed", summary=text(payload, "last_agent_message"))
        elif kind == "turn_aborted":
            self._outcome = BuildEnded("cancelled", error=text(payload, "reason") or "aborted")
            yield Noticed(f"turn aborted: {text(payload, 'reason') or 'no reason given'}", "warning")
        elif kind == "error":
            yield Noticed(said_plainly(text(payload, "message")) or "error", "error")
        elif kind == "token_count":
            yield from _tokens(obj(payload, "info"))
        elif kind in ("exec_command_end", "patch_apply_end"):
            if count(payload, "exit_code") != 0 or payload.get("success") is False:
                self._failed.add(text(payload, "call_id"))
        elif kind == "mcp_tool_call_end":
            result = obj(payload, "result")
            if "Err" in result or obj(result, "Ok").get("isError") is True:
                self._failed.add(text(payload, "call_id"))
        elif kind == "item_completed":
            item = obj(payload, "item")
            if text(item, "type") == "Plan":
                yield PlanReported(text(item, "text"))
            elif text(item, "status") in ("failed", "declined"):
                self._failed.add(text(item, "id"))


def _given(item: Record) -> object:
    """A call's input: arguments are JSON in a string; a custom tool's input is free text."""
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        try:
            return json.loads(arguments)
        except (ValueError, RecursionError):
            return arguments
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
        try:
            inner = as_object(json.loads(output))
        except (ValueError, RecursionError):
            inner = {}
        if "output" in inner:
            return inner["output"], count(obj(inner, "metadata"), "exit_code") != 0
    inner = as_object(output)
    if inner:
        return flat(inner.get("content", inner.get("output"))), inner.get("success") is False
    said = flat(as_list(output)) if output is not None and not isinstance(output, str) else output
    if not isinstance(said, str):
        return said, False
    code = _EXITED.search(said[:400].partition("Output:\n")[0])
    return said, _REFUSED.match(said) is not None if code is None else int(code[1]) != 0


def _tokens(info: Record) -> Iterator[BuildEvent]:
    total = obj(info, "total_token_usage")
    if not total:
        return
    window, last = number(info, "model_context_window"), count(obj(info, "last_token_usage"), "total_tokens")
    full = round(min(100.0, 100 * last / window), 1) if window else None
    yield UsageReported(replace(usage_of(total), context_percent=full))
