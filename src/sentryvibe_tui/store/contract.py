"""What every store does. The store is the truth: what `append` answered is on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw, Struct

from ..model.state import BuildState, Millis
from ..model.updates import Entry
from ..wire.events import Posted


class BuildKey(Struct, frozen=True):
    """Which build: one durable log each."""

    project_id: str
    session_id: str
    build_id: str


class Commit(Struct, frozen=True):
    """What one transaction added to one build: its entries in order, and the state after them."""

    key: BuildKey
    entries: tuple[Entry, ...]
    state: BuildState


class Accepted(Struct, frozen=True):
    """Answer to an append. `version` is the head of the build of the last event."""

    accepted: int
    duplicates: int
    version: int


class Project(Struct, frozen=True, rename="camel"):
    id: str
    name: str
    slug: str
    created_at: Millis
    updated_at: Millis


class StoreUnavailable(Exception):
    """The store cannot write or read now (disk full, read-only, locked); the message says why. Nothing was kept."""


class StoreBroken(Exception):
    """The store's files cannot be used; the message says what to do."""


class Store(Protocol):
    epoch: str

    async def append(self, events: Sequence[Posted], now: Millis) -> tuple[Accepted, tuple[Commit, ...]]:
        """All events or none, in one durable transaction. Raises StoreUnavailable."""
        ...

    async def read(self, key: BuildKey, since: int, limit: int) -> tuple[Entry, ...]:
        """Entries after version `since`, oldest first."""
        ...

    async def state(self, key: BuildKey) -> BuildState | None: ...

    async def projects(self) -> tuple[Project, ...]: ...

    async def builds(self, project_id: str) -> tuple[BuildKey, ...]:
        """A project's builds, newest first."""
        ...

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None] | None:
        """Input and output of a call, unclipped; None when there is no such call."""
        ...

    async def close(self) -> None: ...
