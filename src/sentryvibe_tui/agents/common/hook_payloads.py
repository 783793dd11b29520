"""Payloads of hooks: Claude Code's, Codex' (which has the same shape) and Gemini's (docs/agents.md#hooks)."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from ...model.activity import Outcome, Request
from ...model.events import (
    ActivityReported,
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolReturned,
    ToolStarted,
)
from ...model.facts import (
    AgentReported,
    BackgroundMoved,
    BuildEnded,
    InputNeeded,
    Noticed,
    RequestOpened,
    RequestResolved,
    TodoItem,
    TurnEnded,
)
from ...model.hook_dedup import hook_note_id
from ...model.questions import SOMETHING, permission, purpose, question
from ...model.state import Agent, BuildState, Millis, NoteKind
from ...wire.json import decode, encode
from ..claude.background import background_task
from ..claude.limits import WORDS, limit_in
from ..claude.messages import spoken
from ..claude.tasks import TaskLists
from ..claude.tools import TODO_TOOLS
from ..codex.messages import plan_items
from ..gemini.todos import TodoLists
from ..gemini.tools import TODO_TOOLS as GEMINI_TODOS
from ..redact import Redactor
from .hook_background import Background, SubagentCalls
from .hook_dialect import HookDialect
from .json_lines import JsonLines
from .reader import Counts, Reported, reports_of
from .values import Record, as_object, count, fingerprint, flat, obj, objects, text, time, title_of, value

_NAMES = {
    "BeforeTool": "PreToolUse",
    "AfterTool": "PostToolUse",
    "BeforeAgent": "UserPromptSubmit",
    "AfterAgent": "Stop",
}
_QUIET = frozenset({
    "SubagentStart", "TaskCreated", "TaskCompleted", "ConfigChange",
    "InstructionsLoaded", "CwdChanged", "DirectoryAdded", "FileChanged", "WorktreeCreate", "WorktreeRemove",
    "TeammateIdle", "Setup", "BeforeModel", "UserPromptExpansion", "MessageDisplay", "PreSkillShellCommand",
    "AfterModel", "BeforeToolSelection", "PostToolBatch", "PreModelSwitch", "PostModelSwitch",
})  # fmt: skip
_LISTS = TODO_TOOLS | GEMINI_TODOS | {"update_plan"}
_RETURNS = frozenset({"PostToolUse", "PostToolUseFailure", "PermissionDenied"})
_TURNS = frozenset({"UserPromptSubmit", "Stop", "StopFailure", "Interrupt"})
_SESSIONS = frozenset({"SessionStart", "SessionEnd"})
_ASKS = frozenset({"permission_prompt", "elicitation_dialog", "agent_needs_input", "ToolPermission"})
SESSIONS = 256
"""Sessions that are remembered; of one that was silent for longer than so many others only the state is known."""


class _Permissions:
    """What each agent of a session asked a person for. Nothing tells when it is given: only what happens then."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._asked)

    def asked(self, agent: str, call: str, request: str) -> None:
        self._asked[agent] = (call, request)

    def heard(self, agent: str, kind: str, call: str) -> Iterator[RequestResolved]:
        """An agent goes on with its next call, the call ended, or the turn did. What other agents do says nothing."""
        gone: list[str] = []
        if kind in _SESSIONS:
            gone = list(self._asked)
        elif agent in self._asked:
            ended = kind in _RETURNS and self._asked[agent][0] == call
            gone = [agent] if ended or kind in ("PreToolUse", "SubagentStop") or kind in _TURNS else []
        for one in gone:
            yield RequestResolved(self._asked.pop(one)[1])


class _Session:
    def __init__(self, dialect: HookDialect, redactor: Redactor | None) -> None:
        self.agent = Agent(dialect.agent_id)
        self.redactor = None if redactor is None else redactor.anew()
        self.started = False
        self.calls = 0
        self.open: dict[str, list[str]] = {}
        self.lists = TaskLists()
        self.gemini = TodoLists()
        self.permissions = _Permissions()
        self.latest_call: tuple[str, Record] = ("", {})
        """Tool and input of the call that began last and is under way."""
        self.told: set[str] = set()
        self.ended: Outcome | None = None
        """How the latest turn ended, None while one goes on."""
        self.background = Background()
        self.subagents = SubagentCalls(dialect.stand_in)
        self.spawned: dict[str, str] = {}
        """The call that each subagent works for which says itself that it ends, by the subagent's id."""

    def note(self, kind: NoteKind, words: str) -> TextAdded:
        """The same words again are another note. Its id is that of the words as others get to see them."""
        words = words if self.redactor is None else self.redactor.text(words)
        number = next(number for number in itertools.count(1) if hook_note_id(kind, words, number) not in self.told)
        self.told.add(hook_note_id(kind, words, number))
        return TextAdded(hook_note_id(kind, words, number), words, kind, whole=True)

    def masked_input(self, name: str, given: Record) -> Raw | None:
        """A call's input as its own event shows it. What is masked is counted there, not here."""
        started = ToolStarted("", name, value(given))
        masked = started if self.redactor is None else self.redactor.anew().event(started)
        return masked.input if isinstance(masked, ToolStarted) else None

    def masked(self, events: Iterable[BuildEvent]) -> Iterator[BuildEvent]:
        """The end of a turn tells what was masked."""
        for event in events:
            is_end = isinstance(event, BuildEnded | TurnEnded)
            news = self.redactor.news() if self.redactor is not None and is_end else None
            if news is not None:
                yield news
            yield event if self.redactor is None else self.redactor.event(event)


