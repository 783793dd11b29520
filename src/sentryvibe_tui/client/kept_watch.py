"""A watch on a build that is kept in a data directory, while no server runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from msgspec import Raw

from ..model.state import BuildState
from ..model.summary import BuildKey, BuildSummary
from .catalogue import StoredBuilds
from .watchers import ServerWatchers
from .watching import LinkChanged, LinkStatus, Snapshot, WatchEvent


class KeptWatch:
    """`watching.Watching` over a data directory: the build as it is kept, and nothing after it."""

    server = None

    def __init__(self, kept: StoredBuilds, state: BuildState) -> None:
        self._kept, self._state = kept, state

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield Snapshot(self._state, "hydrated")
        lost_at = self._state.last_event_at if self._state.is_active else None  # how it went on nobody knows
        yield LinkChanged(LinkStatus("closed", lost_at=lost_at, reason="no server runs"))

    def retry_now(self) -> None:
        pass

    async def builds(self) -> tuple[BuildSummary, ...]:
        return await self._kept.of_project(self._state.project_id)

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return await self._kept.build(BuildKey(self._state.project_id, session_id, build_id))

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        return ()

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return await self._kept.tool(BuildKey(self._state.project_id, session_id, self._state.id), tool_id)
