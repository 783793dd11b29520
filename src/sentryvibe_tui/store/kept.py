"""What is kept in a data directory while no server runs, or beside one: builds, states, calls. Read only."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from ..model.state import BuildState
from ..model.summary import BuildSummary
from .contract import BuildFilter, BuildKey, FoundTool, Page, ProjectRecord
from .readonly import Unreadable, open_readonly
from .sqlite import queries

T = TypeVar("T")


class KeptBuilds:
    """`contract.KeptStore`, read in a thread. Raises Unreadable."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        db = open_readonly(self.directory)
        if db is None:
            raise Unreadable(f"nothing is kept in {self.directory}")
        with closing(db):
            try:
                return question(db)
            except sqlite3.Error as error:
                raise Unreadable(f"cannot read {self.directory}: {error}") from None

    async def projects(self, limit: int) -> tuple[tuple[ProjectRecord, tuple[BuildSummary, ...]], ...]:
        def listed(db: sqlite3.Connection) -> list[tuple[ProjectRecord, tuple[BuildSummary, ...]]]:
            found = queries.read_projects(db)
            return [(one, queries.read_page(db, BuildFilter(one.id), limit).builds) for one in found]

        return tuple(await self._ask(listed))

    async def builds(self, build_filter: BuildFilter, limit: int) -> Page:
        return await self._ask(lambda db: queries.read_page(db, build_filter, limit))

    async def newest(self, project_id: str, session_id: str = "") -> BuildKey | None:
        head = await self._ask(lambda db: queries.find_build(db, project_id, session_id, ""))
        return None if head is None else head.key

    async def state(self, key: BuildKey) -> BuildState | None:
        return await self._ask(lambda db: _state(db, key))

    async def tool(self, key: BuildKey, tool_id: str) -> FoundTool | None:
        def whole(db: sqlite3.Connection) -> FoundTool | None:
            log, state = queries.find_log(db, key), _state(db, key)
            tool = None if state is None else state.tool(tool_id)
            return None if log is None or tool is None else queries.read_tool(db, log[0], tool)

        return await self._ask(whole)


def _state(db: sqlite3.Connection, key: BuildKey) -> BuildState | None:
    log = queries.find_log(db, key)
    return None if log is None else queries.read_state(db, key, *log).state
