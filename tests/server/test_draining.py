"""A server that goes away: nothing new is taken, what is under way ends, watchers are sent off one after another."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sentryvibe_tui.client.transport import retry_after_close
from sentryvibe_tui.server.draining import FIRST, LONGEST, spread
from sentryvibe_tui.server.guard import ANYONE
from sentryvibe_tui.server.serve import Running, running

from ..patience import PATIENCE


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


class RawLink:
    """A WebSocket by hand: what arrives when is seen, and nothing is answered by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Running) -> AsyncGenerator[RawLink]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(
            b"GET /ws?projectId=p&protocol=2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    def say(self, opcode: int, payload: bytes = b"") -> None:
        self._writer.write(bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    async def hear(self, opcode: int) -> bytes:
        """The payload of the next frame of that kind."""
        while True:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
            payload = await self._reader.readexactly(size)
            if first & 0xF == opcode:
                return payload

    async def rest(self) -> bytes:
        return await self._reader.read()


TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


async def test_who_says_something_while_the_server_says_goodbye_hears_it_all_the_same(server: Running) -> None:
    """A connection that is closed with words in it that nobody read is reset, and the goodbye is lost."""
    async with RawLink.open(server) as link:
        await link.hear(TEXT)
        server.app.drain()
        assert int.from_bytes((await link.hear(CLOSE))[:2], "big") == 1012
        link.say(TEXT, b'{"type":"alive"}')
        link.say(PING, b"there?")
        assert await link.hear(PONG) == b"there?"
        link.say(CLOSE, (1012).to_bytes(2, "big"))
        assert await link.rest() == b""


async def test_a_server_that_stops_waits_for_nobodys_goodbye(tmp_path: Path) -> None:
    async with AsyncExitStack() as links, asyncio.timeout(PATIENCE):
        async with running(tmp_path) as server:
            silent = await links.enter_async_context(RawLink.open(server))
            await silent.hear(TEXT)
        assert int.from_bytes((await silent.hear(CLOSE))[:2], "big") == 1012
        with suppress(ConnectionResetError):
            assert await silent.rest() == b""
