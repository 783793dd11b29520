"""The way to a server: a WebSocket, or the event stream where something between refuses it. A thin driver.

`connect` runs one connection until it ends, tells its `Listener` what comes, and raises how it ended.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from ..errors import LinkError
from ..model.state import Millis
from ..model.text import clean_line
from ..wire.address import Address
from .dial import web_socket_options
from .limits import LinkLimits
from .reconnect import Opening, Transport
from .rest import error_text
from .trouble import at_address

_RETRY_LATER = frozenset({429, 500, 502, 503, 504})
_FINAL = frozenset({401, 403, 404})


class Ended(LinkError):
    """A connection that was open was closed."""

    def __init__(self, code: int, reason: str = "", retry_after: Millis = 0) -> None:
        super().__init__(reason or f"closed ({code})")
        self.code, self.reason, self.retry_after = code, reason, retry_after


class Failed(LinkError):
    """No connection came about. `status` is set when the server itself gave a final answer."""

    def __init__(self, reason: str, status: int | None = None, retry_after: Millis = 0) -> None:
        super().__init__(reason)
        self.reason, self.status, self.retry_after = reason, status, retry_after


class Blocked(LinkError):
    """WebSockets do not get through here; the event stream may."""


class Listener(Protocol):
    async def opened(self, transport: Transport) -> None: ...

    async def frame(self, data: str | bytes) -> None: ...

    async def heard(self, rtt_ms: float) -> None: ...

    async def arriving(self) -> None:
        """A part of a frame came."""
        ...

    async def next_message(self) -> bytes:
        """What is to be sent next."""
        ...


class _Connection(ClientConnection):
    """Tells of a frame that takes long to arrive."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.part = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.reader.buffer:
            self.part.set()


async def connect(server: Address, opening: Opening, listener: Listener, limits: LinkLimits) -> None:
    """A WebSocket until it ends. Raises Ended, Failed or Blocked; never returns."""
    try:
        ws = await _open(server, opening, limits)
    except InvalidStatus as error:
        raise _refusal(error) from None
    except InvalidMessage as error:
        if isinstance(error.__cause__, EOFError | ConnectionError):
            raise Blocked("the connection was cut in the handshake") from None
        raise Blocked(f"no HTTP: {error}") from None
    except InvalidHandshake as error:
        raise Blocked(str(error)) from None
    except (OSError, TimeoutError) as error:
        raise Failed(at_address(error, server)) from None
    try:
        await listener.opened("ws")
        await _converse(ws, listener, limits)
    finally:
        ws.transport.abort()


async def reaches(server: Address, opening: Opening, limits: LinkLimits) -> bool:
    """Whether a WebSocket gets through now, up to its first frame."""
    try:
        async with asyncio.timeout(limits.open_timeout), await _open(server, opening, limits) as ws:
            await ws.recv()
            return True
    except Exception:  # whatever it is, the next try may get through
        return False


async def _open(server: Address, opening: Opening, limits: LinkLimits) -> _Connection:
    connecting = ws_connect(
        server.ws(opening.query()),
        create_connection=_Connection,
        additional_headers=server.headers,
        compression=None,
        max_size=limits.max_frame,
        open_timeout=limits.open_timeout,
        ping_interval=None,
        close_timeout=1,
        **web_socket_options(server),
    )
    return cast("_Connection", await connecting)


async def _converse(ws: _Connection, listener: Listener, limits: LinkLimits) -> None:
    helpers = [
        asyncio.create_task(_ping(ws, listener, limits.ping_every)),
        asyncio.create_task(_send(ws, listener)),
        asyncio.create_task(_tell_parts(ws, listener, limits.parts_every)),
    ]
    has_frame = False
    try:
        async with asyncio.timeout(limits.first_frame):
            first = await ws.recv()
        has_frame = True
        await listener.frame(first)
        while True:
            await listener.frame(await ws.recv())
    except TimeoutError:
        raise Blocked("no frame came through") from None
    except ConnectionClosed as error:
        received = error.rcvd
        code, reason = (1006, "") if received is None else (received.code, clean_line(received.reason))
        if not has_frame and code in (1000, 1001, 1002, 1005, 1006):
            raise Blocked("closed before the first frame") from None
        raise Ended(code, _WAIT.sub("", reason), retry_after_close(code, reason)) from None
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _ping(ws: ClientConnection, listener: Listener, every: float) -> None:
    with suppress(ConnectionClosed):
        while True:
            waiter = await ws.ping()
            await listener.heard(1000 * await waiter)
            await asyncio.sleep(every)


async def _tell_parts(ws: _Connection, listener: Listener, every: float) -> None:
    while True:
        await ws.part.wait()
        ws.part.clear()
        await listener.arriving()
        await asyncio.sleep(every)


async def _send(ws: ClientConnection, listener: Listener) -> None:
    with suppress(ConnectionClosed):
        while True:
            await ws.send(await listener.next_message(), text=True)


def _refusal(error: InvalidStatus) -> Exception:
    """401, 403 and 404 are final when the server itself says so; from anything between they mean: no WebSocket here."""
    status, headers = error.response.status_code, error.response.headers
    reason = error_text(bytes(error.response.body or b""))
    if status in _FINAL and reason:
        return Failed(reason, status)
    if status in _RETRY_LATER:
        return Failed(reason or f"HTTP {status}", None, seconds(headers.get("Retry-After")))
    return Blocked(f"the upgrade was answered with HTTP {status}")


def seconds(header: str | None) -> Millis:
    """Milliseconds of a Retry-After in seconds; 0 when it says nothing that can be read."""
    text = (header or "").strip()
    return int(text) * 1000 if text.isascii() and text.isdecimal() and len(text) < 8 else 0


_MILLIS = re.compile(r"(\d{1,8})\s*ms|retry_ms\W{0,3}(\d{1,8})")
_WAIT = re.compile(r"[;,]?\s*retry_ms=\d+\s*$")
_WITH_WAIT = frozenset({1012, 1013})


def retry_after_close(code: int, reason: str) -> Millis:
    """What the reason of a 1012 or 1013 asks for: `… 2000 ms`, or `retry_ms=2000`."""
    found = _MILLIS.search(reason) if code in _WITH_WAIT else None
    return int(found[1] or found[2]) if found else 0
