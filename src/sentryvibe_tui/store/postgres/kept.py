"""What is kept in a shared database while no server of this machine runs: builds, states, calls. Read only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from asyncpg import Connection

from ...model.state import BuildState
from ...model.summary import BuildSummary
from ..contract import BuildFilter, BuildKey, FoundTool, Page, ProjectRecord
from ..readonly import Unreadable
from . import queries
from .address import PostgresAddress
from .connection import CONNECT, FAILURES, connect_to_read, unavailable
from .schema import MIGRATIONS

T = TypeVar("T")


class SharedBuilds:
    """`store.contract.KeptStore`; a connection for each question. Raises Unreadable, StoreUnavailable."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address

    async def _ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        db = await connect_to_read(self._address)
        try:
            await self._check(db)
            return await question(db)
        except FAILURES as error:
            raise unavailable(error) from None
        finally:
            with suppress(*FAILURES):
                await db.close(timeout=CONNECT)

    async def _check(self, db: Connection) -> None:
        if await db.fetchval("SELECT to_regclass($1 || '.meta')", self._address.schema) is None:
            raise Unreadable(f"nothing is kept in {self._address.shown}")
        number = int(await db.fetchval("SELECT value FROM meta WHERE key = 'schema'") or 0)
        if number != len(MIGRATIONS):
            age = "an older" if number < len(MIGRATIONS) else "a newer"
            raise Unreadable(f"{self._address.shown} is of {age} version of sentryvibe-tui")

    async def projects(self, limit: int) -> tuple[tuple[ProjectRecord, tuple[BuildSummary, ...]], ...]:
        async def listed(db: Connection) -> list[tuple[ProjectRecord, tuple[BuildSummary, ...]]]:
            found = await queries.read_projects(db)
            return [(one, (await queries.read_page(db, BuildFilter(one.id), limit)).builds) for one in found]

        return tuple(await self._ask(listed))

    async def builds(self, build_filter: BuildFilter, limit: int) -> Page:
        return await self._ask(lambda db: queries.read_page(db, build_filter, limit))

    async def newest(self, project_id: str, session_id: str = "") -> BuildKey | None:
        head = await self._ask(lambda db: queries.find_build(db, project_id, session_id, ""))
        return None if head is None else head.key

    async def state(self, key: BuildKey) -> BuildState | None:
        return await self._ask(lambda db: _state(db, key))

    async def tool(self, key: BuildKey, tool_id: str) -> FoundTool | None:
        async def whole(db: Connection) -> FoundTool | None:
            log, state = await queries.find_log(db, key), await _state(db, key)
            tool = None if state is None else state.tool(tool_id)
            return None if log is None or tool is None else await queries.read_tool(db, log[0], tool)

        return await self._ask(whole)


async def _state(db: Connection, key: BuildKey) -> BuildState | None:
    log = await queries.find_log(db, key)
    return None if log is None else (await queries.fold(db, key, *log, None)).state
