"""The events of `opencode serve` (`GET /event`, server-sent): several sessions in one stream (AGENT_FORMATS 8)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.events import (
    AgentReported,
    BuildEnded,
    BuildEvent,
    BuildStarted,
    InputNeeded,
    Noticed,
    TextAdded,
    TodosReported,
    ToolStarted,
)
from ...model.state import Agent, NoteKind
from ..common.json_lines import JsonLines
from ..common.reader import Counts, Reported, reports_of
from ..common.values import Record, as_list, obj, objects, text, time, todo_items
from .stream import Parts, failure, timed
from .tools import AGENT

_QUIET = (
    "server.", "file.", "lsp.", "installation.", "ide.", "storage.", "tui.", "pty.", "mcp.", "command.", "project.",
    "vcs.", "worktree.", "message.removed", "message.part.removed", "session.deleted", "session.diff", "global.",
    "session.compacted", "session.next.",
)  # fmt: skip
_ASKS = frozenset(
    {"permission.asked", "permission.updated", "permission.v2.asked", "question.asked", "question.v2.asked"}
)
_ANSWERS = frozenset({
    "permission.replied", "permission.v2.replied", "question.replied", "question.rejected",
    "question.v2.replied", "question.v2.rejected",
})  # fmt: skip


class _Session:
    """A root session: one build."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.agent = Agent(AGENT)
        self.roles: dict[str, str] = {}
        self.kinds: dict[str, NoteKind] = {}
        self.tasks: dict[str, bool] = {}
        """The calls that run subagents, and whether each has its session."""
        self.started = False
        self.outcome = BuildEnded("interrupted")
        self.told_end = False

    def next_task(self) -> str:
        """The first call that has no session yet, or the last one."""
        call_id = next((task for task, taken in self.tasks.items() if not taken), next(reversed(self.tasks), ""))
        if call_id:
            self.tasks[call_id] = True
        return call_id


class OpencodeServe:
    """Each root session is a build; a child session works for the `task` call that names it, or that waited for one."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._lines = JsonLines(self.counts)
        self._sessions: dict[str, _Session] = {}
        self._children: dict[str, tuple[str, str]] = {}

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._read, self.counts)
        left_out = self.counts.left_out()
        names = [name for name, session in self._sessions.items() if session.started]
        if left_out is not None and names:
            reports.append(Reported(left_out, None, names[-1]))
        going_on = (name for name in names if not self._sessions[name].told_end)
        return [*reports, *(Reported(self._sessions[name].outcome, None, name) for name in going_on)]

    def _read(self, record: Record) -> Iterator[Reported]:
        record = obj(record, "payload") or record
        kind, given = text(record, "type"), obj(record, "properties")
        if kind.startswith(_QUIET):
            return
        info, part = obj(given, "info"), obj(given, "part")
        own = text(given, "sessionID") or text(part, "sessionID") or text(info, "sessionID")
        own = own or (text(info, "id") if kind.startswith("session.") else "")
        if not own:
            self.counts.add_unknown(kind or "no type")
            return
        if kind == "session.created" and text(info, "parentID"):
            root = self._children.get(text(info, "parentID"), (text(info, "parentID"), ""))[0]
            self._children[own] = (root, self._sessions[root].next_task() if root in self._sessions else "")
        root, parent = self._children.get(own, (own, ""))
        session = self._sessions.setdefault(root, _Session())
        at = time(given, "time") or time(given, "timestamp") or time(obj(given, "time"), "created")
        for event in self._events(kind, given, session, parent, child=root != own):
            if not session.started:
                session.started = True
                yield Reported(BuildStarted(), at, root)
                yield Reported(AgentReported(session.agent), at, root)
            yield timed(Reported(event, at, root), part)

    def _events(self, kind: str, given: Record, session: _Session, parent: str, child: bool) -> Iterator[BuildEvent]:
        info = obj(given, "info")
        if kind in ("session.created", "session.updated"):
            if not child:
                yield from _told(session, title=text(info, "title"), cwd=text(info, "directory"))
        elif kind == "message.updated":
            session.roles[text(info, "id")] = text(info, "role")
            if not child:
                yield from _told(session, model=text(info, "modelID"))
        elif kind == "message.part.updated":
            yield from self._part(obj(given, "part"), session, parent, child)
        elif kind == "message.part.delta":
            part_id = text(given, "partID")
            if part_id in session.kinds and text(given, "field") in ("text", "") and text(given, "delta"):
                yield TextAdded(part_id, text(given, "delta"), session.kinds[part_id])
        elif kind == "todo.updated" and not child:
            yield TodosReported(todo_items(objects(given, "todos")))
        elif kind in _ASKS:
            yield InputNeeded(_asked(given))
        elif kind in _ANSWERS:
            yield InputNeeded("")
        elif kind in ("session.idle", "session.status", "session.error"):
            yield from self._state(kind, given, session, child)
        elif not child:
            self.counts.add_unknown(kind)

    def _part(self, part: Record, session: _Session, parent: str, child: bool) -> Iterator[BuildEvent]:
        role = session.roles.get(text(part, "messageID"), "assistant")
        if child and role == "user":
            return
        if text(part, "type") in ("text", "reasoning"):
            said: NoteKind = "reasoning" if text(part, "type") == "reasoning" else "text"
            session.kinds[text(part, "id")] = "prompt" if role == "user" else said
        events = session.parts.events(part, text(part, "messageID"), role, parent)
        if events is None:
            self.counts.add_unknown(f"part {text(part, 'type')}")
            return
        for event in events:
            session.outcome, session.told_end = BuildEnded("interrupted"), False
            if isinstance(event, ToolStarted) and event.name == "task":
                self._task(event.id, text(obj(obj(part, "state"), "metadata"), "sessionId"), session, part)
            yield event

    def _task(self, call_id: str, works_in: str, session: _Session, part: Record) -> None:
        """A call that runs a subagent, and its session as soon as it says so."""
        session.tasks.setdefault(call_id, False)
        if works_in:
            session.tasks[call_id] = True
            own = text(part, "sessionID")
            self._children[works_in] = (self._children.get(own, (own, ""))[0], call_id)

    def _state(self, kind: str, given: Record, session: _Session, child: bool) -> Iterator[BuildEvent]:
        if child:
            return
        status = text(obj(given, "status"), "type")
        if kind == "session.error":
            session.outcome = failure(obj(given, "error"))
            yield Noticed(session.outcome.error, "error")
        elif kind == "session.idle" or status == "idle":
            if session.outcome.outcome == "interrupted":
                session.outcome = BuildEnded("completed")
            if session.started and not session.told_end:
                session.told_end = True
                yield session.outcome
        elif status == "retry":
            yield Noticed(f"retry: {text(obj(given, 'status'), 'message')}", "warning")


def _asked(given: Record) -> str:
    """What a person is asked: the question, or what the permission is for."""
    question = next((text(item, "question") for item in objects(given, "questions")), "")
    what = " ".join(part for part in (text(given, "action"), *map(str, as_list(given.get("resources")))) if part)
    return question or text(given, "title") or text(given, "permission") or what or "permission needed"


def _told(session: _Session, title: str = "", cwd: str = "", model: str = "") -> Iterator[BuildEvent]:
    known = session.agent
    agent = replace(known, title=title or known.title, cwd=cwd or known.cwd, model=model or known.model)
    if agent != known:
        session.agent = agent
        yield AgentReported(agent)
