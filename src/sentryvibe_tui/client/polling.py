"""The list of an original server, which has no feed: its projects are asked for now and then, gently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ..agents.doing import summary_of
from ..errors import ErrorAnswer, NoAnswer, OddAnswer
from ..model.summary import BuildSummary
from ..wire.address import Address
from ..wire.feed import BuildsRecovery
from . import rest as reading
from .builds_link import OpenBuilds
from .rest import ListedProject
from .transport import Failed

EVERY = 15.0
"""Seconds between two rounds."""
A_ROUND = 8
"""Projects whose builds are read in one round at most."""

_LATER = frozenset({408, 429})
_OVER = frozenset({"completed", "failed", "cancelled", "interrupted"})


async def has_feed(server: Address) -> bool:
    """False for an original server. Raises Failed when it cannot be told."""
    try:
        await reading.all_builds(server, limit=1)
    except ErrorAnswer as error:
        if error.status in (401, 403):
            raise Failed(str(error), error.status) from None
        if error.status in _LATER or (error.status >= 500 and error.status != 501):
            raise Failed(str(error)) from None
        return False
    except OddAnswer:
        return False
    except NoAnswer as error:
        raise Failed(server.absence if str(error) == "connection refused" else str(error)) from None
    return True


async def recoveries(server: Address, opening: OpenBuilds, every: float = EVERY) -> AsyncIterator[BuildsRecovery]:
    """All builds, once a round. Raises Failed."""
    versions: dict[str, tuple[str, tuple[BuildSummary, ...]]] = {}
    version = 0
    while True:
        try:
            await _round(server, opening, versions)
        except NoAnswer as error:
            raise Failed(str(error), error.status or None) from None
        version += 1
        builds = tuple(build for _, listed in versions.values() for build in listed)
        yield BuildsRecovery("", version, tuple(build for build in builds if build.is_active or not opening.active))
        await asyncio.sleep(every)


async def _round(
    server: Address, opening: OpenBuilds, versions: dict[str, tuple[str, tuple[BuildSummary, ...]]]
) -> None:
    """Reads the projects that may have changed, one after another; those read longest ago first."""
    rows = {project.id: project for project in await reading.projects(server) if opening.project_id in ("", project.id)}
    for gone in versions.keys() - rows.keys():
        del versions[gone]
    order = list(versions)
    due = [project for project in rows.values() if _may_differ(project, versions)]
    due.sort(key=lambda project: order.index(project.id) if project.id in versions else -1)
    for project in due[:A_ROUND]:
        states = await reading.states(server, project.id)
        versions.pop(project.id, None)
        versions[project.id] = project.status, tuple(map(summary_of, states))


def _may_differ(project: ListedProject, versions: dict[str, tuple[str, tuple[BuildSummary, ...]]]) -> bool:
    before = versions.get(project.id)
    if before is None or before[0] != project.status or project.status not in _OVER:
        return True
    return any(build.is_active for build in before[1])
