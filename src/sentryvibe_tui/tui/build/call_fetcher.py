"""Fetches calls whose values the log has clipped, as they were."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec.structs import replace

from ...client.watching import Watching
from ...model.state import Item, ToolCall
from .host import Host
from .view import BuildView
from .widgets.inspector import Inspector

PATIENCE = 5
"""Seconds that such a call may take to come."""

REST = 0.15
"""Seconds that the reader stays with a call before it is fetched by itself."""


class CallFetcher:
    """Fetches the call that is inspected, or that is to be copied."""

    def __init__(self, watching: Watching, view: BuildView, inspector: Inspector, host: Host) -> None:
        self.watching, self.view, self.inspector, self.host = watching, view, inspector, host

    def fetch_soon(self) -> None:
        """The inspected call, once the reader stays with it for a moment."""
        item = self.inspector.item
        if isinstance(item, ToolCall) and item.clipped and not item.is_open:
            self.host.start(partial(self._fetch_later, item), "unclipped")

    async def _fetch_later(self, tool: ToolCall) -> None:
        await asyncio.sleep(REST)
        await self._fetch(tool)

    async def unclipped(self, item: Item | None) -> Item | None:
        """`item` with its values unclipped, where they can be had."""
        if not isinstance(item, ToolCall) or not item.clipped or item.is_open or item.id in self.inspector.unclipped:
            return item
        await self._fetch(item)
        call = self.inspector.unclipped.get(item.id)
        return item if call is None else replace(call, started_at=item.started_at, ended_at=item.ended_at)

    async def _fetch(self, tool: ToolCall) -> None:
        """For as long as the reader may be kept waiting; of the build that is still on screen."""
        build = self.view.state.id
        try:
            async with asyncio.timeout(PATIENCE):
                inputs, output = await self.watching.whole_tool(self.view.state.session_id, tool.id)
        except Exception as error:  # whatever a transport raises: the clipped values stay, and the reader is told
            self.host.tell(f"the whole call could not be fetched: {error or 'no answer'}", "warning")
            return
        if build == self.view.state.id and (inputs is not None or output is not None):
            self.inspector.put_unclipped(
                ToolCall(tool.id, tool.name, input=inputs or tool.input, output=output or tool.output)
            )