class HookReader:
    """Takes one payload at a time, of as many sessions as there are. Text between calls is not in hooks."""

    def __init__(self, dialect: HookDialect, redactor: Redactor | None = None) -> None:
        self.counts = Counts()
        self._redactor = redactor
        self._dialect = dialect
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def knows(self, session: str) -> bool:
        return session in self._sessions

    def resume(self, name: str, state: BuildState) -> None:
        """Goes on with a session of which there is a build, as if all its payloads had been read here."""
        session = self._session(name)
        session.started = True
        session.ended = None if state.status == "active" else state.status
        session.agent = state.agent
        session.told.update(note.id for note in state.notes())
        session.background.adrift = sorted(state.in_background)
        todos = tuple(TodoItem(todo.content, todo.status, todo.active_form, todo.id) for todo in state.todos)
        session.lists, session.gemini = TaskLists(todos), TodoLists(todos)

    def read(self, payload: bytes | Record, received: Millis | None = None) -> list[Reported]:
        """The events of one payload, `received` then. Raises BadJson when the bytes are no JSON object."""
        record: Record = decode(payload, dict[str, Any]) if isinstance(payload, bytes) else payload
        if self._dialect.is_aside(record):
            return []
        name = text(record, "session_id")
        session = self._session(name)
        at = time(record)
        reports: list[Reported] = []
        for event in session.masked(self._events(record, session, at or received)):
            if not session.started and not isinstance(event, BuildStarted):
                session.started = True
                reports += [Reported(BuildStarted(), at, name), Reported(AgentReported(session.agent), at, name)]
            reports.append(Reported(event, at, name))
        if _kind(record) == "SessionEnd":
            self._sessions.pop(name)
        return reports

    def finish(self) -> list[Reported]:
        """The end of every session whose turn is still open."""
        left_out = self.counts.left_out()
        names = [name for name, session in self._sessions.items() if session.started and session.ended is None]
        self._sessions.clear()
        told = [Reported(left_out, None, names[-1])] if left_out is not None and names else []
        return [*told, *(Reported(BuildEnded("interrupted"), None, name) for name in names)]

    def _session(self, name: str) -> _Session:
        session = self._sessions.setdefault(name, _Session(self._dialect, self._redactor))
        self._sessions.move_to_end(name)
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _events(self, record: Record, session: _Session, at: Millis | None) -> list[BuildEvent]:
        agent, kind, call = text(record, "agent_id"), _kind(record), _pairing(*_call(record))
        session.subagents.heard(record)
        resolved = session.permissions.heard(agent, kind, call)
        return [*_told(session, record), *resolved, *self._said(kind, record, session, at)]

    def _said(self, kind: str, record: Record, session: _Session, at: Millis | None) -> Iterator[BuildEvent]:
        if kind == "SessionStart":
            yield from _began(session)
        elif kind == "UserPromptSubmit":
            session.ended = None
            yield from session.background.notified(text(record, "prompt"))
            yield from _prompted(session, text(record, "prompt"))
        elif kind == "PreToolUse":
            yield from self._called(record, session)
        elif kind in _RETURNS:
            yield from self._returned(record, session, kind != "PostToolUse")
        elif kind == "PermissionRequest":
            yield from _permission(record, session)
        elif kind == "Elicitation":
            yield RequestOpened(_form(record, session))
        elif kind == "ElicitationResult":
            yield RequestResolved(_form(record, session).id, decision=text(record, "action"))
        elif kind == "Notification":
            yield from _notified(record, session)
        elif kind == "Stop":
            session.ended = "completed"
            answer = text(record, "last_assistant_message") or text(record, "prompt_response")
            if answer:
                yield session.note("text", answer)
            yield from session.background.left(record)
            yield TurnEnded("completed", source="hook")
        elif kind == "StopFailure":
            yield from _failed(record, session, at)
        elif kind == "Interrupt":
            session.ended = "interrupted"
            yield TurnEnded("interrupted", source="hook")
        elif kind == "SubagentStop":
            yield from _subagent_ended(record, session)
        elif kind == "PostCompact":
            yield Noticed(f"conversation compacted ({text(record, 'trigger') or 'auto'})")
        elif kind in ("PreCompact", "PreCompress"):
            yield Noticed(f"compacting the conversation ({text(record, 'trigger') or 'auto'})")
        elif kind == "SessionEnd":
            if session.started:  # one that ends before it began anything is no build
                yield BuildEnded(session.ended or "interrupted", source="hook")
        elif kind not in _QUIET:
            self.counts.add_unknown(kind or "no hook_event_name")

    def _called(self, record: Record, session: _Session) -> Iterator[BuildEvent]:
        name, given = _call(record)
        parent = session.subagents.parent_of(text(record, "agent_id"))
        session.ended = session.ended if text(record, "agent_id") else None
        call_id = text(record, "tool_use_id")
        if not call_id:
            call_id = _new_call(session, name, given)
            session.open.setdefault(_pairing(name, given), []).append(call_id)
        own = not text(record, "agent_id")
        if (listed := _listed(session, call_id, name, given, own)) is not None:
            yield listed
        elif name not in _LISTS:
            session.latest_call = (name, given)
            session.subagents.called(call_id, name, given)
            yield ToolStarted(call_id, name or "unknown", value(given), parent_id=parent)

    def _returned(self, record: Record, session: _Session, failed: bool) -> Iterator[BuildEvent]:
        name, given = _call(record)
        call_id = text(record, "tool_use_id") or _paired(session, name, given)
        if (name, given) == session.latest_call:
            session.latest_call = ("", {})
        response = (record.get("error") or record.get("reason")) if failed else record.get("tool_response")
        if session.lists.has(call_id):
            listed = session.lists.ended(call_id, "", as_object(response), failed)
        elif session.gemini.is_open(call_id):
            listed = session.gemini.ended(call_id, encode(response).decode(), failed)
        elif name in _LISTS:
            return
        else:
            inner = as_object(response)
            parent = session.subagents.parent_of(text(record, "agent_id"))
            if task := background_task(inner):
                session.background.calls[task] = (call_id, parent)
                session.subagents.found(text(inner, "agentId"), call_id)
                yield BackgroundMoved(call_id, text(inner, "description"), name=name, parent_id=parent)
                return
            failed = (
                failed
                or inner.get("is_error") is True
                or inner.get("success") is False
                or bool(inner.get("error"))
                or count(inner, "exit_code") != 0
            )
            if subagent := self._dialect.spawned(name, response):
                session.spawned[subagent] = call_id
                session.subagents.found(subagent, call_id)
                yield BackgroundMoved(call_id, name=name, parent_id=parent)
                return
            output = flat(inner.get("content")) if "content" in inner else _output(inner, response)
            end = ToolEnded if failed or self._dialect.tells_outcome else ToolReturned
            yield end(call_id, None if output is None else value(output), failed, name, parent_id=parent)
            yield from _refused(record, session, name, given)
            return
        if listed is not None:
            yield listed


