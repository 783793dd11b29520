"""A watch under way: link, transport and hydration put together as an async iterator of WatchEvents."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import Raw

from ..model.state import BuildState, Millis
from ..model.summary import BuildSummary
from ..wire.address import Address
from ..wire.frames import decode_frame
from ..wire.local import address_of
from . import rest as reading
from .driver import Driver, Input
from .limits import LINK, LinkLimits
from .link import Hydrate, Link, Open
from .rest import ProjectRef
from .watchers import ServerWatchers
from .watching import WatchEvent


class Watch(Driver[WatchEvent]):
    """Implements `watching.Watching` over a server.

    `wait`: a project that does not exist yet is looked for again; `probe`: after giving up, a quiet try once a minute;
    `keeps`: the build that it begins with is shown to its end, whatever other builds the project has;
    `stay`: the watch does not end when it gave up or was refused, so that `retry_now` works (default: as `probe`).
    """

    def __init__(
        self,
        server: Address | str,
        project: ProjectRef | str,
        session: str | None = None,
        *,
        wait: bool = False,
        probe: bool = False,
        stay: bool | None = None,
        keeps: bool = False,
        clock: Callable[[], Millis] | None = None,
        chance: Callable[[], float] = random.random,
        limits: LinkLimits = LINK,
    ) -> None:
        self.project = ProjectRef(project) if isinstance(project, str) else project
        self.session = session or ""
        self._link = Link(
            self.project.id, self.session, chance=chance, wait=wait, probe=probe, keeps=keeps, limits=limits
        )
        address = address_of(server)
        super().__init__(address, self._link, probe if stay is None else stay, clock, limits)

    @property
    def state(self) -> BuildState:
        return self._link.state

    async def builds(self) -> tuple[BuildSummary, ...]:
        return await reading.builds(self.server, self.project.id)

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return await reading.build(self.server, self.project.id, session_id, build_id)

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return await reading.whole_tool(self.server, session_id, tool_id)

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        return (await reading.list_watchers(self.server),)

    def _frame(self, data: str | bytes, now: Millis) -> tuple[object, ...]:
        return self._link.frame(decode_frame(data, now), now)

    def _do(self, action: object) -> None:
        match action:
            case Open():
                self._open(action)
            case Hydrate():
                self._aside_do(self._hydrate())
            case _:
                raise AssertionError(f"an action that nobody does: {action}")

    async def _hydrate(self) -> None:
        connection = self._connection
        try:
            answer = await reading.hydrate(self.server, self.project.id, self.session)
        except Exception as error:  # whatever it was, the question is put again
            reason = str(error)
            step: Input = lambda now: self._link.hydrate_failed(reason, now)  # noqa: E731
        else:
            step = lambda now: self._link.hydrated(answer, now)  # noqa: E731
        await self._inbox.put(lambda now: step(now) if self._connection is connection else ())
