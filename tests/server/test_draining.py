"""A server that goes away: nothing new is taken, what is under way ends, watchers are sent off one after another."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sentryvibe_tui.client.transport import retry_after_close
from sentryvibe_tui.server.draining import FIRST, LONGEST, spread
from sentryvibe_tui.server.guard import ANYONE
from sentryvibe_tui.server.serve import Running


@pytest.mark.parametrize(("watchers", "least", "most"), [(1, 0, 1_000), (300, 2_500, 3_000), (10_000, 4_500, LONGEST)])
def test_many_come_back_over_a_longer_time_than_few(watchers: int, least: int, most: int) -> None:
    wait = spread(watchers, random.Random(1).random)
    waits = [wait() - FIRST for _ in range(200)]
    assert least * 0.9 <= max(waits) <= most
    assert min(waits) >= 0


async def test_watchers_are_told_when_to_come_back_on_either_way(server: Running, http: httpx.AsyncClient) -> None:
    way = server.url.replace("http", "ws")
    async with (
        connect(f"{way}/ws?projectId=p&protocol=2", proxy=None) as project,
        connect(f"{way}/ws?scope=builds&protocol=2", proxy=None) as builds,
        http.stream("GET", "/api/projects/p/events") as stream,
        http.stream("GET", "/api/builds/events") as feed,
    ):
        lines = [stream.aiter_lines(), feed.aiter_lines()]
        for of in (*lines, project, builds):
            assert "connected" in await anext(aiter(of))
        server.app.drain()
        for link in (project, builds):
            with suppress(ConnectionClosed):
                while True:
                    await link.recv()
            assert link.close_code == 1012
            assert FIRST <= retry_after_close(1012, link.close_reason or "") < FIRST + LONGEST
        for of in lines:
            *_, last, _ = [line async for line in of]
            assert FIRST <= int(last.removeprefix("retry: ")) < FIRST + LONGEST


async def test_what_comes_is_refused_and_what_is_under_way_ends(server: Running, http: httpx.AsyncClient) -> None:
    body = json.dumps({"projectId": "p", "event": {"type": "start"}}).encode()
    under_way = asyncio.ensure_future(server.app.post(body, ANYONE))
    await asyncio.sleep(0)
    server.app.drain()
    for answer in (await http.post("/api/build-events", content=body), await http.get("/readyz"), await http.get("/")):
        assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1"), (answer.request.url, answer.text)
        assert answer.headers["connection"] == "close"
        assert answer.json()["error"] == "the server is stopping"
    assert (await under_way).accepted == 1
    assert (await http.get("/healthz")).status_code == 200
    assert 'ingest_requests_total{code="503"} 1' in (await http.get("/metrics")).text


async def test_a_head_of_the_list_of_builds_as_a_stream_has_no_body(http: httpx.AsyncClient) -> None:
    answer = await http.head("/api/builds/events")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "text/event-stream", b"")
