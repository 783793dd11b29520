"""All builds of a server as they are: an async iterator over its feed (docs/protocol.md#builds-feed)."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..model.state import Millis
from ..model.summary import BuildKey, BuildSummary
from ..wire.address import Address
from ..wire.feed import decode_feed
from ..wire.local import address_of
from .builds_link import BuildsEvent, BuildsLink, OpenBuilds
from .driver import Driver
from .limits import LINK, LinkLimits
from .reconnect import Opening

if TYPE_CHECKING:
    from .driver import Ear


class BuildsWatch(Driver[BuildsEvent]):
    """`events()` yields LinkChanged, BuildsListed (all of them), BuildsChanged, Skipped; several servers are several of
    these. `project` and `active` narrow it; `ended`: how many builds that have ended are listed at first.

    An original server has no feed: its projects are polled, and `status.transport` is "poll".
    `probe`: after giving up, a quiet try once a minute; `stay`: it does not end then (default: as `probe`).
    """

    def __init__(
        self,
        server: Address | str,
        *,
        project: str = "",
        active: bool = False,
        ended: int = 500,
        probe: bool = False,
        stay: bool | None = None,
        clock: Callable[[], Millis] | None = None,
        chance: Callable[[], float] = random.random,
        limits: LinkLimits = LINK,
    ) -> None:
        self._opening = OpenBuilds(project, active, ended)
        self._link = BuildsLink(self._opening, chance=chance, probe=probe, here=socket.gethostname())
        self._has_feed = False
        address = address_of(server)
        super().__init__(address, self._link, probe if stay is None else stay, clock, limits)

    @property
    def builds(self) -> Mapping[BuildKey, BuildSummary]:
        """Those known now."""
        return MappingProxyType(self._link.builds)

    def _frame(self, data: str | bytes, now: Millis) -> tuple[object, ...]:
        return self._link.frame(decode_feed(data, now), now)

    def _do(self, action: object) -> None:
        assert isinstance(action, OpenBuilds), action
        self._open(action)

    async def _any_way(self, opening: Opening, ear: Ear) -> None:
        from . import polling

        self._has_feed = self._has_feed or await polling.has_feed(self.server)
        if self._has_feed:
            await super()._any_way(opening, ear)
        await ear.opened("poll")
        async for frame in polling.recoveries(self.server, self._opening):
            await ear.tell(lambda now, frame=frame: self._link.frame(frame, now))
