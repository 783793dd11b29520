"""The little of ASGI that every endpoint needs."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from ..errors import SentryVibeError
from ..wire.json import encode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_COMPRESSED = 1024
_LARGE = 32 * 1024
"""Bytes of an answer above which it is compressed beside the event loop."""


class HTTPError(SentryVibeError):
    """A request that gets an error for an answer: `{error, field?}`."""

    def __init__(
        self, status: int, error: str, *, field: str = "", retry_after: int = 0, is_last: bool = False
    ) -> None:
        """`is_last`: the connection ends with it."""
        super().__init__(error)
        self.status = status
        self.field = field
        self.retry_after = retry_after
        self.is_last = is_last

    @property
    def body(self) -> bytes:
        return encode({"error": str(self)} | ({"field": self.field} if self.field else {}))

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Headers that go with the answer."""
        again = [(b"retry-after", str(self.retry_after).encode())] if self.retry_after else []
        again += [(b"connection", b"close")] if self.is_last else []
        return again + ([(b"www-authenticate", b"Bearer")] if self.status == 401 else [])


def header(scope: Scope, name: bytes) -> str | None:
    """The last header of that (lower case) name."""
    value = next((value for key, value in reversed(scope["headers"]) if key == name), None)
    return None if value is None else value.decode("latin-1")


def query(scope: Scope) -> dict[str, str]:
    """The query's parameters; of a repeated one the first."""
    text = scope.get("query_string", b"").decode("latin-1")
    try:
        parsed = parse_qs(text, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HTTPError(400, "too many query parameters") from None
    return {name: values[0] for name, values in parsed.items()}


async def answer(
    send: Send, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), kind: bytes = b"application/json"
) -> None:
    """An answer, JSON unless it is of another `kind`."""
    fields = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def answer_packed(scope: Scope, send: Send, body: bytes) -> None:
    """A JSON answer of any size: compressed when it is worth it and the client accepts it."""
    if len(body) < _COMPRESSED or "gzip" not in (header(scope, b"accept-encoding") or ""):
        await answer(send, body, headers=((b"vary", b"accept-encoding"),))
        return
    packed = _packed(body) if len(body) < _LARGE else await asyncio.to_thread(_packed, body)
    await answer(send, packed, headers=((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")))


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


async def refuse(scope: Scope, send: Send, refused: HTTPError) -> None:
    """The error of a request, or of a WebSocket upgrade."""
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(refused.body)).encode())]
    fields.extend(refused.fields)
    if header(scope, b"expect") is not None:  # nobody knows whether the body that was announced still comes
        fields.append((b"connection", b"close"))
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    await send({"type": f"{prefix}.start", "status": refused.status, "headers": fields})
    await send({"type": f"{prefix}.body", "body": refused.body})
