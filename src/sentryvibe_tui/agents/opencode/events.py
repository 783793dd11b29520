"""What opencode's own events mean: those of its server, its database and its plugins are the same
(docs/agents.md#opencode).

`{"type", "properties"}`, of several sessions in turn. A session with a parent works for one of the parent's calls, and
belongs to its build; only the root's own end is the build's.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...model.activity import Option, Request, Source
from ...model.events import ActivityReported, BuildEvent, BuildStarted, TextAdded, TodosReported
from ...model.facts import AgentReported, BuildEnded, Noticed, RequestOpened, RequestResolved, TurnEnded
from ...model.questions import purpose, question
from ...model.state import Agent, Millis, NoteKind
from ..common.reader import Counts, Reported
from ..common.values import Record, as_list, number, obj, objects, text, time, todo_items, value
from .stream import Parts, end_of, failure, timed
from .tools import AGENT

_QUIET = (
    "server.", "file.", "lsp.", "installation.", "ide.", "storage.", "tui.", "pty.", "mcp.", "command.", "project.",
    "vcs.", "worktree.", "message.removed", "message.part.removed", "session.deleted", "session.diff", "global.",
    "session.compacted", "session.next.", "catalog.", "integration.", "plugin.", "reference.",
)  # fmt: skip
_DISPOSED = "server.instance.disposed"
_ASKS = frozenset(
    {"permission.asked", "permission.updated", "permission.v2.asked", "question.asked", "question.v2.asked"}
)
_ANSWERS = frozenset({
    "permission.replied", "permission.v2.replied", "question.replied", "question.rejected",
    "question.v2.replied", "question.v2.rejected",
})  # fmt: skip
_NAMELESS = "asked"
"""Id of a request that has none."""
_REFUSED = ("The user rejected permission to use this specific tool call.", "The user dismissed this question")
"""Errors of calls after which the agent asks the model nothing more. With a person's words to it, it goes on."""
REFUSAL = BuildEnded("cancelled", error="a person refused what it asked for")

_OPTIONS = (
    Option("once", "Allow once", "allow_once"),
    Option("always", "Allow always", "allow_always"),
    Option("reject", "Reject", "reject_once"),
)


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
        self.messages: set[str] = set()
        """Those of turns up to now: whatever else they say, they begin no turn."""
        self.outcome = BuildEnded("interrupted")
        """How the turn stands."""
        self.is_over = self.is_closed = self.waits = False
        """The turn; the session; for a model that is to be asked again."""

    def next_task(self) -> str:
        """The first call that has no session yet, or the last one."""
        call_id = next((task for task, taken in self.tasks.items() if not taken), next(reversed(self.tasks), ""))
        if call_id:
            self.tasks[call_id] = True
        return call_id


