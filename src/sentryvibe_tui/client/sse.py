"""The event stream (docs/protocol.md#server-sent-events): the same frames where WebSockets do not get through."""

from __future__ import annotations

from ..model.state import Millis
from ..wire.address import Address
from .dial import http_client
from .limits import LINK, LinkLimits
from .reconnect import Opening
from .rest import error_text
from .transport import Ended, Failed, Listener, seconds


class EventStream:
    """Bytes of an event stream -> the `data` of its events (WHATWG HTML, 9.2.6). Feed pieces as they come."""

    def __init__(self, limits: LinkLimits = LINK) -> None:
        self._most = 2 * limits.max_frame
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self.retry: Millis = 0
        """How long to wait before coming back, as the stream said last."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The frames that `piece` completes. Comments, ids and names are not frames. Raises ValueError: too large."""
        payloads: list[bytes] = []
        *ends, rest = piece.split(b"\n")
        for end in ends:
            line = b"".join((*self._line, end)).removesuffix(b"\r")
            self._line.clear()
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(end)
            elif line.startswith(b"retry:"):
                self.retry = _millis(line[6:])
            elif not line:
                if self._data:
                    payloads.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        self._line.append(rest)
        self._size += len(rest)
        if self._size > self._most:
            raise ValueError("an event larger than a frame may be")
        return payloads


async def stream(server: Address, opening: Opening, listener: Listener, limits: LinkLimits) -> None:
    """The event stream until it ends. Raises Ended or Failed; never returns."""
    import httpx

    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", **server.headers}
    if known := opening.last_event_id():
        headers["Last-Event-ID"] = known
    path, asked = opening.stream()
    timeout = httpx.Timeout(limits.open_timeout, read=limits.stream_silence)
    url = server.http(*path, query=asked)
    lines = EventStream(limits)
    try:
        async with (
            http_client(server, timeout=timeout) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            kind = answer.headers.get("Content-Type", "")
            if answer.status_code != 200 or not kind.startswith("text/event-stream"):
                raise _refusal(answer.status_code, await answer.aread(), answer.headers.get("Retry-After"))
            await listener.opened("sse")
            async for piece in answer.aiter_bytes():
                await listener.arriving()
                for frame in lines.feed(piece):
                    await listener.frame(frame)
    except (httpx.HTTPError, ValueError, OSError) as error:
        raise Failed(f"event stream: {error or type(error).__name__}") from None
    raise Ended(1006, "the event stream ended", lines.retry)


def _millis(text: bytes) -> Millis:
    digits = text.strip()
    return int(digits) if digits.isdigit() and len(digits) < 9 else 0


def _refusal(status: int, body: bytes, retry_after: str | None) -> Failed:
    reason = error_text(body)
    if status in (401, 403, 404) and reason:
        return Failed(reason, status)
    return Failed(reason or f"no event stream (HTTP {status})", None, seconds(retry_after))
