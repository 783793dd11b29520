"""Posts as they really come over a socket: in pieces, several behind one another, with unusual wishes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator

import pytest

from sentryvibe_tui.server import ingest
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.wire.envelope import EventEnvelope

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def link(server: Running) -> AsyncIterator[Link]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    yield reader, writer
    writer.close()
    await writer.wait_closed()


def request(number: int, *fields: str, path: str = "/api/build-events", body: bytes | None = None) -> bytes:
    if body is None:
        event = {"type": "text-delta", "id": "x", "delta": f"{number},"}
        body = json.dumps({"projectId": "p", "sessionId": "s", "event": event}).encode()
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, object]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    return int(head[0].split()[1]), fields, json.loads(body) if body else {}


async def version(reader: asyncio.StreamReader) -> object:
    status, _, said = await answer(reader)
    assert status == 200, said
    return said["version"]


async def test_a_post_may_come_byte_by_byte(link: Link) -> None:
    reader, writer = link
    for byte in request(1):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert await version(reader) == 1


async def test_posts_behind_one_another_are_kept_and_answered_in_order(link: Link, server: Running) -> None:
    reader, writer = link
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(request(1) + request(2) + health + request(3) + request(4))
    assert [await version(reader), await version(reader)] == [1, 2]
    assert (await answer(reader))[2]["ok"] is True
    assert [await version(reader), await version(reader)] == [3, 4]
    (key,) = await server.app.context.store.active_builds()
    state = await server.app.context.store.state(key)
    assert state is not None
    assert next(state.notes()).text == "1,2,3,4,"


async def test_who_wants_to_close_gets_the_answer_first(link: Link) -> None:
    reader, writer = link
    writer.write(request(1, "Connection: close"))
    status, fields, _ = await answer(reader)
    assert (status, fields["connection"]) == (200, "close")
    assert await reader.read() == b""


async def test_who_asks_whether_to_go_on_is_told(link: Link) -> None:
    reader, writer = link
    head, _, body = request(1, "Expect: 100-continue").partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(body)
    assert await version(reader) == 1


async def test_what_is_refused_is_read_to_its_end_and_the_next_is_taken(link: Link) -> None:
    reader, writer = link
    writer.write(request(1, body=b" " * (1024 * 1024 + 1)) + request(2))
    assert (await answer(reader))[0] == 413
    writer.write(request(1, "Origin: https://evil.example") + request(3))
    assert await version(reader) == 1
    assert (await answer(reader))[0] == 403
    assert await version(reader) == 2


async def test_a_link_that_goes_in_the_middle_leaves_nothing(link: Link, server: Running) -> None:
    _, writer = link
    writer.write(request(1)[:-5])
    await writer.drain()
    writer.transport.abort()
    reader, other = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    other.write(request(2, "Connection: close"))
    assert await version(reader) == 1
    other.close()
    await other.wait_closed()


async def test_a_fault_of_ours_is_told_without_ending_the_link(
    link: Link, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    reader, writer = link
    with monkeypatch.context() as patch:
        patch.setattr(server.app.context.store, "append", broken)
        writer.write(request(1))
        assert (await answer(reader))[0] == 500
    writer.write(request(1))
    assert await version(reader) == 1


async def test_a_large_body_is_decoded_beside_the_event_loop(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = link
    threads: list[threading.Thread] = []
    real = ingest.decode_posted

    def decode(body: bytes) -> tuple[EventEnvelope, ...]:
        threads.append(threading.current_thread())
        return real(body)

    monkeypatch.setattr(ingest, "decode_posted", decode)
    event = {"type": "text-delta", "id": "x", "delta": "words"}
    many = json.dumps([{"projectId": "p", "sessionId": "s", "event": event}] * 2_000).encode()
    writer.write(request(1, body=many) + request(2) + request(3, body=many[:-1]))
    assert [await version(reader), await version(reader)] == [2_000, 2_001]
    assert (await answer(reader))[0] == 400
    assert [thread is threading.main_thread() for thread in threads] == [False, True, False]
