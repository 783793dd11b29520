"""Which projects and builds there are, and their states: of a server, or of what is kept while none runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Raw
from msgspec.structs import replace

from ..agents.doing import summary_of
from ..errors import OddAnswer
from ..model.state import BuildState, Millis
from ..model.summary import BuildKey, BuildSummary
from ..wire.address import Address
from . import rest
from .rest import ListedProject

if TYPE_CHECKING:
    from ..store.contract import KeptStore

LISTED = 20
"""Builds of a project that a list without a choice names."""
MOST = 10_000


class Catalogue(Protocol):
    async def projects(self) -> tuple[ListedProject, ...]:
        """All, each with its latest builds."""
        ...

    async def builds(self, active: bool, since: Millis | None, limit: int) -> tuple[BuildSummary, ...]:
        """Of all projects, the latest first: `active`: those that go on only; `since`: heard of then or later; at most
        `limit`, 0 for all."""
        ...

    async def of_project(self, project_id: str) -> tuple[BuildSummary, ...]:
        """A project's builds, the one that is meant first."""
        ...

    async def states(self, project_id: str, session_id: str = "") -> tuple[BuildState, ...]:
        """The one that is meant first."""
        ...

    async def build(self, key: BuildKey) -> BuildState | None: ...


class ServedBuilds:
    """Of a server. Every question raises NoAnswer."""

    def __init__(self, server: Address) -> None:
        self._server = server

    async def projects(self) -> tuple[ListedProject, ...]:
        known = await rest.projects(self._server)
        return tuple([project if project.builds else await self._with_builds(project) for project in known])

    async def _with_builds(self, project: ListedProject) -> ListedProject:
        """Also of a server whose list does not tell of builds."""
        states = await rest.states(self._server, project.id)
        return replace(project, builds=tuple(map(summary_of, states)))

    async def builds(self, active: bool, since: Millis | None, limit: int) -> tuple[BuildSummary, ...]:
        try:
            return await rest.all_builds(self._server, active=active, since=since, limit=limit or MOST)
        except OddAnswer:  # an original server has no such list
            listed = [build for project in await self.projects() for build in project.builds]
            listed.sort(key=lambda build: build.last_event_at or 0, reverse=True)
            chosen = [build for build in listed if is_chosen(build, active, since)]
            return tuple(chosen[: limit or None])

    async def states(self, project_id: str, session_id: str = "") -> tuple[BuildState, ...]:
        return await rest.states(self._server, project_id, session_id)

    async def of_project(self, project_id: str) -> tuple[BuildSummary, ...]:
        return await rest.builds(self._server, project_id)

    async def build(self, key: BuildKey) -> BuildState | None:
        return await rest.build(self._server, key.project_id, key.session_id, key.build_id)


class StoredBuilds:
    """Of what is kept. Every question raises StoreError."""

    def __init__(self, kept: KeptStore) -> None:
        self._kept = kept

    async def projects(self) -> tuple[ListedProject, ...]:
        listed = await self._kept.projects(LISTED)
        return tuple([ListedProject(one.id, one.name, one.slug, builds=builds) for one, builds in listed])

    async def builds(self, active: bool, since: Millis | None, limit: int) -> tuple[BuildSummary, ...]:
        from ..store.contract import BuildFilter

        wanted = BuildFilter(active=True if active else None, since=since)
        return (await self._kept.builds(wanted, limit or MOST)).builds

    async def states(self, project_id: str, session_id: str = "") -> tuple[BuildState, ...]:
        key = await self._kept.newest(project_id, session_id)
        state = None if key is None else await self._kept.state(key)
        return () if state is None else (state,)

    async def of_project(self, project_id: str) -> tuple[BuildSummary, ...]:
        from ..store.contract import BuildFilter

        return (await self._kept.builds(BuildFilter(project_id), MOST)).builds

    async def build(self, key: BuildKey) -> BuildState | None:
        return await self._kept.state(key)

    async def tool(self, key: BuildKey, tool_id: str) -> tuple[Raw | None, Raw | None]:
        """Input and output of a call, whole."""
        found = await self._kept.tool(key, tool_id)
        return (None, None) if found is None else (found.input, found.output)


def is_chosen(build: BuildSummary, active: bool, since: Millis | None) -> bool:
    heard = build.last_event_at or build.ended_at or 0
    return (build.is_active or not active) and (since is None or heard >= since)


def grouped(builds: tuple[BuildSummary, ...], projects: tuple[ListedProject, ...]) -> tuple[ListedProject, ...]:
    """The projects of `builds`, with those builds only, in the builds' order."""
    known = {project.id: project for project in projects}
    chosen: dict[str, list[BuildSummary]] = {}
    for build in builds:
        chosen.setdefault(build.project_id, []).append(build)
    return tuple(
        replace(known.get(ident) or ListedProject(ident, listed[0].project_name), builds=tuple(listed))
        for ident, listed in chosen.items()
    )


def kept_in(directory: Path, store: str = "") -> StoredBuilds | None:
    """What is kept in a data directory, or in the database at `store` (`postgresql://…`); None: nothing.

    Raises StoreBroken.
    """
    from ..store.opening import kept_store

    kept = kept_store(store, directory)
    return None if kept is None else StoredBuilds(kept)
