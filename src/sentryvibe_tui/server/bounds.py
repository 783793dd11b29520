"""uvicorn's HTTP protocol with bounds: how large a request's head may be, how long a request may be on its way."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .asgi import HTTPError
from .caller import CALLER, at_end_of

HEAD_BYTES = 64 * 1024
UPGRADE_LINE = 8190
"""Bytes of a line in the head of an upgrade, without its end: the WebSocket side reads no longer ones."""
UPGRADE_FIELDS = 128
_LINGER = 1.0
"""Seconds in which who was too late can read that."""


class BoundedHttp(HttpToolsProtocol):
    """A connection ends when its next request is not whole within `timeout_keep_alive` seconds: with an answer, once it
    has begun."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._in_head = self._in_body = self._has_begun = self._is_late = False
        self._head_size = 0
        self._answering: RequestResponseCycle | None = None
        super().connection_made(transport)
        self._caller = at_end_of(transport, self.client, self.server)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        if self._is_late:
            return
        self._has_begun = False
        super().data_received(data)
        if self._in_head and not self._has_begun:
            self._head_size += len(data)
            if self._head_size > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self._in_head = self._has_begun = True
        self._head_size = 0
        super().on_message_begin()
        cast("dict[str, object]", self.scope)[CALLER] = self._caller

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        if not self.takes():
            super().on_headers_complete()

    def takes(self) -> bool:
        """Whether the request whose head is here is answered by other means than ASGI."""
        return False

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()
        self._stop_waiting()
        if self.cycle and self.cycle.response_complete:  # refused before it was whole
            self._await_request()

    def on_response_complete(self) -> None:
        self._stop_waiting()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_waiting()
        refused = self._upgrade_refusal()
        if refused is None:
            super().handle_websocket_upgrade()
        else:
            self._refuse_upgrade(refused)

    def _upgrade_refusal(self) -> HTTPError | None:
        if len(self.url) > UPGRADE_LINE - len(b"GET  HTTP/1.1"):
            return HTTPError(414, f"the first line of an upgrade may have {UPGRADE_LINE} bytes")
        fields = list(self.scope["headers"])
        if len(fields) > UPGRADE_FIELDS or any(len(name) + len(value) + 2 > UPGRADE_LINE for name, value in fields):
            return HTTPError(431, f"an upgrade may have {UPGRADE_FIELDS} header fields of {UPGRADE_LINE} bytes")
        return None

    def _refuse_upgrade(self, refused: HTTPError) -> None:
        self._write_last(refused)
        self.transport.close()

    def _write_last(self, refused: HTTPError) -> None:
        size = b"content-length: %d\r\n" % len(refused.body)
        fields = b"content-type: application/json\r\nconnection: close\r\n"
        self.transport.write(STATUS_LINE[refused.status] + fields + size + b"\r\n" + refused.body)

    def timeout_keep_alive_handler(self) -> None:
        is_answered = self._in_body and (self.cycle.response_started or self.cycle.response_complete)
        if self.transport.is_closing() or is_answered or not (self._in_head or self._in_body):
            super().timeout_keep_alive_handler()
        else:
            self.come_late()

    def come_late(self) -> None:
        """Says so, and hears no more: what is still on its way would reset the connection if it were closed at once."""
        self._is_late = True
        self._forsake()
        late = HTTPError(408, f"a request has to be whole within {self.timeout_keep_alive:g} s")
        self._write_last(late)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self._forsake()

    def _forsake(self) -> None:
        """Nobody waits for the answer any more, also with other requests behind it."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: object) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def _unset_keepalive_if_required(self) -> None:
        """A part of a request does not end the wait for it."""

    def _await_request(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        super()._unset_keepalive_if_required()
