"""Claude Code's hooks (code.claude.com/docs/en/hooks)."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.activity import Request
from ...model.events import (
    ActivityReported,
    BuildEvent,
    TodosReported,
    ToolEnded,
    ToolReturned,
    ToolStarted,
)
from ...model.facts import BackgroundMoved, Noticed, RequestOpened, RequestResolved, TurnEnded
from ...model.questions import SOMETHING, permission
from ...model.text import clip_end
from ..common import hook_events
from ..common.hook_dialect import HookDialect
from ..common.hook_session import HookSession, call_of
from ..common.todo_changes import TodoList
from ..common.values import Record, as_object, fingerprint, flat, identifier, objects, text, value
from .background import background_task, notification_in
from .limits import WORDS, limit_in
from .messages import prompt_words
from .tasks import TaskLists
from .tools import AGENT, SUBAGENT_TOOLS, TODO_TOOLS

_ASKS = frozenset({"permission_prompt", "elicitation_dialog", "agent_needs_input"})
_QUIET = frozenset({
    "SubagentStart", "TaskCreated", "TaskCompleted", "ConfigChange",
    "InstructionsLoaded", "CwdChanged", "DirectoryAdded", "FileChanged", "WorktreeCreate", "WorktreeRemove",
    "TeammateIdle", "Setup", "UserPromptExpansion", "MessageDisplay", "PreSkillShellCommand",
    "PostToolBatch", "PreModelSwitch", "PostModelSwitch",
})  # fmt: skip
_TASK_TOOLS = {"shell": "Bash", "subagent": "Agent", "workflow": "Workflow", "monitor": "Monitor"}
"""Tools by the type of a task."""


class _Tasks:
    """The todo list, by what hooks tell of its calls: of their answers no words."""

    def __init__(self, todos: TodoList) -> None:
        self._lists = TaskLists(todos)

    def started(self, call_id: str, name: str, arguments: Record, own: bool) -> TodosReported | None:
        return self._lists.started(call_id, name, arguments, own) if name in TODO_TOOLS else None

    def has(self, call_id: str) -> bool:
        return self._lists.has(call_id)

    def ended(self, call_id: str, response: object, failed: bool) -> TodosReported | None:
        return self._lists.ended(call_id, "", as_object(response), failed)


# --------------------------------------------------------------------------- turns


def _prompted(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """Also a turn that the agent begins by itself, being told of the end of a task."""
    notice = notification_in(text(record, "prompt"))
    if notice is not None:
        yield ActivityReported("working", source="hook")
        call_id, parent_id = session.background.calls.pop(notice.task, (notice.call, ""))
        if call_id and notice.is_end:
            yield ToolEnded(call_id, value(notice.summary), notice.failed, parent_id=parent_id)
    yield from hook_events.prompted(record, session)


def _stopped(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from hook_events.stopped(record, session, text(record, "last_assistant_message"))
    yield from _left_running(record, session)
    yield TurnEnded("completed", source="hook")


def _left_running(stop: Record, session: HookSession) -> Iterator[BuildEvent]:
    """What goes on after a turn, by the `Stop` that names all of it, and what ended meanwhile."""
    if "background_tasks" not in stop:
        return
    calls = session.background.calls
    tasks = {identifier(task.get("id")): task for task in objects(stop, "background_tasks")}
    crons = {f"cron-{identifier(cron.get('id'))}": cron for cron in objects(stop, "session_crons")}
    for task in [task for task in calls if task not in tasks and task not in crons]:
        call_id, parent_id = calls.pop(task)
        yield ToolReturned(call_id, parent_id=parent_id)
    for task, record in (tasks | crons).items():
        yield from _goes_on(session, task, record, is_cron=task in crons)


def _goes_on(session: HookSession, task: str, record: Record, *, is_cron: bool) -> Iterator[BuildEvent]:
    background = session.background
    what = text(record, "description") or text(record, "prompt") or text(record, "command")
    if task not in background.calls and background.adrift and not is_cron:
        background.calls[task] = (background.adrift.pop(0), "")
    if task not in background.calls:
        background.calls[task] = (task, "")
        name = "ScheduleWakeup" if is_cron else _TASK_TOOLS.get(text(record, "type"), "Task")
        yield ToolStarted(task, name, value(record))
    call_id, parent_id = background.calls[task]
    yield BackgroundMoved(call_id, clip_end(what, 200), parent_id=parent_id)


def _turn_failed(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A limit of the user's plan is waited for."""
    yield from session.permissions.went_on(text(record, "agent_id"))
    session.ended = "failed"
    words = text(record, "last_assistant_message") or text(record, "error") or "stopped by an error"
    yield TurnEnded("failed", error=words, source="hook")
    limit = limit_in(record, words, session.received)
    if limit is not None:
        yield ActivityReported("waiting-machine", WORDS, limit.until, "hook")


