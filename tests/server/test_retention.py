"""Builds that ended long ago go, the one that a project means stays; deleting holds nobody up."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.summary import BuildKey
from sentryvibe_tui.server.retention import Deleted, delete_expired
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.store.contract import Expiry
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope

Post = Callable[..., Awaitable[dict[str, Any]]]


async def ended(post: Post, build: str, at: str, project: str = "p") -> None:
    for kind in ("start", "build-completed"):
        await post(kind, build=build, session=build, project=project, at=at)


async def listed(http: httpx.AsyncClient) -> set[str]:
    return {row["buildId"] for row in (await http.get("/api/builds")).json()["builds"]}


async def test_builds_that_ended_long_ago_are_deleted(server: Running, http: httpx.AsyncClient, post: Post) -> None:
    for number in range(3):
        await ended(post, f"old-{number}", f"2020-01-0{number + 1}T00:00:00Z")
    await ended(post, "newest", "2020-02-01T00:00:00Z")
    await ended(post, "only", "2020-01-01T00:00:00Z", project="q")
    assert await delete_expired(server.app.context, Expiry(server.app.context.now() + 1)) == Deleted(3, 6)
    assert await listed(http) == {"newest", "only"}
    assert await delete_expired(server.app.context, Expiry(server.app.context.now() + 1)) == Deleted()


async def test_an_old_session_that_was_taken_in_lately_is_kept(
    server: Running, http: httpx.AsyncClient, post: Post
) -> None:
    await ended(post, "old", "2020-01-01T00:00:00Z")
    await ended(post, "newest", "2020-02-01T00:00:00Z")
    assert await delete_expired(server.app.context, Expiry(server.app.context.now() - 60_000)) == Deleted()
    assert await listed(http) == {"old", "newest"}


async def test_what_is_deleted_leaves_the_file_in_the_end(server: Running, post: Post, tmp_path: Path) -> None:
    await ended(post, "old", "2020-01-01T00:00:00Z")
    await ended(post, "newest", "2020-02-01T00:00:00Z")
    await delete_expired(server.app.context, Expiry(server.app.context.now() + 1))
    db = sqlite3.connect(f"file:{tmp_path}/data/builds.db?mode=ro", uri=True)
    async with asyncio.timeout(10):
        for _ in iter(lambda: db.execute("SELECT count(*) FROM builds").fetchone(), (1,)):
            await asyncio.sleep(0.02)
    assert db.execute("SELECT count(DISTINCT place >> 32) FROM entries").fetchone() == (1,)
    db.close()


async def test_a_build_that_goes_on_is_not_deleted(http: httpx.AsyncClient, post: Post) -> None:
    await post("start")
    which = {"projectId": "p", "sessionId": "s", "buildId": "b"}
    assert (await http.delete("/api/builds", params=which)).status_code == 404
    await post("build-completed")
    assert (await http.delete("/api/builds", params=which)).json() == {"deleted": True}
    assert (await http.delete("/api/builds", params=which)).status_code == 404
    assert await listed(http) == set()


async def test_a_server_prunes_for_a_command(server: Running, http: httpx.AsyncClient, post: Post) -> None:
    for number in range(4):
        await ended(post, f"b{number}", f"2020-01-0{number + 1}T00:00:00Z")
    await ended(post, "other", "2020-01-01T00:00:00Z", project="q")
    choice = {"before": str(server.app.context.now() + 1), "keep": "2", "projectId": "p"}
    named = (await http.get("/api/builds/expired", params=choice)).json()["builds"]
    assert [(row["buildId"], row["entries"]) for row in named] == [("b0", 2), ("b1", 2)]
    assert await listed(http) == {"b0", "b1", "b2", "b3", "other"}
    assert (await http.delete("/api/builds/expired", params=choice)).json() == {"deleted": 2, "entries": 4}
    assert (await http.delete("/api/builds/expired", params=choice)).json() == {"deleted": 0, "entries": 0}
    assert await listed(http) == {"b2", "b3", "other"}
    assert "sentryvibe_retention_deleted_builds_total 2" in (await http.get("/metrics")).text
    for wrong in ({}, {"before": "x"}, {"before": "1", "keep": "-1"}, {"before": "1", "projectId": "\0"}):
        assert (await http.delete("/api/builds/expired", params=wrong)).status_code == 400


@pytest.mark.parametrize("way", ["delete", "discard"])
async def test_a_piece_of_deletion_is_small_while_events_come_in(tmp_path: Path, way: str) -> None:
    store = await SqliteStore.open(tmp_path)
    old = About("old", "s", "b")
    events = [EventEnvelope(old, TextAdded(f"t{n}", "x" * 200), f"e{n}", n + 1) for n in range(3_000)]
    await store.append([*events, EventEnvelope(old, BuildEnded("completed"), "end", 4_000)], 1)
    rows, seconds, sweep, db = list[int](), list[float](), store._ledger.sweep, store._ledger._db

    def measured() -> bool:
        before, start = db.total_changes, time.thread_time()
        is_more = sweep()
        rows.append(db.total_changes - before)
        seconds.append(time.thread_time() - start)
        return is_more

    store._ledger.sweep = measured  # type: ignore[method-assign]
    if way == "discard":
        db.execute("UPDATE builds SET status = 'damaged'")
    assert await getattr(store, way)(BuildKey("old", "s", "b"))
    assert store._sweeper.task is not None
    count = 0
    while not store._sweeper.task.done():
        count += 1
        live = EventEnvelope(About("live", "s", "b"), TextAdded("t", "x" * 200), f"{count}")
        assert (await store.append([live], count)).version == count
    await store._sweeper.task
    assert sum(rows) >= 6_000
    assert max(rows) <= 1_002
    assert max(seconds) < 0.05
    assert count > len(rows)
    await store.close()
