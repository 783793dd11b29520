"""What is kept in a data directory while no server runs, or beside one: builds, states, calls. Read only."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..model.state import BuildState
from .contract import BuildFilter, BuildKey, FoundTool, Page, ProjectRecord
from .readonly import Unreadable, open_readonly
from .sqlite import queries


class KeptBuilds:
    """Every question raises Unreadable. Blocks: the files are here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def _db(self) -> Generator[sqlite3.Connection]:
        db = open_readonly(self.directory)
        if db is None:
            raise Unreadable(f"nothing is kept in {self.directory}")
        try:
            yield db
        except sqlite3.Error as error:
            raise Unreadable(f"cannot read {self.directory}: {error}") from None
        finally:
            db.close()

    def projects(self) -> tuple[ProjectRecord, ...]:
        """The one with the latest event first."""
        with self._db() as db:
            return queries.read_projects(db)

    def builds(self, build_filter: BuildFilter, limit: int) -> Page:
        with self._db() as db:
            return queries.read_page(db, build_filter, limit)

    def newest(self, project_id: str, session_id: str = "") -> BuildKey | None:
        """The build that a project, or a session of it, means."""
        with self._db() as db:
            head = queries.find_build(db, project_id, session_id, "")
            return None if head is None else head.key

    def state(self, key: BuildKey) -> BuildState | None:
        """Raises also BuildDamaged."""
        with self._db() as db:
            found = queries.find_log(db, key)
            return None if found is None else queries.read_state(db, key, *found).state

    def tool(self, key: BuildKey, tool_id: str) -> FoundTool | None:
        """A call with its values whole."""
        with self._db() as db:
            found, state = queries.find_log(db, key), self.state(key)
            tool = None if state is None else state.tool(tool_id)
            return None if found is None or tool is None else queries.whole_tool(db, found[0], tool)
