"""What every store does. The store is the truth: what `append` answered is on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Raw, Struct

from ..errors import StoreUnavailable
from ..model.state import BuildState, Millis
from ..model.summary import BuildKey, BuildSummary
from ..model.updates import Entry
from ..wire.envelope import EventEnvelope
from ..wire.json import decode
from ..wire.updates import WireUpdate, decode_updates


class Logged(Struct, frozen=True):
    """One entry as the log keeps it: its updates as the comma-separated elements of a `batch-update`."""

    version: int
    updates: bytes

    def entry(self) -> Entry:
        """The entry decoded; `apply` carries it out."""
        found = decode_updates(decode(b"[" + self.updates + b"]", list[WireUpdate]), 0).items
        (entry,) = (item for item in found if isinstance(item, Entry))
        return entry


class BuildHead(Struct, frozen=True):
    """How far a build has come. `at` is its `meant_at`, epoch ms; `number` tells builds of one time apart."""

    key: BuildKey
    number: int
    version: int
    is_active: bool
    at: Millis = 0

    @property
    def rank(self) -> tuple[bool, Millis, int]:
        """The highest of a project is the build that is meant."""
        return self.is_active, self.at, self.number


class Commit(Struct, frozen=True):
    """What one transaction added to one build: the head and the summary after it, and the entries in order.

    `encoded`: the summary as JSON.
    """

    head: BuildHead
    entries: tuple[Logged, ...]
    summary: BuildSummary
    encoded: bytes


class Accepted(Struct, frozen=True):
    """Answer to an append. `version` is the head of the build of the last event; `unchanged`: of those accepted, how
    many changed nothing."""

    accepted: int
    duplicates: int
    version: int
    unchanged: int = 0


class ProjectRecord(Struct, frozen=True, rename="camel"):
    id: str
    name: str
    slug: str
    created_at: Millis
    updated_at: Millis


class BuildDamaged(StoreUnavailable):
    """What is stored of one build cannot be read, while others can. The message says why and what can be done."""

    def __init__(self, key: BuildKey, reason: str) -> None:
        super().__init__(
            f"the stored build {key.build_id!r} of project {key.project_id!r} is damaged: {reason}; "
            "others are not concerned, and `sentryvibe-tui discard` deletes it"
        )
        self.key = key
        self.reason = reason


class FoundTool(Struct, frozen=True):
    id: str
    name: str
    state: str
    input: Raw | None
    output: Raw | None


class Page(Struct, frozen=True):
    """Builds of all projects, the one with the latest activity or end first. `next`: where the page after begins;
    None: this is the last."""

    builds: tuple[BuildSummary, ...]
    next: tuple[Millis, int] | None = None


class BuildFilter(Struct, frozen=True):
    """Which builds of a list: of a project ("" all), that go on or have ended (None: either), whose latest activity or
    end is at or after `since`; after the place where a page ended."""

    project_id: str = ""
    active: bool | None = None
    since: Millis | None = None
    after: tuple[Millis, int] | None = None


class KeptStore(Protocol):
    """What is kept, read beside whoever writes it: nothing is changed. Every question raises StoreError."""

    async def projects(self, limit: int) -> tuple[tuple[ProjectRecord, tuple[BuildSummary, ...]], ...]:
        """The one with the latest event first, each with so many of its builds, the latest first."""
        ...

    async def builds(self, build_filter: BuildFilter, limit: int) -> Page: ...

    async def newest(self, project_id: str, session_id: str = "") -> BuildKey | None:
        """The build that a project, or a session of it, means."""
        ...

    async def state(self, key: BuildKey) -> BuildState | None:
        """Raises also BuildDamaged."""
        ...

    async def tool(self, key: BuildKey, tool_id: str) -> FoundTool | None:
        """A call with its values whole."""
        ...


class StoreFigures(Struct, frozen=True):
    """What a store counted since it was opened (`snapshots` made, `connects` to a database, `conflicts` with other
    servers, entries of theirs that were folded in (`foreign`), `commits` by the way that they went, and those whose
    answer was lost by how they were `settled`), and what it takes now, in bytes: states in memory, the write-ahead log,
    the database."""

    snapshots: int = 0
    connects: int = 0
    conflicts: int = 0
    foreign: int = 0
    commits: Mapping[str, int] = {}
    settled: Mapping[str, int] = {}
    live_bytes: int = 0
    wal_bytes: int = 0
    database_bytes: int = 0


class Expiry(Struct, frozen=True):
    """Which builds have had their time: they have ended, nothing came of them since `before` (epoch ms), and their
    project has `keep` others that it means rather (at least one). Of one project, or of all ("")."""

    before: Millis
    keep: int = 1
    project_id: str = ""


class Expired(Struct, frozen=True):
    """A build that has had its time, and how many entries its log has."""

    key: BuildKey
    entries: int


class Store(Protocol):
    """`epoch` is the identity of the log: another one when the data is new, replaced or reset."""

    epoch: str

    def append(self, events: Sequence[EventEnvelope], now: Millis) -> Awaitable[Accepted]:
        """All events or none, in one durable transaction. It, or the answer, raises StoreUnavailable, EventDiffers.

        Events without a time get `now`.
        """
        ...

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """`listener` hears of every commit, in order, in the event loop; what waited for it goes on after that."""
        ...

    def on_sync(self, listener: Callable[[float], None]) -> None:
        """`listener` hears how many seconds each commit took until it was safe, in whatever thread."""
        ...

    async def figures(self) -> StoreFigures: ...

    async def read(self, key: BuildKey, since: int, limit: int) -> tuple[Logged, ...]:
        """At most `limit` entries after version `since`, oldest first. Raises BuildDamaged for one that is none."""
        ...

    async def state(self, key: BuildKey) -> BuildState | None:
        """Raises BuildDamaged when it cannot be told from what is stored; the build is marked so."""
        ...

    async def discard(self, key: BuildKey) -> bool:
        """Delete a build that is marked as damaged. False: there is none such."""
        ...

    async def delete(self, key: BuildKey, before: Millis | None = None) -> bool:
        """Delete a build that has ended, and of which nothing came since `before`. False: there is none such."""
        ...

    async def expired(self, expiry: Expiry, limit: int) -> tuple[Expired, ...]:
        """At most `limit` builds that have had their time, the oldest first; no damaged one."""
        ...

    async def projects(self) -> tuple[ProjectRecord, ...]:
        """All projects, the one with the latest event first."""
        ...

    async def project(self, project_id: str) -> ProjectRecord | None: ...

    async def builds(self, project_id: str, limit: int) -> tuple[BuildSummary, ...]:
        """A project's latest builds, the one that is meant first."""
        ...

    async def all_builds(self, build_filter: BuildFilter, limit: int) -> Page:
        """A page of at most `limit` builds."""
        ...

    async def active_builds(self) -> tuple[BuildKey, ...]:
        """Every build that has not ended, and is not damaged."""
        ...

    async def find_build(self, project_id: str, session_id: str = "", build_id: str = "") -> BuildHead | None:
        """The build of a project that is meant among those that fit; an empty session or build id fits all.

        When neither is asked for, damaged builds are passed over.
        """
        ...

    async def find_tool(
        self, session_id: str, tool_id: str, build_id: str = "", project_id: str = ""
    ) -> FoundTool | None:
        """A call with its values unclipped; of several builds of the session the newest that has it.

        "": of any build, of any project.
        """
        ...

    async def close(self) -> None: ...


