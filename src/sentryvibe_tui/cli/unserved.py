"""Watches without a server: a kept build, and a session file of an agent that is read on while it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Raw

from ..client.catalogue import StoredBuilds
from ..client.watching import Changed, LinkChanged, LinkStatus, Snapshot, WatchEvent
from ..errors import UnknownFormat
from ..model.state import BuildState
from ..model.summary import BuildKey, BuildSummary
from ..model.text import clean_line
from ..sources.ingest.fold import SessionFold
from ..sources.sessions import roots
from ..wire.projects import project_of
from .options import UsageProblem, redactor, settings

LOOK = 0.5
"""Seconds between two looks at a file."""


def session_fold(path: Path) -> SessionFold:
    """Of a session file that a person named."""
    masks = redactor(settings().settings)
    return SessionFold(path, project_of(str(path.parent), path.stem), masks, roots())


async def state_of(path: Path) -> BuildState:
    """The state of a session file as it is now. Raises UsageProblem."""
    fold = session_fold(path)
    try:
        while await asyncio.to_thread(fold.read):
            pass
    except (OSError, UnknownFormat) as error:
        raise UsageProblem(clean_line(f"{path}: {error}")) from None
    if not fold.state.id:
        raise UsageProblem(clean_line(f"{path}: no build begins in it"))
    return fold.state


class KeptWatch:
    """`client.watching.Watching` over a data directory: the build as it is kept, and nothing after it."""

    def __init__(self, kept: StoredBuilds, state: BuildState) -> None:
        self._kept, self._state = kept, state

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield Snapshot(self._state, "hydrated")
        yield LinkChanged(LinkStatus("closed", lost_at=self._state.last_event_at, reason="no server runs"))

    def retry_now(self) -> None:
        pass

    async def builds(self) -> tuple[BuildSummary, ...]:
        return await self._kept.of_project(self._state.project_id)

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return await self._kept.build(BuildKey(self._state.project_id, session_id, build_id))

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return await self._kept.tool(BuildKey(self._state.project_id, session_id, self._state.id), tool_id)


class FileWatch:
    """`client.watching.Watching` over a session file. It ends with its build."""

    def __init__(self, fold: SessionFold, path: Path) -> None:
        self._fold, self._path = fold, path

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("connecting"))
        try:
            while await asyncio.to_thread(self._fold.read):
                pass
            yield LinkChanged(LinkStatus("live"))
            yield Snapshot(self._fold.state, "hydrated")
            async for change in self._changes():
                yield change
        except (OSError, UnknownFormat) as error:
            yield LinkChanged(LinkStatus("refused", reason=clean_line(f"{self._path}: {error}")))
            return
        yield LinkChanged(LinkStatus("closed", lost_at=self._fold.state.last_event_at))

    async def _changes(self) -> AsyncIterator[WatchEvent]:
        while self._fold.state.is_active:
            await asyncio.sleep(LOOK)
            for state, entry in await asyncio.to_thread(self._fold.read):
                yield Changed(state, entry)

    def retry_now(self) -> None:
        pass

    async def builds(self) -> tuple[BuildSummary, ...]:
        return ()

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return self._fold.state

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        call = self._fold.state.tool(tool_id)
        return (None, None) if call is None else (call.input, call.output)
