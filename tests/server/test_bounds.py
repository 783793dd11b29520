"""Requests that never end, in every place where one can: they hold neither memory nor a connection for long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from sentryvibe_tui.server import serve
from sentryvibe_tui.server.bounds import BoundedHttp
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits

PATIENCE = 0.3
UPGRADE = (
    b"GET /ws?projectId=p HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
STREAM = b"GET /api/projects/p/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /api/build-events HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    real = serve._config

    def impatient(app: object, limits: ServerLimits) -> uvicorn.Config:
        config = real(app, limits)  # type: ignore[arg-type]
        config.timeout_keep_alive = PATIENCE  # type: ignore[assignment]
        return config

    monkeypatch.setattr(serve, "_config", impatient)
    async with running(tmp_path) as server:
        yield server


class Link:
    """A connection that says `said` and hears until the other side closes it."""

    def __init__(self, server: Running, said: bytes = b"") -> None:
        self._port, self._said = int(server.url.rpartition(":")[2]), said

    async def __aenter__(self) -> Link:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.writer.write(self._said)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def rest(self) -> bytes:
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def drip(self, piece: bytes) -> None:
        """Says `piece` again and again until it is cut off."""
        with_end = asyncio.ensure_future(self.rest())
        while not with_end.done():
            self.writer.write(piece)
            await asyncio.wait([with_end], timeout=PATIENCE / 10)


def post(body: bytes) -> bytes:
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


def body(size: int) -> bytes:
    event = {"type": "text-delta", "id": "x", "delta": "x" * size}
    return json.dumps({"projectId": "p", "sessionId": "s", "event": event}).encode()


UNFINISHED = {
    "nothing": b"",
    "half a head": POST + b"Content-Le",
    "half a body": POST + b"Content-Length: 100\r\n\r\n{",
    "half of a body in pieces": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "half of another request's body": POST.replace(b"events", b"heartbeats") + b"Content-Length: 9\r\n\r\n{",
    "the body of what was refused": POST + b"Content-Length: 5000000\r\n\r\n{",
    "nothing after an answer": HEALTH,
    "half a head after an answer": HEALTH + POST,
    "nothing after a refusal": POST + b"Origin: http://evil\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("said", UNFINISHED.values(), ids=UNFINISHED)
async def test_who_does_not_finish_a_request_in_time_is_let_go(server: Running, said: bytes) -> None:
    async with Link(server, said) as link:
        await link.rest()


LATE = ("half a head", "half a body", "half of a body in pieces", "half of another request's body")


@pytest.mark.parametrize("name", UNFINISHED)
async def test_who_has_begun_a_request_is_told_that_it_came_too_late(server: Running, name: str) -> None:
    async with Link(server, UNFINISHED[name]) as link:
        heard = await link.rest()
    late = heard[heard.rfind(b"HTTP/1.1 408") :] if b"HTTP/1.1 408" in heard else b""
    assert bool(late) == (name in (*LATE, "half a head after an answer"))
    if late:
        assert late.endswith(b'{"error":"a request has to be whole within 0.3 s"}')
        assert b"connection: close" in late


async def test_posted_events_that_came_too_late_are_counted_and_not_kept(server: Running) -> None:
    event = body(3)
    async with Link(server, POST + b"Content-Length: %d\r\n\r\n" % len(event) + event[:-1]) as link:
        assert (await link.reader.readline()).startswith(b"HTTP/1.1 408")
        link.writer.write(event[-1:] + post(event))  # too late
        heard = await link.rest()
        assert heard.count(b"HTTP/1.1") == 0
    async with Link(server, HEALTH.replace(b"healthz", b"metrics")) as link:
        metrics = await link.rest()
    assert b'ingest_requests_total{code="408"} 1' in metrics
    assert b'ingest_requests_total{code="200"}' not in metrics


@pytest.mark.parametrize(
    ("said", "piece"),
    [(b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (POST + b"Content-Length: 9999\r\n\r\n", b" ")],
    ids=["fields", "a body"],
)
async def test_who_drips_is_let_go(server: Running, said: bytes, piece: bytes) -> None:
    async with Link(server, said) as link:
        await link.drip(piece)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nX: ", b"GET /"], ids=["a field", "a path"])
async def test_a_head_without_end_is_refused_before_it_is_large(server: Running, said: bytes) -> None:
    async with Link(server, said) as link:
        sent = 0
        answer = asyncio.ensure_future(link.rest())
        while not answer.done():
            link.writer.write(b"y" * 16_384)
            sent += 16_384
            await asyncio.sleep(0)
            assert sent < 100_000_000
        assert (await answer).startswith(b"HTTP/1.1 400") or not answer.result()  # cut off, it may never arrive


async def test_a_head_behind_a_large_body_is_not_taken_for_a_large_one(server: Running) -> None:
    async with Link(server, 2 * post(body(900_000)) + HEALTH[:-2]) as link:
        link.writer.write(HEALTH[-2:])
        heard = await link.rest()
    assert heard.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("said", [UPGRADE, STREAM], ids=["WebSocket", "event stream"])
async def test_whoever_watches_may_be_silent(server: Running, said: bytes) -> None:
    async with Link(server, said) as link:
        await link.reader.readuntil(b'"type":"connected"')
        await asyncio.sleep(2 * PATIENCE)
        async with Link(server, post(body(3))) as other:
            assert b'"version":1' in await other.rest()
        await link.reader.readuntil(b'"type":"text"')


async def test_a_watcher_that_goes_with_a_request_behind_it_is_missed(server: Running) -> None:
    async with Link(server, STREAM + HEALTH) as link:
        await link.reader.readuntil(b'"type":"connected"')
        assert server.app.context.hub.watchers == 1
    while server.app.context.hub.watchers:  # the test's own time limit ends a vain wait
        async with Link(server, post(body(3))) as other:
            await other.rest()


async def test_what_is_refused_before_it_came_leaves_no_doubt_what_comes_next(server: Running) -> None:
    async with Link(server, POST + b"Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n") as link:
        heard = await link.rest()
    assert heard.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in heard


async def test_a_compressed_body_is_refused_with_the_reason(server: Running) -> None:
    async with Link(server, POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b") as link:
        heard = await link.rest()
    assert heard.startswith(b"HTTP/1.1 415")
    assert b"must not be compressed" in heard


LONG_UPGRADES = {
    "a long first line": (UPGRADE.replace(b"=p ", b"=" + b"p" * 9000 + b" "), 414),
    "a long field": (UPGRADE.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 9000 + b"\r\n\r\n"), 431),
    "many fields": (UPGRADE.replace(b"\r\n\r\n", b"\r\nX: y" * 129 + b"\r\n\r\n"), 431),
    "the longest first line": (UPGRADE.replace(b"=p ", b"=p&x=" + b"y" * (8190 - 32) + b" "), 101),
}


@pytest.mark.parametrize(("said", "status"), LONG_UPGRADES.values(), ids=LONG_UPGRADES)
async def test_an_upgrade_that_is_too_long_is_answered_and_closed(server: Running, said: bytes, status: int) -> None:
    async with Link(server, said) as link:
        assert (await link.reader.readline()).startswith(b"HTTP/1.1 %d " % status)
        if status != 101:
            assert b'{"error":' in await link.rest()


async def test_an_upgrade_that_the_websocket_side_cannot_read_is_answered_and_closed(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "_upgrade_refusal", lambda _: None)
    async with Link(server, LONG_UPGRADES["a long first line"][0]) as link:
        assert (await link.rest()).startswith(b"HTTP/1.1 4")