# --------------------------------------------------------------------------- calls


def _moved(session: HookSession, response: object, call_id: str, name: str, parent: str) -> BuildEvent | None:
    """A command, an agent or a monitor that its call left running."""
    answer = as_object(response)
    task = background_task(answer)
    if not task:
        return None
    session.background.calls[task] = (call_id, parent)
    session.subagents.pair(text(answer, "agentId"), call_id)
    return BackgroundMoved(call_id, text(answer, "description"), name=name, parent_id=parent)


def _output(response: object) -> object:
    """Standard output and error of a shell call as one text; anything else as it came."""
    answer = as_object(response)
    if "content" in answer:
        return flat(answer["content"])
    if "stdout" in answer:
        return "\n".join(part for part in (text(answer, "stdout"), text(answer, "stderr")) if part)
    return response


def _call_failed(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A person stops a call with all of its turn."""
    yield from hook_events.failed(record, session)
    if record.get("is_interrupt") is True and not text(record, "agent_id"):
        yield from hook_events.interrupted(record, session, "interrupted by the user")


def _denied(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """Auto mode denies in place of a person."""
    yield from hook_events.failed(record, session)
    what = permission(call_of(record)[0], session.masked_input(*call_of(record))).removeprefix("permission: ")
    yield Noticed(f"denied: {what}: {text(record, 'reason') or 'no reason given'}", "warning")


# --------------------------------------------------------------------------- questions


def _notified(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    """A notification that asks for a person makes the build wait; the others are only told.

    Early ones do not say of which type they are.
    """
    message, kind = text(record, "message"), text(record, "notification_type")
    if kind in _ASKS or not (kind or "waiting for your input" in message):
        yield from hook_events.needs_person(record, session)
        return
    yield Noticed(message or kind)
    if kind == "idle_prompt":
        yield ActivityReported("idle", source="hook")


def _form(record: Record, session: HookSession) -> Request:
    server, ident = text(record, "mcp_server_name"), text(record, "elicitation_id")
    return Request(
        f"form-{fingerprint(server, ident)}",
        "form",
        text(record, "message") or SOMETHING,
        reason=server,
        parent_id=session.subagents.parent_of(text(record, "agent_id")),
    )


def _form_opened(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield RequestOpened(_form(record, session))


def _form_answered(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield RequestResolved(_form(record, session).id, decision=text(record, "action"))


def _subagent_stopped(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    yield from session.permissions.went_on(text(record, "agent_id"))


def _compacted(record: Record, _: HookSession) -> Iterator[BuildEvent]:
    yield Noticed(f"conversation compacted ({text(record, 'trigger') or 'auto'})")


HOOKS = HookDialect(
    agent_id=AGENT,
    events={
        "SessionStart": hook_events.began,
        "UserPromptSubmit": _prompted,
        "PreToolUse": hook_events.called,
        "PostToolUse": hook_events.returned,
        "PostToolUseFailure": _call_failed,
        "PermissionRequest": hook_events.permission_request,
        "PermissionDenied": _denied,
        "Elicitation": _form_opened,
        "ElicitationResult": _form_answered,
        "Notification": _notified,
        "SubagentStop": _subagent_stopped,
        "PreCompact": hook_events.compacting,
        "PostCompact": _compacted,
        "Stop": _stopped,
        "StopFailure": _turn_failed,
        "SessionEnd": hook_events.left,
    },
    quiet=_QUIET,
    prompt_words=prompt_words,
    lists=_Tasks,
    todo_tools=TODO_TOOLS,
    subagent_tools=SUBAGENT_TOOLS,
    moved=_moved,
    output=_output,
    stand_in="agent-",
)
