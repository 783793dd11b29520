"""A watch for the screen, which stands before the project is looked up and the link's libraries are loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click
from msgspec import Raw

from ..client.watching import LinkChanged, LinkStatus, WatchEvent
from ..model.state import BuildState
from ..model.summary import BuildSummary
from .options import Server

if TYPE_CHECKING:
    from ..client.watch import Watch


class Deferred:
    """What a `client.watching.Watching` answers before and after its watch is found; `problem`: why there is none;
    `note`: what it waits for, or shows instead, in words for a person."""

    def __init__(self) -> None:
        self._watch: Watch | None = None
        self.problem: click.ClickException | None = None
        self.note = ""

    def retry_now(self) -> None:
        if self._watch is not None:
            self._watch.retry_now()

    async def builds(self) -> tuple[BuildSummary, ...]:
        return () if self._watch is None else await self._watch.builds()

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return None if self._watch is None else await self._watch.build(session_id, build_id)

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return (None, None) if self._watch is None else await self._watch.whole_tool(session_id, tool_id)


class Seeking(Deferred):
    """`client.watching.Watching` for the project that a person means."""

    def __init__(self, server: Server, project: str, session: str | None, *, waits: bool) -> None:
        super().__init__()
        self._server, self._project, self._session, self._waits = server, project, session, waits

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("connecting"))
        if self._session and self._waits:
            yield LinkChanged(LinkStatus("waiting"))
        try:
            self._watch = await self._resolved_watch()
        except click.ClickException as error:
            self.problem = error
            yield LinkChanged(LinkStatus("refused", reason=error.message))
            return
        async for event in self._watch.events():
            yield event

    def _hear(self, note: str) -> None:
        self.note = note

    async def _resolved_watch(self) -> Watch:
        from ..client.watch import Watch
        from .finding import target

        ref, session = await target(self._server, self._project, self._session, self._waits, self._hear)
        return Watch(self._server.address, ref, session, wait=self._waits, probe=True)