def _told(session: _Session, record: Record) -> Iterator[BuildEvent]:
    known = session.agent
    session.agent = replace(known, cwd=text(record, "cwd") or known.cwd, model=text(record, "model") or known.model)
    if session.started and session.agent != known:
        yield AgentReported(session.agent)


def _began(session: _Session) -> Iterator[BuildEvent]:
    session.started = True
    yield BuildStarted()
    yield AgentReported(session.agent)


def _failed(record: Record, session: _Session, at: Millis | None) -> Iterator[BuildEvent]:
    """A limit of the user's plan is waited for."""
    session.ended = "failed"
    words = text(record, "last_assistant_message") or text(record, "error") or "stopped by an error"
    yield TurnEnded("failed", error=words, source="hook")
    limit = limit_in(record, words, at)
    if limit is not None:
        yield ActivityReported("waiting-machine", WORDS, limit.until, "hook")


def _subagent_ended(record: Record, session: _Session) -> Iterator[BuildEvent]:
    """A subagent that works beside its agent was under way until now."""
    call_id = session.spawned.pop(text(record, "agent_id"), "")
    if call_id:
        yield ToolReturned(call_id, value(text(record, "last_assistant_message")))


def _kind(record: Record) -> str:
    said = text(record, "hook_event_name")
    return _NAMES.get(said, said)


def _prompted(session: _Session, prompt: str) -> Iterator[BuildEvent]:
    asked = spoken(prompt)
    if not asked:
        return
    if not session.agent.title:
        session.agent = replace(session.agent, title=title_of(asked))
        yield AgentReported(session.agent)
    yield from _asked(session, asked)


def _asked(session: _Session, words: str) -> Iterator[BuildEvent]:
    """A turn begins. Its prompt is what makes an ended build go on."""
    session.ended = None
    yield session.note("prompt", words)


