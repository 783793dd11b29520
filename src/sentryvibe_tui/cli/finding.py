"""Which project and session a person means, asked of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from ..client.catalogue import Catalogue, ServedBuilds, StoredBuilds, kept_in
from ..client.rest import AmbiguousProject, NoSuchProject, ProjectRef, builds, choose, resolve
from ..errors import NoAnswer, OddAnswer, StoreError
from ..model.state import BuildState
from ..model.text import clean_line
from ..settings import data_dir
from ..wire.projects import project_id
from .options import NoLink, Server, UsageProblem, settings
from .output import tell

T = TypeVar("T")

AGAIN = 2.0
"""Seconds between two looks for a session that does not exist yet."""


async def find_project(server: Server, text: str) -> ProjectRef:
    """The project there is. Raises NoLink, and UsageProblem with a list of what there is."""
    try:
        return await resolve(server.address, text)
    except NoAnswer as error:
        raise server.unlinked(error) from None
    except (NoSuchProject, AmbiguousProject) as error:
        raise UsageProblem(clean_line(str(error))) from None


async def expect_project(server: Server, text: str, note: Callable[[str], None]) -> ProjectRef:
    """The project there is, or that there will be under this name: `note` hears which others there are. Raises NoLink,
    UsageProblem.

    A server that the user named, or that runs here, may come back: then the link tries again by itself.
    """
    try:
        return await resolve(server.address, text)
    except NoSuchProject as error:
        if error.listing:
            note(clean_line(f"{error}; waiting for it"))
        return ProjectRef(project_id(text), text)
    except AmbiguousProject as error:
        raise UsageProblem(clean_line(str(error))) from None
    except NoAnswer as error:
        if not server.certain:
            raise server.unlinked(error) from None
        return ProjectRef(project_id(text), text)


async def find_session(server: Server, project: ProjectRef, text: str) -> str:
    """The id of the session that `text` is, or begins. Raises NoLink, UsageProblem."""
    try:
        sessions = dict.fromkeys(build.session_id for build in await builds(server.address, project.id))
    except NoAnswer as error:
        raise server.unlinked(error) from None
    matches = _matches(sessions, text)
    if len(matches) == 1:
        return matches[0]
    raise _no_session(text, matches, sessions)


def _matches(sessions: Iterable[str], text: str) -> list[str]:
    listed = list(sessions)
    return [text] if text in listed else [session for session in listed if session.startswith(text)]


def _no_session(text: str, matches: Iterable[str], sessions: Iterable[str]) -> UsageProblem:
    listed = ", ".join(matches) or ", ".join(sessions) or "none yet"
    problem = f"{text!r} is one of several" if matches else f"no session {text!r}; there are"
    return UsageProblem(clean_line(f"{problem}: {listed}"))


async def expect_session(server: Server, project: ProjectRef, text: str) -> str:
    """The session there is, or the first to come that `text` is or begins. Raises NoLink, UsageProblem.

    Of a server that cannot be asked now, the link tells: then `text` has to be the whole id.
    """
    while True:
        try:
            sessions = dict.fromkeys(build.session_id for build in await builds(server.address, project.id))
        except NoAnswer as error:
            if error.status in (401, 403):
                raise server.unlinked(error) from None
            if error.status != 404:
                return text
            sessions = {}
        matches = _matches(sessions, text)
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise _no_session(text, matches, sessions)
        await asyncio.sleep(AGAIN)


async def target(
    server: Server, project: str, session: str | None, waits: bool, note: Callable[[str], None] = lambda _: None
) -> tuple[ProjectRef, str]:
    """The project, and the session's id or nothing. `note`: as of `expect_project`. Raises NoLink, UsageProblem."""
    ref = await (expect_project(server, project, note) if waits else find_project(server, project))
    if not session:
        return ref, ""
    return ref, await (expect_session(server, ref, session) if waits else find_session(server, ref, session))


async def catalogue(server: Server) -> Catalogue:
    """Of the server; of what is kept when nobody named one and none runs here. Raises NoLink."""
    served = ServedBuilds(server.address)
    store = None if server.certain else store_catalogue()
    if store is None:
        return served
    try:
        await served.projects()
    except NoAnswer as error:
        if isinstance(error, OddAnswer):
            raise server.unlinked(error) from None
        tell("no server runs: this is what is kept")
        return store
    return served


def store_catalogue() -> StoredBuilds | None:
    """What the settings say that servers of ours keep; None: nothing is. Raises NoLink."""
    ours = settings().settings
    try:
        return kept_in(data_dir(ours), ours.store)
    except StoreError as error:
        raise NoLink(clean_line(str(error))) from None


async def told_of(server: Server, answer: Awaitable[T]) -> T:
    """What a catalogue answers. Raises NoLink."""
    try:
        return await answer
    except NoAnswer as error:
        raise server.unlinked(error) from None
    except StoreError as error:
        raise NoLink(clean_line(str(error))) from None


async def newest_state(server: Server, text: str, session: str | None) -> BuildState:
    """The state of a project's newest build, or of a session's. Raises NoLink, UsageProblem."""
    return await state_in(await catalogue(server), server, text, session)


async def state_in(source: Catalogue, server: Server, text: str, session: str | None) -> BuildState:
    """The same in a catalogue. Raises NoLink, UsageProblem."""
    listed = await told_of(server, source.projects())
    try:
        project = choose(text, [one.ref for one in listed])
    except (NoSuchProject, AmbiguousProject) as error:
        raise UsageProblem(clean_line(str(error))) from None
    session_id = ""
    if session:
        listed_builds = await told_of(server, source.of_project(project.id))
        sessions = dict.fromkeys(build.session_id for build in listed_builds)
        fitting = _matches(sessions, session)
        if len(fitting) != 1:
            raise _no_session(session, fitting, sessions)
        session_id = fitting[0]
    for state in await told_of(server, source.states(project.id, session_id)):
        if session_id in ("", state.session_id):
            return state
    raise UsageProblem(f"project {clean_line(project.name or project.id)!r} has no build yet")
