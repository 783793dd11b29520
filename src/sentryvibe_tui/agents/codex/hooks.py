"""Codex' hooks (developers.openai.com/codex/hooks): Claude Code's names, and a command's end without its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from ...model.events import BuildEvent, TodosReported, ToolReturned
from ...model.facts import BackgroundMoved, TurnEnded
from ..common import hook_events
from ..common.hook_dialect import HookDialect
from ..common.hook_session import HookSession
from ..common.todo_changes import TodoList
from ..common.values import Record, as_object, objects, text, value
from .messages import parsed, plan_items, prompt_words
from .tools import AGENT, TODO_TOOLS

MEMORIES = "memories"
"""The folder in Codex' own one in which it writes its memories, by an agent of which there is no rollout."""


def _is_aside(record: Record) -> bool:
    return not record.get("transcript_path") and PurePath(text(record, "cwd")).name == MEMORIES


class _Plan:
    """Each call brings the whole list."""

    def __init__(self, _: TodoList) -> None:
        pass

    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None:
        return TodosReported(plan_items(objects(arguments, "plan")), call_id=call_id) if name in TODO_TOOLS else None

    def has(self, call_id: str) -> bool:
        return False

    def ended(self, call_id: str, response: object, failed: bool) -> TodosReported | None:
        return None


def _spawned(session: HookSession, response: object, call_id: str, name: str, parent: str) -> BuildEvent | None:
    """The answer names the subagent: `{"agent_id":"…","nickname":"Euler"}`. It is under way until it says its end."""
    if not name.endswith("spawn_agent"):
        return None
    subagent = text(as_object(parsed(response) if isinstance(response, str) else response), "agent_id")
    if not subagent:
        return None
    session.background.calls[subagent] = (call_id, parent)
    session.subagents.pair(subagent, call_id)
    return BackgroundMoved(call_id, name=name, parent_id=parent)


def _subagent_stopped(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from session.permissions.went_on(text(record, "agent_id"))
    call_id, _ = session.background.calls.pop(text(record, "agent_id"), ("", ""))
    if call_id:
        yield ToolReturned(call_id, value(text(record, "last_assistant_message")))


def _stopped(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from hook_events.stopped(record, session, text(record, "last_assistant_message"))
    yield TurnEnded("completed", source="hook")


HOOKS = HookDialect(
    agent_id=AGENT,
    events={
        "SessionStart": hook_events.began,
        "UserPromptSubmit": hook_events.prompted,
        "PreToolUse": hook_events.called,
        "PostToolUse": hook_events.returned,
        "PermissionRequest": hook_events.permission_request,
        "SubagentStop": _subagent_stopped,
        "PreCompact": hook_events.compacting,
        "Stop": _stopped,
        "Interrupt": hook_events.interrupted,
        "SessionEnd": hook_events.left,
    },
    quiet=frozenset({"SubagentStart", "PostCompact", "PreModelRequest", "PostModelRequest"}),
    is_aside=_is_aside,
    prompt_words=prompt_words,
    lists=_Plan,
    todo_tools=TODO_TOOLS,
    moved=_spawned,
    tells_outcome=False,
)
