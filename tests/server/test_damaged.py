"""A damaged build over HTTP and WebSocket: 503 with the words of the store, a way out, and others served as ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
import websockets

from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.sqlite import DATABASE, ledger
from sentryvibe_tui.wire.envelope import decode_posted


def event(build: str, text: str) -> bytes:
    return b'{"projectId":"p","sessionId":"%s","event":{"type":"plan","text":"%s"}}' % (build.encode(), text.encode())


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """Of two active builds of a project; the newer one is damaged. Both fell silent long ago."""
    monkeypatch.setattr(ledger.Ledger, "close", lambda self, _: self._db.close())
    async with running(tmp_path) as server:
        for build in ("good", "bad"):
            await server.app.context.store.append(decode_posted(event(build, "p")), 1)
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        assert db.execute("UPDATE entries SET updates = x'00' WHERE place >> 32 = 2").rowcount == 1
    async with running(tmp_path, settings=ServerLimits(silence=3600, round_every=0.01)) as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client:
        yield client


async def closed(link: websockets.ClientConnection) -> None:
    """Waits for its end."""
    with suppress(websockets.ConnectionClosed):
        while True:
            await link.recv()


async def test_what_is_damaged_is_said_and_the_rest_of_the_project_is_told(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await http.get("/api/projects/p/messages", params={"sessionId": "bad"})
        assert answer.status_code == 503
        assert "is damaged: entry 1 cannot be read" in answer.json()["error"]
        posted = await http.post("/api/build-events", content=event("bad", "q"))
        assert posted.status_code == 503
        assert "discard" in posted.json()["error"]
    sessions = (await http.get("/api/projects/p/messages")).json()["sessions"]
    assert [session["session"]["id"] for session in sessions] == ["good"]
    builds = (await http.get("/api/projects/p/builds")).json()["builds"]
    assert {build["buildId"]: bool(build["damaged"]) for build in builds} == {"bad": True, "good": False}
    assert (await http.post("/api/build-events", content=event("good", "q"))).json()["version"] == 2


async def test_only_a_damaged_build_is_deleted(http: httpx.AsyncClient) -> None:
    place = "/api/projects/p/builds"
    assert (await http.delete(place, params={"sessionId": "bad"})).status_code == 404, "nobody has noticed it yet"
    await http.get("/api/projects/p/messages")
    assert (await http.delete(place, params={"sessionId": "good"})).status_code == 404
    assert (await http.delete(place, params={"sessionId": "bad"})).json() == {"discarded": True}
    builds = (await http.get(place)).json()["builds"]
    assert [build["buildId"] for build in builds] == ["good"]
    assert (await http.post("/api/build-events", content=event("bad", "q"))).json()["version"] == 1


async def test_a_watcher_gets_the_newest_build_that_can_be_read(server: Running, http: httpx.AsyncClient) -> None:
    url = f"ws{server.url.removeprefix('http')}/ws?projectId=p&protocol=2"
    async with websockets.connect(url, proxy=None) as link:
        await closed(link)
    async with websockets.connect(url, proxy=None) as link:
        while '"good"' not in str(await link.recv()):
            pass
        await http.delete("/api/projects/p/builds", params={"sessionId": "bad"})
        await closed(link)
        assert link.close_code == 1012


async def test_a_silent_damaged_build_does_not_keep_others_from_their_end(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serving = server.app.context
    silent = serving.liveness.silent
    monkeypatch.setattr(serving.liveness, "silent", lambda _: silent(0))
    async with websockets.connect(f"ws{server.url.removeprefix('http')}/ws?projectId=p&sessionId=good") as link:
        while "interrupted" not in str(await link.recv()):
            pass
    assert serving.liveness.silent(0) == ()
    assert len([record for record in caplog.records if "is damaged" in record.getMessage()]) == 1


async def test_a_list_that_is_open_hears_of_damage_at_once(server: Running, http: httpx.AsyncClient) -> None:
    way = f"{server.url.replace('http', 'ws')}/ws?scope=builds&protocol=2"
    async with websockets.connect(way, proxy=None) as link:
        while "heartbeat" not in await link.recv():  # type: ignore[operator]
            pass
        await http.get("/api/projects/p/messages", params={"sessionId": "bad"})
        update = json.loads(await link.recv())
    assert [(row["buildId"], row["status"], bool(row["damaged"])) for row in update["builds"]] == [
        ("bad", "interrupted", True)
    ]
