"""What hooks tell of work that outlives its call: tasks in the background, wake-ups, and calls of subagents."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.events import ActivityReported, BuildEvent, ToolEnded, ToolReturned, ToolStarted
from ...model.facts import BackgroundMoved
from ..claude.background import notification_in
from ..claude.tools import SUBAGENT_TOOLS
from .values import Record, identifier, objects, text, value

_KINDS = {"shell": "Bash", "subagent": "Agent", "workflow": "Workflow", "monitor": "Monitor"}
"""Tools by the type of a task."""


class Background:
    """Of one session. `calls`: by the id of their task, each with the call of the subagent that began it."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[str, str]] = {}
        self.adrift: list[str] = []
        """Calls that run in the background since before this was made: their tasks are not known."""

    def left(self, stop: Record) -> Iterator[BuildEvent]:
        """What goes on after a turn, by the `Stop` that names all of it, and what ended meanwhile."""
        if "background_tasks" not in stop:
            return
        tasks = {identifier(task.get("id")): task for task in objects(stop, "background_tasks")}
        crons = {f"cron-{identifier(cron.get('id'))}": cron for cron in objects(stop, "session_crons")}
        for task in [task for task in self.calls if task not in tasks and task not in crons]:
            call_id, parent_id = self.calls.pop(task)
            yield ToolReturned(call_id, parent_id=parent_id)
        for task, record in (tasks | crons).items():
            yield from self._goes_on(task, record, task in crons)

    def _goes_on(self, task: str, record: Record, is_cron: bool) -> Iterator[BuildEvent]:
        what = text(record, "description") or text(record, "prompt") or text(record, "command")
        if task not in self.calls and self.adrift and not is_cron:
            self.calls[task] = (self.adrift.pop(0), "")
        if task not in self.calls:
            self.calls[task] = (task, "")
            name = "ScheduleWakeup" if is_cron else _KINDS.get(text(record, "type"), "Task")
            yield ToolStarted(task, name, value(record))
        call_id, parent_id = self.calls[task]
        yield BackgroundMoved(call_id, what[:200], parent_id=parent_id)

    def notified(self, prompt: str) -> Iterator[BuildEvent]:
        """A turn that the agent begins by itself, being told of the end of a task."""
        notice = notification_in(prompt)
        if notice is None:
            return
        yield ActivityReported("working", source="hook")
        call_id, parent_id = self.calls.pop(notice.task, (notice.call, ""))
        if call_id and notice.is_end:
            yield ToolEnded(call_id, value(notice.summary), notice.failed, parent_id=parent_id)


class SubagentCalls:
    """Which call each subagent works for: told when it starts in the background, else by its type, first come first."""

    def __init__(self, stand_in: str) -> None:
        self._stand_in = stand_in
        self._waiting: dict[str, str] = {}
        self._calls: dict[str, str] = {}

    def called(self, call_id: str, name: str, given: Record) -> None:
        """A call began; of those that run subagents the first waits for a subagent of its type."""
        if name in SUBAGENT_TOOLS:
            self._waiting[call_id] = text(given, "subagent_type")

    def found(self, agent_id: str, call_id: str) -> None:
        """The call's answer names its subagent."""
        self._waiting.pop(call_id, None)
        if agent_id:
            self._calls[agent_id] = call_id

    def heard(self, record: Record) -> None:
        """A payload of a subagent that was not heard of before."""
        agent_id, kind = text(record, "agent_id"), text(record, "agent_type")
        if not agent_id or agent_id in self._calls:
            return
        same = (call for call, wanted in self._waiting.items() if not kind or not wanted or wanted == kind)
        call_id = next(same, "")
        if call_id:
            self.found(agent_id, call_id)

    def parent_of(self, agent_id: str) -> str:
        """The call that it works for, or what stands for that."""
        stand_in = f"{self._stand_in}{agent_id}" if self._stand_in else ""
        return self._calls.get(agent_id, stand_in) if agent_id else ""
