"""Peers that fall silent, on both kinds of link, found by the server."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sentryvibe_tui.client.reconnect import INTERVAL
from sentryvibe_tui.server import serve
from sentryvibe_tui.server.direct import DirectWebSocket
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.wire.envelope import decode_posted

UPGRADE = (
    "GET /ws?projectId=p HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(b'0123456789abcdef').decode()}\r\n\r\n"
)
STREAM = "GET /api/projects/p/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def dialled(server: Running, request: str, buffer: int = 0) -> socket.socket:
    """A connection on which nothing but `request` is ever said."""
    link = socket.socket()
    if buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    link.setblocking(False)
    await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", int(server.url.rpartition(":")[2])))
    await asyncio.get_running_loop().sock_sendall(link, request.encode())
    return link


async def until(holds: Callable[[], bool]) -> None:
    """The test's own time limit ends a vain wait."""
    while not holds():  # noqa: ASYNC110  the server's own timers are waited for
        await asyncio.sleep(0.01)


def test_a_dead_peer_is_found_within_two_and_a_half_heartbeats() -> None:
    limits = ServerLimits()
    config = serve._config(None, limits)  # type: ignore[arg-type]
    assert config.ws_ping_interval is not None
    assert config.ws_ping_timeout is not None
    assert (config.ws_ping_interval + config.ws_ping_timeout) * 1000 <= 2.5 * INTERVAL
    assert limits.dead_after * 1000 <= 2.5 * INTERVAL


IMPATIENT = ServerLimits(send_timeout=1000, ping_interval=0.1, dead_after=1000)
"""Pings in no time, and nothing else that ends a link."""


async def test_who_answers_no_ping_is_let_go_also_with_frames_in_the_way(tmp_path: Path) -> None:
    async with running(tmp_path, settings=IMPATIENT) as server:
        await fill(server)
        with await dialled(server, UPGRADE, 4096), await dialled(server, UPGRADE):
            await until(lambda: server.app.context.hub.watchers == 2)
            await until(lambda: server.app.context.hub.watchers == 0)
            await until(lambda: not connections(server))


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what its peer has taken")
@pytest.mark.parametrize("more", [False, True], ids=["a state", "a state and what follows"])
async def test_whose_pong_waits_behind_what_it_takes_slowly_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: bool
) -> None:
    looked = asyncio.Event()
    for look in ("send_keepalive_ping", "keepalive_timeout"):
        usual = getattr(DirectWebSocket, look)
        monkeypatch.setattr(DirectWebSocket, look, lambda link, usual=usual: (usual(link), looked.set()))
    async with running(tmp_path, settings=IMPATIENT) as server:
        await fill(server, parts=1)
        with await dialled(server, UPGRADE, 4096) as link:
            for _ in range(6):
                await looked.wait()
                looked.clear()
                await received(link, 16 * 1024)
                if more:
                    await fill(server, parts=1)
            assert server.app.context.hub.watchers == 1
            await until(lambda: server.app.context.hub.watchers == 0)


async def received(link: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(await asyncio.get_running_loop().sock_recv(link, size))


def masked(opcode: int, payload: bytes) -> bytes:
    """A message of a client (RFC 6455, 5.2)."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


ASKED = {
    "ping": masked(9, b"x" * 125),
    "heartbeat": masked(1, b'{"type":"heartbeat"}'),
    "get-state": masked(1, b'{"type":"get-state"}'),
    "subscribe": masked(1, b'{"type":"subscribe","projectId":"p"}'),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_who_asks_without_end_and_never_reads_costs_no_memory_and_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bytes
) -> None:
    async with running(tmp_path, settings=ServerLimits(send_timeout=1)) as server:
        await fill(server, parts=1)
        with await dialled(server, UPGRADE, 4096) as link:
            await until(lambda: server.app.context.hub.watchers == 1)
            (watcher,) = server.app.context.hub.channels["p"].watchers
            transport = watcher.outlet._link.transport  # type: ignore[attr-defined]
            most = 0
            while server.app.context.hub.watchers:
                with suppress(OSError):  # full, or cut off
                    link.send(asked * 500)
                most = max(most, transport.get_write_buffer_size())
                await asyncio.sleep(0)
        assert most < 4 * 1024 * 1024


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system cannot time out what is sent")
async def test_an_event_stream_that_nobody_reads_is_cut(tmp_path: Path) -> None:
    async with running(tmp_path, settings=ServerLimits(dead_after=0.3)) as server:
        await fill(server)
        with await dialled(server, STREAM, 4096):
            await until(lambda: server.app.context.hub.watchers == 1)
            await until(lambda: server.app.context.hub.watchers == 0)
            await until(lambda: not connections(server))


async def fill(server: Running, parts: int = 12) -> None:
    """A state of so many megabytes; several are more than any socket takes unread."""
    for part in range(parts):
        events = [
            {"type": "text", "id": f"n{part}-{number}", "text": f"{part}-{number}" * 12_000} for number in range(10)
        ]
        body = json.dumps([{"projectId": "p", "sessionId": "s", "event": event} for event in events])
        await server.app.context.store.append(decode_posted(body.encode()), 1)


def connections(server: Running) -> list[object]:
    """The server's ends of open connections."""
    port = int(server.url.rpartition(":")[2])
    ours = psutil.Process().net_connections("tcp")
    return [one for one in ours if one.laddr.port == port and one.status not in ("LISTEN", "TIME_WAIT", "NONE")]
