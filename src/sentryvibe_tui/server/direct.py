"""uvicorn's WebSocket protocol with a shorter way out: messages encoded once go straight to each transport.

`await send(...)` for every watcher and message costs as much as the system call itself (docs/performance.md#fan-out).
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .caller import CALLER, at_end_of
from .draining import RESTART, STOPPING
from .protocols import EXTENSION

_FLUSH = 10.0
_LAST = 0.5
"""Seconds until who was told goodbye is cut off, usually and while the server stops."""


class DirectWebSocket(WebSocketsSansIOProtocol):
    """Offers itself to the application as `scope["extensions"][EXTENSION]`."""

    on_writable: Callable[[], None] | None = None
    on_end: Callable[[], None] | None = None
    _heard_at = 0.0
    _written = 0
    _acknowledged = 0

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope.get("extensions"))[EXTENSION] = self
        cast("dict[str, Any]", self.scope)[CALLER] = at_end_of(self.transport, self.client, self.server)
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """An upgrade that is refused has its answer: uvicorn takes only an acceptance for one, and logs an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def hear_up_to(self, limit: int) -> None:
        """Messages of the peer may be so many bytes from now on; a larger one ends the link."""
        self.conn.max_message_size = limit

    def take(self, message: bytes) -> bool:
        """Write an encoded message of an open connection. False: the transport has enough; `on_writable` follows."""
        if self.close_sent or self.transport.is_closing():
            return True
        self.transport.write(message)
        self._written += len(message)
        return self.writable.is_set()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what is being sent, and hear the peer's; whoever does not take even that is cut off.

        What nobody reads would reset the connection, and a peer that says something just then may miss the goodbye.
        """
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._end_within(_FLUSH)

    def shutdown(self) -> None:
        """The process ends soon: nobody is waited for any longer than that."""
        if self.handshake_complete:
            self.stop_keepalive()
            self.close(RESTART, STOPPING)
            self._end_within(_LAST)
        else:
            super().shutdown()

    def _end_within(self, seconds: float) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)

    def handle_ping(self) -> None:
        """Who asks without reading the answers gets none."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    @property
    def waiting(self) -> int:
        """Bytes that the system has not taken yet."""
        return self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_upgrade()

    def _refuse_upgrade(self) -> None:
        """The head of the upgrade cannot be read. Nobody else answers it or closes the connection."""
        answer = b"".join(self.conn.data_to_send())
        self.transport.write(answer or STATUS_LINE[400] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def send_keepalive_ping(self) -> None:
        super().send_keepalive_ping()
        self._acknowledged = self._written - self._on_the_way()

    def _on_the_way(self) -> int:
        return self.waiting + _unacknowledged(self.transport)

    def keepalive_timeout(self) -> None:
        """The peer is gone: nothing that still waits for it will be taken, and the application hears of it at once.

        Whose pong is late because it still takes what went before the ping, or has said anything else, is not.
        """
        timeout = self.ping_timeout or 0.0
        left, before = self._on_the_way(), self._acknowledged
        self._acknowledged = self._written - left
        patience = timeout if left and self._acknowledged > before else self._heard_at + timeout - self.loop.time()
        if patience > 0:
            self.pong_timer = self.loop.call_later(patience, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.on_end is not None:
            self.on_end()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the system holds until the peer has them; 0 where it does not tell."""
    connection = transport.get_extra_info("socket")
    with suppress(OSError):
        left = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(left, sys.byteorder)
    return 0
