"""Gemini CLI's hooks (geminicli.com/docs/hooks)."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.events import BuildEvent, TodosReported
from ...model.facts import Noticed, TurnEnded
from ...wire.json import encode
from ..common import hook_events
from ..common.hook_dialect import HookDialect
from ..common.hook_session import HookSession
from ..common.todo_changes import TodoList
from ..common.values import Record, as_object, flat, text
from .todos import TodoLists
from .tools import AGENT, TODO_TOOLS


class _Todos:
    def __init__(self, todos: TodoList) -> None:
        self._lists = TodoLists(todos)

    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None:
        return self._lists.started(call_id, name, arguments) if name in TODO_TOOLS else None

    def has(self, call_id: str) -> bool:
        return self._lists.is_open(call_id)

    def ended(self, call_id: str, response: object, failed: bool) -> TodosReported | None:
        return self._lists.ended(call_id, encode(response).decode(), failed)


def _output(response: object) -> object:
    answer = as_object(response)
    return answer.get("error") or flat(answer["llmContent"]) if "llmContent" in answer else response


def _stopped(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from hook_events.stopped(record, session, text(record, "prompt_response"))
    yield TurnEnded("completed", source="hook")


def _notified(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    if text(record, "notification_type") == "ToolPermission":
        yield from hook_events.needs_person(record, session)
    else:
        yield Noticed(text(record, "message") or text(record, "notification_type"))


HOOKS = HookDialect(
    agent_id=AGENT,
    events={
        "SessionStart": hook_events.began,
        "BeforeAgent": hook_events.prompted,
        "BeforeTool": hook_events.called,
        "AfterTool": hook_events.returned,
        "Notification": _notified,
        "PreCompress": hook_events.compacting,
        "AfterAgent": _stopped,
        "SessionEnd": hook_events.left,
    },
    quiet=frozenset({"BeforeModel", "AfterModel", "BeforeToolSelection"}),
    lists=_Todos,
    todo_tools=TODO_TOOLS,
    output=_output,
)
