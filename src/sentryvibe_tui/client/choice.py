"""Which session or build a person means: by its id, else by the beginning of one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ..errors import NoAnswer, SentryVibeError
from ..model.state import BuildState
from ..model.summary import BuildSummary
from ..model.text import clean_line
from ..wire.address import Address
from . import rest
from .catalogue import Catalogue
from .rest import choose

PAUSE = 2.0
"""Seconds between two looks for a session that does not exist yet."""


class NoSuchSession(SentryVibeError, LookupError):
    """No session begins so, or several do: `matches`."""

    def __init__(self, text: str, matches: Sequence[str], sessions: Iterable[str]) -> None:
        listed = ", ".join(matches) or ", ".join(sessions) or "none yet"
        problem = f"{text!r} is one of several" if matches else f"no session {text!r}; there are"
        super().__init__(f"{problem}: {listed}")
        self.matches = tuple(matches)


class NoBuild(SentryVibeError, LookupError):
    """A project that has none."""


def choose_session(text: str, sessions: Iterable[str]) -> str:
    """The id that `text` is, or begins. Raises NoSuchSession."""
    listed = tuple(dict.fromkeys(sessions))
    matches = [text] if text in listed else [session for session in listed if session.startswith(text)]
    if len(matches) == 1:
        return matches[0]
    raise NoSuchSession(text, matches, listed)


def choose_builds(text: str, builds: Iterable[BuildSummary]) -> list[BuildSummary]:
    """Those whose id, or whose session's, `text` is; where there is none, those that it begins: "" all."""
    listed = tuple(builds)
    exact = [build for build in listed if text and text in (build.build_id, build.session_id)]
    return exact or [build for build in listed if build.build_id.startswith(text) or build.session_id.startswith(text)]


async def find_session(server: Address, project_id: str, text: str) -> str:
    """The id of the session that there is. Raises NoAnswer, NoSuchSession."""
    return choose_session(text, [build.session_id for build in await rest.builds(server, project_id)])


async def await_session(server: Address, project_id: str, text: str, pause: float = PAUSE) -> str:
    """The session there is, or the first to come that `text` is or begins.

    Of a server that cannot be asked now, the link tells: then `text` has to be the whole id. Raises NoAnswer where the
    server lets nobody in, NoSuchSession where several begin so.
    """
    while True:
        try:
            return await find_session(server, project_id, text)
        except NoSuchSession as error:
            if error.matches:
                raise
        except NoAnswer as error:
            if error.status in (401, 403):
                raise
            if error.status != 404:
                return text
        await asyncio.sleep(pause)


async def newest_state(source: Catalogue, text: str, session: str | None = None) -> BuildState:
    """The state of a project's newest build, or of a session's. Raises NoSuchProject, AmbiguousProject, NoSuchSession,
    NoBuild, and what `source` raises."""
    project = choose(text, [one.ref for one in await source.projects()])
    session_id = ""
    if session:
        session_id = choose_session(session, [build.session_id for build in await source.of_project(project.id)])
    for state in await source.states(project.id, session_id):
        if session_id in ("", state.session_id):
            return state
    raise NoBuild(f"project {clean_line(project.name or project.id)!r} has no build yet")
