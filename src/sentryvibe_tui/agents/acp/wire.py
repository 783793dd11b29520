"""What an editor and an agent say to each other in the Agent Client Protocol: JSON-RPC, one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from ...model.events import BuildEvent
from ...model.state import Agent
from ..common.json_lines import JsonLines
from ..common.reader import Counts, Reported, reports_of
from ..common.values import Record, identifier, obj, text
from .calls import resolution_of
from .session import AcpSession
from .tools import AGENT

Side = Literal["client", "agent"]
"""Who says it."""

_BEGIN = frozenset({"session/new", "session/load", "session/resume", "session/fork"})
_END = frozenset({"session/close", "session/delete"})
_ASK = frozenset({"session/request_permission", "elicitation/create"})
_OPEN = 1_024
"""Requests without an answer that are remembered."""


class AcpWire:
    """One connection with all its sessions, each a build of its own. `token` tells connections apart.

    Each side numbers its own requests: an answer belongs to the other side's request of that number.
    """

    def __init__(self, token: str = "", agent: str = AGENT) -> None:
        self.counts = Counts()
        self._lines: dict[Side, JsonLines] = {"client": JsonLines(self.counts), "agent": JsonLines(self.counts)}
        self._open: dict[Side, dict[str, Record]] = {"client": {}, "agent": {}}
        self._agent, self._token = Agent(agent), f"{token}-" if token else ""
        self._terminals: dict[str, str] = {}
        self._sessions: dict[str, AcpSession] = {}

    def feed(self, side: Side, data: bytes) -> list[Reported]:
        """What the bytes that `side` said mean; each report names its session."""
        return reports_of(self._lines[side].feed(data), lambda record: self.read(side, record), self.counts)

    def finish(self, error: str = "") -> list[Reported]:
        """The agent's process has ended."""
        reports: list[Reported] = []
        for session in list(self._sessions):
            reports += self._over(session, error)
        return reports

    def directory(self, session: str) -> str:
        """Where it works; "" when that was not said."""
        known = self._sessions.get(session)
        return "" if known is None else known.directory

    def side_of(self, record: Record) -> Side:
        """Who says it, in a record of both sides together: by its method, or by whose request it answers."""
        method = text(record, "method")
        if method:
            return "agent" if method.startswith(_OF_AGENTS) else "client"
        return "agent" if identifier(record.get("id")) in self._open["client"] else "client"

    def read(self, side: Side, record: Record) -> Iterator[Reported]:
        method, params, ident = text(record, "method"), obj(record, "params"), identifier(record.get("id"))
        if not method:
            asked = self._open["agent" if side == "client" else "client"].pop(ident, None)
            if asked is not None:
                yield from self._response(side, asked, record)
            return
        if ident:
            self._open[side][ident] = record
            if len(self._open[side]) > _OPEN:
                del self._open[side][next(iter(self._open[side]))]
        if side == "client":
            yield from self._of_client(method, params)
        else:
            yield from self._of_agent(method, ident, params)

    # ----------------------------------------------------------------------- requests and notifications

    def _of_client(self, method: str, params: Record) -> Iterator[Reported]:
        session = text(params, "sessionId")
        if method in ("session/load", "session/resume"):
            yield from self._begin(session, text(params, "cwd"))
            self._sessions[session].is_replayed = method == "session/load"
        elif method == "session/prompt":
            yield from self._begin(session)
            yield from self._labelled(session, self._sessions[session].prompted(params))

    def _of_agent(self, method: str, ident: str, params: Record) -> Iterator[Reported]:
        session = text(params, "sessionId")
        session_state = self._sessions.get(session)
        if method == "session/update" and session:
            yield from self._begin(session)
            yield from self._labelled(session, self._sessions[session].updated(obj(params, "update")))
        elif method in _ASK and session_state is not None:
            yield from self._labelled(session, session_state.request(method, self._request(ident), params))

    def _request(self, ident: str) -> str:
        return f"acp-{self._token}{ident}"

    # ----------------------------------------------------------------------- answers

    def _response(self, side: Side, request: Record, response: Record) -> Iterator[Reported]:
        method, params, result = text(request, "method"), obj(request, "params"), obj(response, "result")
        session = text(params, "sessionId")
        if side == "client":
            yield from self._client_answered(method, session, request, result)
        elif method == "initialize":
            about = obj(result, "agentInfo")
            name, version = text(about, "name") or self._agent.agent_id, text(about, "version")
            self._agent = replace(self._agent, agent_id=name, version=version)
        elif method in _BEGIN and "result" in response:
            own = text(result, "sessionId") or session
            yield from self._begin(own, text(params, "cwd"))
            self._sessions[own].is_replayed = False
            yield from self._labelled(own, self._sessions[own].placed(text(params, "cwd")))
            yield from self._labelled(own, self._sessions[own].configured(result))
        elif method == "session/prompt" and session in self._sessions:
            yield from self._labelled(session, self._sessions[session].returned(response))
        elif method in _END:
            yield from self._over(session)

    def _client_answered(self, method: str, session: str, request: Record, result: Record) -> Iterator[Reported]:
        if method in _ASK and session in self._sessions:
            answer = resolution_of(self._request(identifier(request.get("id"))), result)
            yield Reported(answer, None, session)
        elif method == "terminal/output":
            self._terminals[text(obj(request, "params"), "terminalId")] = text(result, "output")
            if len(self._terminals) > _OPEN:
                del self._terminals[next(iter(self._terminals))]

    # ----------------------------------------------------------------------- sessions

    def _begin(self, session: str, cwd: str = "") -> Iterator[Reported]:
        if session and session not in self._sessions:
            notes = f"{self._token}note-"
            acp_session = AcpSession(
                replace(self._agent, cwd=cwd or self._awaited_cwd()), self.counts, self._terminals, notes
            )
            self._sessions[session] = acp_session
            yield from self._labelled(session, acp_session.began())

    def _awaited_cwd(self) -> str:
        """An agent may speak in a session before it answers that it has begun."""
        asked = [one for one in self._open["client"].values() if text(one, "method") in _BEGIN]
        return text(obj(asked[-1], "params"), "cwd") if asked else ""

    def _over(self, session: str, error: str = "") -> Iterator[Reported]:
        known = self._sessions.pop(session, None)
        if known is not None:
            yield from self._labelled(session, known.over(error))

    def _labelled(self, session: str, events: Iterator[BuildEvent]) -> Iterator[Reported]:
        return (Reported(event, None, session) for event in events)


_OF_AGENTS = ("session/update", "session/request_permission", "fs/", "terminal/", "elicitation/", "mcp/")


class AcpLines:
    """A recording of both sides together, one object a line."""

    def __init__(self) -> None:
        self._wire = AcpWire()
        self.counts = self._wire.counts
        self._lines = JsonLines(self.counts)

    def feed(self, data: bytes) -> list[Reported]:
        return reports_of(self._lines.feed(data), self._read, self.counts)

    def finish(self) -> list[Reported]:
        reports = [*reports_of(self._lines.finish(), self._read, self.counts), *self._wire.finish()]
        left_out = self.counts.left_out()
        return [*reports, *([Reported(left_out)] if left_out is not None and reports else [])]

    def _read(self, record: Record) -> Iterator[Reported]:
        return self._wire.read(self._wire.side_of(record), record)