class SharedStore(Store, Protocol):
    """A store that several servers have open: what each of them has to ask about the others.

    `schema`: names it among those of one database. Every question raises StoreUnavailable.
    """

    schema: str

    def on_epoch(self, listener: Callable[[], None]) -> None:
        """`listener` hears that `epoch` is another one: what anybody has of the log is worth nothing any more."""
        ...

    async def sign_of_life(self) -> None:
        """Tells the others that this server runs, and looks whether the log is still the same."""
        ...

    async def heads(self, numbers: Sequence[int]) -> tuple[BuildHead, ...]:
        """The heads of builds by their numbers; those that are gone are left out."""
        ...

    async def active_heads(self) -> tuple[BuildHead, ...]:
        """The heads of all builds that have not ended."""
        ...

    async def tails(self, since: Mapping[BuildKey, int], limit: int) -> tuple[Commit, ...]:
        """What came to builds after a version, `limit` entries of each at most; builds without any are left out."""
        ...

    async def changes(self, keys: Sequence[BuildKey]) -> tuple[Commit, ...]:
        """Heads and summaries of builds as they are now, without entries."""
        ...

    async def deletions(self) -> tuple[BuildKey, ...]:
        """Builds that other servers deleted since this was asked before; some may be there again."""
        ...

    async def heard(self, keys: Sequence[BuildKey]) -> None:
        """The agents of these builds live."""
        ...

    async def silent(self, bound: float) -> tuple[tuple[BuildKey, int], ...]:
        """Active builds of which no server heard for `bound` seconds, and how often they were given before. Whoever is
        given a build has to end it; the others are not."""
        ...
