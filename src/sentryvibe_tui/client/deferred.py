"""A watch for a screen, which stands before the project is looked up and the link's libraries are loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.structs import replace

from ..errors import SentryVibeError
from ..model.state import BuildState
from ..model.summary import BuildSummary
from ..wire.address import Address
from .watchers import ServerWatchers
from .watching import LinkChanged, LinkStatus, WatchEvent

if TYPE_CHECKING:
    from .watch import Watch


class DeferredWatch:
    """What a `watching.Watching` answers before and after its watch is there. `problem`: why there is none; `prospect`:
    what it waits for, in words for a person, which the link's status then says."""

    def __init__(self) -> None:
        self._watch: Watch | None = None
        self.problem: SentryVibeError | None = None
        self.prospect = ""

    def _explained(self, event: WatchEvent) -> WatchEvent:
        """While there is no build, the link says what is waited for."""
        if self.prospect and isinstance(event, LinkChanged) and event.status.phase == "waiting":
            return LinkChanged(replace(event.status, reason=self.prospect))
        return event

    @property
    def server(self) -> Address | None:
        return None if self._watch is None else self._watch.server

    def retry_now(self) -> None:
        if self._watch is not None:
            self._watch.retry_now()

    async def builds(self) -> tuple[BuildSummary, ...]:
        return () if self._watch is None else await self._watch.builds()

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return None if self._watch is None else await self._watch.build(session_id, build_id)

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        return () if self._watch is None else await self._watch.watchers()

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return (None, None) if self._watch is None else await self._watch.whole_tool(session_id, tool_id)


class ResolvedWatch(DeferredWatch):
    """`watching.Watching` over the watch that `resolve` makes, when that is asked for; it is handed what hears what is
    waited for.

    `resolve` raises a SentryVibeError when there is nothing to watch; the watch is then refused with its words.
    `is_awaited`: it may take until what is meant comes about.
    """

    def __init__(
        self, resolve: Callable[[Callable[[str], None]], Awaitable[Watch]], *, is_awaited: bool = False
    ) -> None:
        super().__init__()
        self._resolve, self._is_awaited = resolve, is_awaited

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("connecting"))
        if self._is_awaited:
            yield LinkChanged(LinkStatus("waiting"))
        try:
            self._watch = await self._resolve(self._expect)
        except SentryVibeError as error:
            self.problem = error
            yield LinkChanged(LinkStatus("refused", reason=str(error)))
            return
        async for event in self._watch.events():
            yield self._explained(event)

    def _expect(self, words: str) -> None:
        self.prospect = words
