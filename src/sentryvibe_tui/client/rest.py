"""Reading from a server over HTTP: which projects and builds there are, their states, whole tool calls.

It uses the standard library's client in a thread: a watch must show its first frame before httpx could be imported.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec import Raw, Struct

from ..agents.doing import summary_of
from ..errors import BadAddress, BadJson, ErrorAnswer, NoAnswer, OddAnswer, SentryVibeError
from ..model.state import BuildState, Millis
from ..model.summary import BuildSummary
from ..model.text import clean_line
from ..wire.address import Address
from ..wire.frames import MAX_FRAME, unpacked
from ..wire.json import ABSENT, decode, plain, present
from ..wire.original_rows import OriginalSession, Stored, stored
from ..wire.summary import decode_summary
from .dial import connection
from .original_replica import Hydration
from .trouble import in_words
from .watchers import ServerWatchers, WatcherRow

TIMEOUT = 10.0
"""Seconds for connecting, and for every read."""
PATIENCE = 60.0
"""Those for what a server is busy with for a few seconds."""

T = TypeVar("T")


class ProjectRef(Struct, frozen=True):
    id: str
    name: str = ""
    slug: str = ""


class NoSuchProject(SentryVibeError, LookupError):
    """No project of that name; `listing` holds those there are."""

    def __init__(self, text: str, listing: tuple[ProjectRef, ...]) -> None:
        known = ", ".join(clean_line(project.name or project.id, 80) for project in listing) or "none yet"
        super().__init__(f"no project {text!r}; there are: {known}")
        self.listing = listing


class AmbiguousProject(SentryVibeError, LookupError):
    """Several projects begin like that: `matches`."""

    def __init__(self, text: str, matches: tuple[ProjectRef, ...]) -> None:
        super().__init__(f"{text!r} is one of several: {', '.join(clean_line(project.id, 80) for project in matches)}")
        self.matches = matches


class ListedProject(Struct, frozen=True, rename="camel"):
    """One row of the list. `builds` are newest first; an original server says none."""

    id: str
    name: str = ""
    slug: str = ""
    status: str = ""
    builds: tuple[BuildSummary, ...] = ()

    @property
    def ref(self) -> ProjectRef:
        return ProjectRef(self.id, self.name, self.slug)


class _ProjectRow(Struct, frozen=True, rename="camel"):
    id: str
    name: str | None = None
    slug: str | None = None
    status: str | None = None
    builds: list[Raw] | None = None


class _Projects(Struct, frozen=True):
    projects: list[_ProjectRow]


class _Builds(Struct, frozen=True):
    builds: list[Raw]


class _Messages(Struct, frozen=True):
    sessions: list[OriginalSession] = []


class _Error(Struct, frozen=True):
    error: Raw = ABSENT


class _Tool(Struct, frozen=True):
    input: Raw = ABSENT
    output: Raw = ABSENT


# --------------------------------------------------------------------------- questions


async def projects(server: Address) -> tuple[ListedProject, ...]:
    """All projects, in the server's order. Raises NoAnswer."""
    answer = _shaped(await _get(server, server.http("projects")), _Projects)
    return tuple(
        ListedProject(row.id, row.name or "", row.slug or "", row.status or "", _summaries(row.builds or ()))
        for row in answer.projects
    )


async def resolve(server: Address, text: str) -> ProjectRef:
    """The project that a person means: by id, slug or name, else by a unique prefix of one of them.

    Raises NoSuchProject, AmbiguousProject, NoAnswer.
    """
    return choose(text, [project.ref for project in await projects(server)])


def choose(text: str, listing: Iterable[ProjectRef]) -> ProjectRef:
    """`resolve` among projects already listed."""
    projects, name = tuple(listing), text.strip()
    folded = name.casefold()
    for exact in (
        [p for p in projects if name == p.id],
        [p for p in projects if name in (p.slug, p.name)],
        [p for p in projects if folded in (p.slug.casefold(), p.name.casefold())],
        [p for p in projects if folded and any(s.casefold().startswith(folded) for s in (p.id, p.slug, p.name))],
    ):
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise AmbiguousProject(text, tuple(exact))
    raise NoSuchProject(text, projects)


