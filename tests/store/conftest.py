from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from sentryvibe_tui.store.contract import KeptStore, Store
from sentryvibe_tui.store.opening import kept_store, open_store
from sentryvibe_tui.store.readonly import DATABASE
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted

from ..services import drop_schemas, execute, need_postgres, new_schema, with_schema


@pytest.fixture
def posted() -> Callable[..., EventEnvelope]:
    """posted(kind, event_id=…, build=…, project=…, session=…, at=…, name=…, **fields of the event)"""

    def make(
        kind: str, *, event_id: str = "", build: str = "b", project: str = "p", session: str = "s", **fields: object
    ) -> EventEnvelope:
        envelope = {"projectId": project, "sessionId": session, "buildId": build}
        for key in ("at", "projectName"):
            if key in fields:
                envelope[key] = fields.pop(key)  # type: ignore[assignment]
        if event_id:
            envelope["eventId"] = event_id
        (event,) = decode_posted(json.dumps(envelope | {"event": {"type": kind, **fields}}).encode())
        return event

    return make


class Place(Protocol):
    """Where a store keeps its data: `open` again, and it is there."""

    async def open(self) -> Store: ...

    def kept(self) -> KeptStore | None:
        """The same place to read only."""
        ...

    async def run(self, statement: str) -> None:
        """One of SQL on its tables, past every store."""
        ...


Fresh = Callable[[], Place]


class _Directory:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self) -> Store:
        return await open_store("", self._path)

    def kept(self) -> KeptStore | None:
        return kept_store("", self._path)

    async def run(self, statement: str) -> None:
        with closing(sqlite3.connect(self._path / DATABASE)) as db, db:
            db.execute(statement)


class _Schema:
    def __init__(self, path: Path, schema: str) -> None:
        self._path, self._schema = path, schema

    async def open(self) -> Store:
        return await open_store(with_schema(self._schema), self._path)

    def kept(self) -> KeptStore | None:
        return kept_store(with_schema(self._schema), self._path)

    async def run(self, statement: str) -> None:
        await asyncio.to_thread(execute, f'SET search_path = "{self._schema}"; {statement}')


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """Makes places where nothing is yet, for each kind of store."""
    if request.param == "sqlite":
        yield lambda: _Directory(tmp_path_factory.mktemp("store"))
        return
    need_postgres()
    schemas: list[str] = []

    def make() -> Place:
        schemas.append(new_schema())
        return _Schema(tmp_path_factory.mktemp("store"), schemas[-1])

    yield make
    drop_schemas(*schemas)


@pytest.fixture
def place(fresh: Fresh) -> Place:
    return fresh()
