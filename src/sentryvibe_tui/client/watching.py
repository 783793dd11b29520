"""What a watch tells whoever shows it: the words between the client and a screen or a report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from msgspec import Raw, Struct

from ..model.state import BuildState, Millis
from ..model.summary import BuildSummary
from ..model.updates import Entry
from ..wire.address import Address
from .watchers import ServerWatchers

LinkPhase = Literal["connecting", "waiting", "live", "retrying", "gave-up", "refused", "closed"]
"""`waiting`: connected, no such project or no build yet. `refused`: the server's answer is final (401, 403, 404)."""

Cause = Literal["hydrated", "resynchronised", "new-build", "merged"]
How = Literal["nothing missed", "replayed", "resynchronised"]


class LinkStatus(Struct, frozen=True):
    """How the link stands. `retry_at` and `lost_at` are epoch ms; `attempt` counts 1…`attempts` while retrying.

    `http_status`: with which the server refused (401, 403, 404)."""

    phase: LinkPhase
    transport: Literal["ws", "sse", "poll"] = "ws"
    attempt: int = 0
    attempts: int = 10
    retry_at: Millis | None = None
    lost_at: Millis | None = None
    rtt_ms: float | None = None
    reason: str = ""
    http_status: int | None = None


class LinkChanged(Struct, frozen=True):
    status: LinkStatus


class Snapshot(Struct, frozen=True):
    """The whole state was replaced or merged. `new-build`: another build of the project took its place.

    `settled`: when the build has ended, its server has said all of it. An original may still tell a summary.
    """

    state: BuildState
    cause: Cause
    settled: bool = True


class Changed(Struct, frozen=True):
    """One entry was applied; `state` is what came of it. What changed on screen follows from `entry.updates`."""

    state: BuildState
    entry: Entry
    settled: bool = True


class EndConfirmed(Struct, frozen=True):
    """What its server might still have said of a build that has ended came, or is not waited for any longer."""

    state: BuildState


class CaughtUp(Struct, frozen=True):
    """The link is back after an absence: what was missed, and how it was made good."""

    lost_at: Millis
    back_at: Millis
    missed: int
    how: How


class SignOfLife(Struct, frozen=True):
    """From the server's heartbeat: how many watch, when the agent was last heard, what waits in its outbox."""

    watchers: int | None = None
    agent_last_at: Millis | None = None
    outbox: int = 0


class Skipped(Struct, frozen=True):
    """Something on the link that this reader does not know or could not read; counted, never silent."""

    count: int
    reason: str = ""


WatchEvent = LinkChanged | Snapshot | Changed | EndConfirmed | CaughtUp | SignOfLife | Skipped


class Watching(Protocol):
    """A watch under way, as a screen sees it (`client.watch.Watch` over a server, a script in tests)."""

    @property
    def server(self) -> Address | None:
        """Where the build is; None where no server has it, or not yet."""
        ...

    def events(self) -> AsyncIterator[WatchEvent]:
        """What happens, until the watch is closed or gives up for good."""
        ...

    def retry_now(self) -> None:
        """Try the link at once, also after giving up."""
        ...

    async def builds(self) -> tuple[BuildSummary, ...]:
        """The project's builds, newest first."""
        ...

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        """One build as it is now, finished or not."""
        ...

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        """Input and output of a call, unclipped where the server has them."""
        ...

    async def watchers(self) -> tuple[ServerWatchers, ...]:
        """Who else watches there; none where there is no server."""
        ...
