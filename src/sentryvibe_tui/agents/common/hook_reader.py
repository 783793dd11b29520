"""Reads payloads of hooks: one at a time for a server, or recorded ones, a line each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ...model.events import BuildEvent, BuildStarted
from ...model.facts import AgentReported, BuildEnded, TodoItem
from ...model.state import BuildState, Millis
from ...wire.json import decode
from ..redact import Redactor
from .hook_dialect import HookDialect
from .hook_session import HookSession
from .json_lines import JsonLines
from .reader import Counts, Reported, reports_of
from .values import Record, text, time

SESSIONS = 256
"""Sessions that are remembered; of one that was silent for longer than so many others only the state is known."""


class HookReader:
    """Takes one payload at a time, of as many sessions as there are. Text between calls is not in hooks."""

    def __init__(self, dialect: HookDialect, redactor: Redactor | None = None) -> None:
        self.counts = Counts()
        self._redactor = redactor
        self._dialect = dialect
        self._sessions: OrderedDict[str, HookSession] = OrderedDict()

    def knows(self, session: str) -> bool:
        return session in self._sessions

    def resume(self, name: str, state: BuildState) -> None:
        """Goes on with a session of which there is a build, as if all its payloads had been read here."""
        todos = tuple(TodoItem(todo.content, todo.status, todo.active_form, todo.id) for todo in state.todos)
        self._session(name).resume(state, todos)

    def read(self, payload: bytes | Record, received: Millis | None = None) -> list[Reported]:
        """The events of one payload, `received` then. Raises BadJson when the bytes are no JSON object."""
        record: Record = decode(payload, dict[str, Any]) if isinstance(payload, bytes) else payload
        if self._dialect.is_aside(record):
            return []
        name = text(record, "session_id")
        session, at = self._session(name), time(record)
        session.received = at or received
        reports: list[Reported] = []
        for event in session.masked(self._events(record, session)):
            if not session.started and not isinstance(event, BuildStarted):
                session.started = True
                reports += [Reported(BuildStarted(), at, name), Reported(AgentReported(session.agent), at, name)]
            reports.append(Reported(event, at, name))
        if session.is_over:
            self._sessions.pop(name)
        return reports

    def finish(self) -> list[Reported]:
        """The end of every session whose turn is still open."""
        left_out = self.counts.left_out()
        names = [name for name, session in self._sessions.items() if session.started and session.ended is None]
        self._sessions.clear()
        said = [Reported(left_out, None, names[-1])] if left_out is not None and names else []
        return [*said, *(Reported(BuildEnded("interrupted"), None, name) for name in names)]

    def _session(self, name: str) -> HookSession:
        session = self._sessions.setdefault(name, HookSession(self._dialect, self._redactor))
        self._sessions.move_to_end(name)
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _events(self, record: Record, session: HookSession) -> list[BuildEvent]:
        session.subagents.feed(record)
        return [*_agent(record, session), *self._reported(record, session)]

    def _reported(self, record: Record, session: HookSession) -> Iterator[BuildEvent]:
        kind = text(record, "hook_event_name")
        handler = self._dialect.events.get(kind)
        if handler is not None:
            yield from handler(record, session)
        elif kind not in self._dialect.quiet:
            self.counts.add_unknown(kind or "no hook_event_name")


def _agent(record: Record, session: HookSession) -> Iterator[BuildEvent]:
    known = session.agent
    session.agent = replace(known, cwd=text(record, "cwd") or known.cwd, model=text(record, "model") or known.model)
    if session.started and session.agent != known:
        yield AgentReported(session.agent)


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