class Events:
    """Reads them one after another. `source` is what tells of them (docs/activity.md)."""

    def __init__(self, counts: Counts, source: Source) -> None:
        self._counts = counts
        self._source: Source = source
        self._sessions: dict[str, _Session] = {}
        self._children: dict[str, tuple[str, str]] = {}

    def place(self, session: str) -> tuple[str, str]:
        """The root of a session, and the call that it works for; "" for the root itself."""
        return self._children.get(session, (session, ""))

    def put(self, session: str, root: str, call: str) -> None:
        """Places a session that began before the events that are read."""
        if root != session:
            self._children[session] = (root, call)

    def latest(self) -> str:
        """The root session that began last; "" when there is none."""
        return next((name for name, session in reversed(self._sessions.items()) if session.started), "")

    def finish(self) -> Iterator[Reported]:
        """The ends of the sessions that have told none: nothing follows."""
        for name, session in self._sessions.items():
            if session.started and not session.is_closed:
                yield Reported(session.outcome, None, name)

    def read(self, record: Record) -> Iterator[Reported]:
        record = obj(record, "payload") or record
        kind, properties = text(record, "type"), obj(record, "properties")
        if kind == _DISPOSED:
            yield from self._disposed(text(properties, "directory"))
        if kind.startswith(_QUIET):
            return
        own = _session_of(kind, properties)
        if not own:
            self._counts.add_unknown(kind or "no type")
            return
        if kind == "session.created" and text(obj(properties, "info"), "parentID"):
            self._adopt(own, text(obj(properties, "info"), "parentID"))
        root, parent = self.place(own)
        session, at = self._sessions.setdefault(root, _Session()), _time(properties)
        for event in self._events(kind, properties, session, parent, child=root != own):
            if not session.started:
                session.started = True
                yield Reported(BuildStarted(), at, root)
                yield Reported(AgentReported(session.agent), at, root)
            yield _with_time(timed(Reported(event, at, root), obj(properties, "part")), obj(properties, "part"))

    def _adopt(self, child: str, parent: str) -> None:
        """A session that works for another one's call."""
        if child not in self._children:
            root = self.place(parent)[0]
            self._children[child] = (root, self._sessions[root].next_task() if root in self._sessions else "")

    def _disposed(self, directory: str) -> Iterator[Reported]:
        """The agent ends there, and its sessions with it."""
        for name, session in self._sessions.items():
            if session.started and not session.is_closed and session.agent.cwd == directory:
                session.is_closed = session.is_over = True
                yield Reported(replace(session.outcome, source=self._source), None, name)

    def _events(
        self, kind: str, properties: Record, session: _Session, parent: str, child: bool
    ) -> Iterator[BuildEvent]:
        info = obj(properties, "info")
        if kind in ("session.created", "session.updated"):
            if not child:
                yield from _labels(session, title=text(info, "title"), cwd=text(info, "directory"))
        elif kind == "message.updated":
            yield from self._message(info, session, child)
        elif kind == "message.part.updated":
            yield from self._part(obj(properties, "part"), session, parent, child)
        elif kind == "message.part.delta":
            yield from _delta(properties, session)
        elif kind == "todo.updated" and not child:
            yield TodosReported(todo_items(objects(properties, "todos")))
        elif kind in _ASKS:
            yield RequestOpened(_request(properties, is_question=kind.startswith("question"), parent=parent))
        elif kind in _ANSWERS:
            yield _answer(properties)
        elif kind in ("session.idle", "session.status", "session.error"):
            yield from self._state(kind, properties, session, child)
        elif not child:
            self._counts.add_unknown(kind)

    # ----------------------------------------------------------------------- messages

    def _message(self, info: Record, session: _Session, child: bool) -> Iterator[BuildEvent]:
        session.roles[text(info, "id")] = text(info, "role")
        if child:
            return
        yield from self._begin(text(info, "id"), session)
        yield from _labels(session, model=text(info, "modelID"))
        if text(info, "role") != "assistant":
            return
        if obj(info, "error"):
            session.outcome = failure(obj(info, "error"))
            yield from self._end(session)
        elif time(obj(info, "time"), "completed") is not None:
            yield from self._completed(text(info, "finish"), session)

    def _completed(self, reason: str, session: _Session) -> Iterator[BuildEvent]:
        end = end_of(reason)
        if end.outcome != "interrupted":
            session.outcome = end
            yield from self._end(session)
        elif session.outcome == REFUSAL:
            yield from self._end(session)

    def _part(self, part: Record, session: _Session, parent: str, child: bool) -> Iterator[BuildEvent]:
        role = session.roles.get(text(part, "messageID"), "assistant")
        if child and role == "user":
            return
        if not child:
            yield from self._begin(text(part, "messageID"), session)
        if text(part, "type") in ("text", "reasoning"):
            said: NoteKind = "reasoning" if text(part, "type") == "reasoning" else "text"
            session.kinds[text(part, "id")] = "prompt" if role == "user" else said
        events = session.parts.events(part, text(part, "messageID"), role, parent)
        if events is None:
            self._counts.add_unknown(f"part {text(part, 'type')}")
            return
        if not child and text(obj(part, "state"), "error").startswith(_REFUSED):
            session.outcome = REFUSAL
        yield from events
        if text(part, "tool") == "task":
            self._task(text(part, "callID"), session, part)

    def _task(self, call_id: str, session: _Session, part: Record) -> None:
        """A call that runs a subagent, and its session as soon as it says so."""
        works_in = text(obj(obj(part, "state"), "metadata"), "sessionId")
        session.tasks.setdefault(call_id, False)
        if works_in:
            session.tasks[call_id] = True
            self._children[works_in] = (self.place(text(part, "sessionID"))[0], call_id)

    # ----------------------------------------------------------------------- turns

    def _begin(self, message_id: str, session: _Session) -> Iterator[BuildEvent]:
        """A message that is new is the agent at work, or asked to be; of others come only late words."""
        if message_id and message_id not in session.messages:
            session.messages.add(message_id)
            yield from self._work(session)

    def _work(self, session: _Session) -> Iterator[BuildEvent]:
        if session.is_over or session.waits:
            yield ActivityReported("working", source=self._source)
        session.is_over = session.is_closed = session.waits = False
        session.outcome = BuildEnded("interrupted")

    def _end(self, session: _Session) -> Iterator[BuildEvent]:
        """Once for a turn: what its messages say after its end undoes nothing."""
        if session.started and not session.is_over:
            session.is_over, session.waits = True, False
            yield TurnEnded(session.outcome.outcome, error=session.outcome.error, source=self._source)

    def _state(self, kind: str, properties: Record, session: _Session, child: bool) -> Iterator[BuildEvent]:
        if child:
            return
        status = text(obj(properties, "status"), "type")
        if kind == "session.error":
            session.outcome = failure(obj(properties, "error"))
            yield Noticed(session.outcome.error, "error")
        elif kind == "session.idle" or status == "idle":
            if session.outcome.outcome == "interrupted":
                session.outcome = BuildEnded("completed")
            yield from self._end(session)
        elif status == "retry":
            yield from self._retry(obj(properties, "status"), session)
        elif status == "busy" and (session.is_over or session.waits):
            yield from self._work(session)

    def _retry(self, status: Record, session: _Session) -> Iterator[BuildEvent]:
        """The model could not answer and is asked again, some time."""
        session.waits = True
        words, until = text(status, "message") or "the model", number(status, "next")
        yield Noticed(f"retry: {words}", "warning")
        yield ActivityReported("waiting-machine", words, None if until is None else int(until), self._source)