async def builds(server: Address, project_id: str) -> tuple[BuildSummary, ...]:
    """A project's builds, newest first; from the states themselves where the server lists none. Raises NoAnswer."""
    try:
        answer = _shaped(await _get(server, server.http("projects", project_id, "builds")), _Builds)
        return _summaries(answer.builds)
    except OddAnswer:  # an original server knows no such list
        return tuple(map(summary_of, await states(server, project_id)))


async def all_builds(
    server: Address, *, project_id: str = "", active: bool = False, limit: int = 0, since: Millis | None = None
) -> tuple[BuildSummary, ...]:
    """Builds of all projects, the one with the latest event first: those that go on, of a project, heard of at or after
    `since`, at most `limit`; defaults ask for all. Raises NoAnswer: OddAnswer from an original server."""
    parameters = {
        "projectId": project_id,
        "active": "1" if active else "",
        "limit": str(limit or ""),
        "since": "" if since is None else str(since),
    }
    url = server.http("builds", query={name: value for name, value in parameters.items() if value})
    return _summaries(_shaped(await _get(server, url), _Builds).builds)


async def states(server: Address, project_id: str, session_id: str = "", build_id: str = "") -> tuple[BuildState, ...]:
    """The newest state of every session of a project, newest first; our servers take a choice. Raises NoAnswer."""
    return tuple([session.ended for session in await _sessions(server, project_id, session_id, build_id)])


async def _sessions(server: Address, project_id: str, session_id: str = "", build_id: str = "") -> list[Stored]:
    asked = {name: value for name, value in (("sessionId", session_id), ("buildId", build_id)) if value}
    body = await _get(server, server.http("projects", project_id, "messages", query=asked))
    return await asyncio.to_thread(_stored_sessions, body)  # they may be megabytes


def _stored_sessions(body: bytes) -> list[Stored]:
    """Raises OddAnswer."""
    try:
        states = [stored(session) for session in _shaped(body, _Messages).sessions]
    except BadJson as error:
        raise OddAnswer(f"hydratedState: {error}") from None
    return [session for session in states if session is not None and session.state.id]


async def build(server: Address, project_id: str, session_id: str, build_id: str) -> BuildState | None:
    """One build as the server has it now; None when it has none such."""
    for state in await states(server, project_id, session_id, build_id):
        if state.id == build_id and session_id in ("", state.session_id):
            return state
    return None


async def hydrate(server: Address, project_id: str, session_id: str = "") -> Hydration:
    """What a watcher of an original server begins with. Raises NoAnswer."""
    states = await _sessions(server, project_id)
    ours = next((session for session in states if session_id in ("", session.state.session_id)), None)
    mine = "" if ours is None else ours.state.id
    return Hydration(ours, tuple(session.state.id for session in states if session.state.id != mine))


