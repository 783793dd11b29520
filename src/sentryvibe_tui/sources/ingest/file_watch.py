"""A watch on a session file of an agent, without any server: it is read on while it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Raw

from ...client.watchers import ServerWatchers
from ...client.watching import Changed, LinkChanged, LinkStatus, Snapshot, WatchEvent
from ...errors import UnknownFormat, reason
from ...model.state import BuildState
from ...model.summary import BuildSummary
from ...model.text import clean_line
from .fold import SessionFold

LOOK_EVERY = 0.5
"""Seconds between two looks at a file."""


class FileWatch:
    """`client.watching.Watching` over a session file. It ends with its build. `look_every`: seconds between two looks
    at the file."""

    server = None

    def __init__(self, fold: SessionFold, path: Path, look_every: float = LOOK_EVERY) -> None:
        self._fold, self._path, self._look_every = fold, path, look_every

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
            yield LinkChanged(LinkStatus("refused", reason=clean_line(f"{self._path}: {reason(error)}")))
            return
        yield LinkChanged(LinkStatus("closed"))

    async def _changes(self) -> AsyncIterator[WatchEvent]:
        while self._fold.state.is_active:
            await asyncio.sleep(self._look_every)
            for state, entry in await asyncio.to_thread(self._fold.read):
                yield Changed(state, entry)

    def retry_now(self) -> None:
        pass

    async def builds(self) -> tuple[BuildSummary, ...]:
        return ()

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return self._fold.state

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        return ()

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        call = self._fold.state.tool(tool_id)
        return (None, None) if call is None else (call.input, call.output)
