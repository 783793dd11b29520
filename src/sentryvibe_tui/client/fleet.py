"""The builds of several servers as one stream: the words between the client and the overview."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from ..model.state import BuildState
from ..model.summary import BuildKey, BuildSummary
from .watching import LinkStatus, Watching


class ServerLink(Struct, frozen=True):
    """How the link to a server stands. `server` is its base address, `host` what its machine is called."""

    server: str
    host: str
    status: LinkStatus


class ServerBuilds(Struct, frozen=True):
    """All builds that a server tells of: it has no others."""

    server: str
    host: str
    builds: tuple[BuildSummary, ...]


class BuildChanges(Struct, frozen=True):
    """What changed since."""

    server: str
    host: str
    changed: tuple[BuildSummary, ...] = ()
    removed: tuple[BuildKey, ...] = ()


FleetEvent = ServerLink | ServerBuilds | BuildChanges


class Fleet(Protocol):
    """All agents as an overview sees them (`ServerFleet` over servers, a script in tests)."""

    def events(self) -> AsyncIterator[FleetEvent]:
        """What happens, until the overview is left. Raises FleetProblem when nothing can be shown at all."""
        ...

    def retry_now(self) -> None:
        """Try the links at once."""
        ...

    async def build(self, server: str, key: BuildKey) -> BuildState | None:
        """A build as it is now; None where it cannot be read."""
        ...

    def watch(self, server: str, build: BuildSummary) -> Watching:
        """A watch on the session of a build."""
        ...

    def outlook(self) -> tuple[str, ...]:
        """Where agents are looked for, in lines for a person who sees none."""
        ...