def _permission(record: Record, session: _Session) -> Iterator[BuildEvent]:
    """A call that asks something needs a permission, too: what it asks says more, and is open with the call."""
    name, given = _call(record)
    agent, asks = text(record, "agent_id"), question(name, value(given))
    if asks and session.latest_call == (name, given):
        return
    masked = session.masked_input(name, given)
    suggestions = record.get("permission_suggestions")
    request = Request(
        f"asked-{fingerprint(agent, name, _pairing(name, given))}",
        "plan" if name == "ExitPlanMode" else "question" if asks else "permission",
        asks or permission(name, masked),
        name,
        input=masked,
        suggestions=value(suggestions) if suggestions else None,
        parent_id=session.subagents.parent_of(agent),
    )
    session.permissions.asked(agent, _pairing(name, given), request.id)
    yield RequestOpened(request)


def _form(record: Record, session: _Session) -> Request:
    server, ident = text(record, "mcp_server_name"), text(record, "elicitation_id")
    return Request(
        f"form-{fingerprint(server, ident)}",
        "form",
        text(record, "message") or SOMETHING,
        reason=server,
        parent_id=session.subagents.parent_of(text(record, "agent_id")),
    )


def _refused(record: Record, session: _Session, name: str, given: Record) -> Iterator[BuildEvent]:
    """Auto mode denies in place of a person; a person stops a call with all of its turn."""
    if _kind(record) == "PermissionDenied":
        what = permission(name, session.masked_input(name, given)).removeprefix("permission: ")
        yield Noticed(f"denied: {what}: {text(record, 'reason') or 'no reason given'}", "warning")
    elif record.get("is_interrupt") is True and not text(record, "agent_id"):
        session.ended = "interrupted"
        yield TurnEnded("interrupted", error="interrupted by the user", source="hook")


def _notified(record: Record, session: _Session) -> Iterator[BuildEvent]:
    """A notification that asks for a person makes the build wait; the others are only told.

    Early ones do not say of which type they are. What was asked for already is not asked for again.
    """
    message, kind = text(record, "message"), text(record, "notification_type")
    if kind not in _ASKS and (kind or "waiting for your input" in message):
        yield Noticed(message or kind)
        if kind == "idle_prompt":
            yield ActivityReported("idle", source="hook")
    elif not session.permissions:
        yield InputNeeded(_with_purpose(record, session, message))


def _with_purpose(record: Record, session: _Session, message: str) -> str:
    """A notification names the tool at most. Its details, or the call that began last, say what for."""
    details = obj(record, "details")
    if details:
        return f"{message or 'permission'}: {purpose(session.masked_input('', details))}"
    name, given = session.latest_call
    words = purpose(session.masked_input(name, given)) if name and name in message else ""
    return f"{message}: {words}" if words else message or "needs your attention"


def _listed(session: _Session, call_id: str, name: str, given: Record, own: bool) -> TodosReported | None:
    if name in TODO_TOOLS:
        return session.lists.started(call_id, name, given, own)
    if name == "update_plan":
        return TodosReported(plan_items(objects(given, "plan")), call_id=call_id)
    return session.gemini.started(call_id, name, given) if name in GEMINI_TODOS else None


def _call(record: Record) -> tuple[str, Record]:
    return text(record, "tool_name"), obj(record, "tool_input")


def _pairing(name: str, given: Record) -> str:
    """Early payloads have no call id: the same tool with the same input is the same call, first open first."""
    return fingerprint(name, encode(dict(sorted(given.items()))).decode("utf-8", "replace"))


def _paired(session: _Session, name: str, given: Record) -> str:
    waiting = session.open.get(_pairing(name, given))
    if waiting:
        return waiting.pop(0)
    return _new_call(session, name, given)


def _new_call(session: _Session, name: str, given: Record) -> str:
    """An id of our own, made of the input too: a reader that was started anew does not reuse it for other work."""
    session.calls += 1
    return f"call-{session.calls}-{_pairing(name, given)}"


def _output(inner: Record, response: object) -> object:
    """Standard output and error of a shell call as one text; anything else as it came."""
    if "stdout" in inner:
        return "\n".join(part for part in (text(inner, "stdout"), text(inner, "stderr")) if part)
    if "llmContent" in inner:
        return inner.get("error") or flat(inner["llmContent"])
    return response


class HookLines:
    """Recorded payloads, one a line, as a reader like the others."""

    def __init__(self, dialect: HookDialect) -> None:
        self._hooks = HookReader(dialect)
        self.counts = self._hooks.counts
        self._lines = JsonLines(self.counts)

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._hooks.read, self.counts)

    def finish(self) -> list[Reported]:
        reports = reports_of(self._lines.finish(), self._hooks.read, self.counts)
        return [*reports, *self._hooks.finish()]
