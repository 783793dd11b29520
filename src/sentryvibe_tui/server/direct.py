"""uvicorn's WebSocket protocol with a shorter way out: messages encoded once go straight to each transport.

`await send(...)` for every watcher and message costs as much as the system call itself (REALTIME 1, fan-out).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "sentryvibe.direct"
_FLUSH = 10.0


class DirectWebSocket(WebSocketsSansIOProtocol):
    """Offers itself to the application as `scope["extensions"][EXTENSION]`."""

    on_writable: Callable[[], None] | None = None

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope.get("extensions"))[EXTENSION] = self
        await super().run_asgi()

    def take(self, message: bytes) -> bool:
        """Write an encoded message of an open connection. False: the transport has enough; `on_writable` follows."""
        if self.close_sent or self.transport.is_closing():
            return True
        self.transport.write(message)
        return self.writable.is_set()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what is being sent; whoever does not take even that is cut off."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.close()
        self.loop.call_later(_FLUSH, self.transport.abort)

    def handle_ping(self) -> None:
        """Who asks without reading the answers gets none."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def keepalive_timeout(self) -> None:
        """The peer is gone: nothing that still waits for it will be taken, and the application hears of it at once."""
        super().keepalive_timeout()
        self.transport.abort()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()