# --------------------------------------------------------------------------- single records


def _session_of(kind: str, properties: Record) -> str:
    info = obj(properties, "info")
    own = text(properties, "sessionID") or text(obj(properties, "part"), "sessionID") or text(info, "sessionID")
    return own or (text(info, "id") if kind.startswith("session.") else "")


def _time(properties: Record) -> Millis | None:
    """When it happened: an answer when it was complete, else when it began."""
    times = obj(obj(properties, "info"), "time")
    own = time(properties, "time") or time(properties, "timestamp") or time(obj(properties, "time"), "created")
    return own or time(times, "completed") or time(times, "updated") or time(times, "created")


def _with_time(report: Reported, part: Record) -> Reported:
    """Words are told when they are whole: then a call that they announce may wait for a person already."""
    began = time(obj(part, "time"), "start")
    if not isinstance(report.event, TextAdded) or began is None:
        return report
    return replace(report, at=began if report.at is None else min(began, report.at))


def _delta(properties: Record, session: _Session) -> Iterator[BuildEvent]:
    part_id = text(properties, "partID")
    if part_id in session.kinds and text(properties, "field") in ("text", "") and text(properties, "delta"):
        yield TextAdded(part_id, text(properties, "delta"), session.kinds[part_id])


def _request(properties: Record, *, is_question: bool, parent: str) -> Request:
    """A permission says what for (`permission`, `patterns`, `metadata` with the command), a question all of it."""
    ident, call = text(properties, "id") or _NAMELESS, obj(properties, "tool")
    call_id = text(call, "callID") or text(properties, "callID")
    if is_question:
        asked = value({"questions": as_list(properties.get("questions"))})
        title = question("question", asked)
        return Request(ident, "question", title, "question", call_id, asked, parent_id=parent)
    name = text(properties, "permission") or text(properties, "action") or text(properties, "type")
    metadata = obj(properties, "metadata")
    request_input = value(metadata) if metadata else None
    patterns = as_list(properties.get("patterns")) or as_list(properties.get("resources"))
    words = purpose(request_input) or " ".join(map(str, patterns)) or text(properties, "title")
    title = ": ".join(part for part in ("permission", name, words) if part)
    always = as_list(properties.get("always"))
    rules = value(always) if always else None
    return Request(ident, "permission", title, name, call_id, request_input, _OPTIONS, rules, parent_id=parent)


def _answer(properties: Record) -> RequestResolved:
    ident = text(properties, "requestID") or text(properties, "permissionID") or _NAMELESS
    answers = "; ".join(", ".join(map(str, as_list(labels))) for labels in as_list(properties.get("answers")))
    decision = (
        text(properties, "reply")
        or text(properties, "response")
        or answers
        or ("" if "answers" in properties else "reject")
    )
    return RequestResolved(ident, decision=decision)


def _labels(session: _Session, title: str = "", cwd: str = "", model: str = "") -> Iterator[BuildEvent]:
    known = session.agent
    agent = replace(known, title=title or known.title, cwd=cwd or known.cwd, model=model or known.model)
    if agent != known:
        session.agent = agent
        yield AgentReported(agent)