async def whole_tool(server: Address, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
    """Input and output of a call, unclipped; (None, None) from a server that does not keep them. Raises NoAnswer."""
    try:
        answer = _shaped(await _get(server, server.http("sessions", session_id, "tools", tool_id)), _Tool)
    except ErrorAnswer as error:
        if error.status == 404:
            return None, None
        raise
    return present(answer.input), present(answer.output)


async def discard(server: Address, project_id: str, session_id: str, build_id: str) -> None:
    """Delete a damaged build. Raises NoAnswer."""
    asked = {"sessionId": session_id, "buildId": build_id}
    await _ask(server, "DELETE", server.http("projects", project_id, "builds", query=asked))


async def delete(server: Address, project_id: str, session_id: str, build_id: str) -> None:
    """Delete a build that has ended. Raises NoAnswer."""
    build = {"projectId": project_id, "sessionId": session_id, "buildId": build_id}
    await _ask(server, "DELETE", server.http("builds", query=build))


class _Watchers(Struct, frozen=True):
    host: str = ""
    watchers: tuple[WatcherRow, ...] = ()


async def list_watchers(server: Address) -> ServerWatchers:
    """Who watches that very server, or why it does not tell."""
    try:
        answer = _shaped(await _get(server, server.http("watchers")), _Watchers)
    except ErrorAnswer as error:
        untold = "this server does not tell who watches" if error.status == 404 else str(error)
        return ServerWatchers(server.base, trouble=untold)
    except OddAnswer:
        return ServerWatchers(server.base, trouble="this server does not tell who watches")
    except NoAnswer as error:
        return ServerWatchers(server.base, trouble=str(error))
    return ServerWatchers(f"{server.base} on {answer.host}" if answer.host else server.base, answer.watchers)


class ExpiredBuild(Struct, frozen=True, rename="camel"):
    """A build that `prune_some` deletes, and how many entries its log has."""

    project_id: str
    session_id: str
    build_id: str
    entries: int


class _Expired(Struct, frozen=True):
    builds: tuple[ExpiredBuild, ...]


class PruneProgress(Struct, frozen=True):
    deleted: int
    entries: int


async def list_prunable(server: Address, before: Millis, keep: int, project_id: str) -> tuple[ExpiredBuild, ...]:
    """Builds that `prune_some` deletes: they have ended, nothing came since `before`, and their project ("" all) has
    `keep` others that it means rather. Raises NoAnswer."""
    return _shaped(await _get(server, _expired(server, before, keep, project_id)), _Expired).builds


async def prune_some(server: Address, before: Millis, keep: int, project_id: str) -> PruneProgress:
    """Delete some of them; none are left when none was deleted. Raises NoAnswer."""
    return _shaped(await _ask(server, "DELETE", _expired(server, before, keep, project_id), PATIENCE), PruneProgress)


def _expired(server: Address, before: Millis, keep: int, project_id: str) -> str:
    choice = {"before": str(before), "keep": str(keep), "projectId": project_id}
    return server.http("builds", "expired", query={name: value for name, value in choice.items() if value})


# --------------------------------------------------------------------------- shapes


def _summaries(rows: Iterable[Raw]) -> tuple[BuildSummary, ...]:
    try:
        return tuple(map(decode_summary, rows))
    except BadJson as error:
        raise OddAnswer(f"an answer of another shape: {error}") from None


def _shaped(body: bytes, kind: type[T]) -> T:
    try:
        return decode(body, kind)
    except BadJson as error:
        raise OddAnswer(f"an answer of another shape: {error}") from None


# --------------------------------------------------------------------------- HTTP


async def _get(server: Address, url: str) -> bytes:
    return await _ask(server, "GET", url)


async def _ask(server: Address, method: str, url: str, timeout: float = TIMEOUT) -> bytes:
    """Body of a successful answer. Cancelling cuts the connection, so that no thread stays behind."""
    parts = urlsplit(url)
    try:
        link = connection(server, timeout)
    except BadAddress as error:
        raise NoAnswer(str(error)) from None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    reading = asyncio.get_running_loop().run_in_executor(None, _read, link, method, target, server.headers)
    try:
        status, body = await asyncio.shield(reading)
    except asyncio.CancelledError:
        if link.sock is not None:
            with suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)
        reading.add_done_callback(_retrieved)
        raise
    except (OSError, http.client.HTTPException, EOFError) as error:
        raise NoAnswer(in_words(error)) from None
    except ValueError as error:
        raise OddAnswer(str(error)) from None
    if status != 200:
        raise ErrorAnswer(status, error_text(body))
    return body


def _read(link: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
    try:
        accepted = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        link.request(method, target, headers=accepted | headers)
        answer = link.getresponse()
        body = answer.read(MAX_FRAME + 1)
        if len(body) > MAX_FRAME:
            raise ValueError(f"an answer larger than {MAX_FRAME} bytes")
        return answer.status, unpacked(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    finally:
        link.close()


def _retrieved(reading: asyncio.Future[tuple[int, bytes]]) -> None:
    """Nobody waits for the outcome any more."""
    if not reading.cancelled():
        reading.exception()


def error_text(body: bytes) -> str:
    """The reason in an error answer of ours or the original's, safe for a terminal; empty when it is none."""
    try:
        message = plain(decode(body, _Error).error)
    except BadJson:
        return ""
    return clean_line(message, 200) if isinstance(message, str) else ""
