"""`GET /api/projects/{id}/events`: the frames of `/ws` as server-sent events, where a WebSocket cannot pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from ..errors import StoreUnavailable
from ..model.state import Millis
from .asgi import Receive, Scope, Send, header, query
from .catch_up import Since
from .context import ServerContext
from .hub import Watcher
from .outbound_frame import OutboundFrame, parse_event_id
from .peer import Peer, peer_of
from .permits import principal_of
from .watch import NO_WORD, check_ids, connected, since_of

COMMENT_EVERY = 15.0
_PIECE = 64 * 1024
SSE_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class StreamOutlet:
    """Holds one frame until it is sent, of which `waiting` bytes are left."""

    def __init__(self, peer: Peer | None = None) -> None:
        self.peer = peer or Peer(transport="sse")
        self.waiting = 0
        self.code = NO_WORD
        self._wait: Millis = 0
        self._next: asyncio.Queue[OutboundFrame | None] = asyncio.Queue()

    def take(self, frame: OutboundFrame) -> bool:
        self.waiting = len(frame.text)
        self._next.put_nowait(frame)
        return False

    def close(self, code: int, reason: str, wait: Millis = 0) -> None:
        self.code, self._wait = code, wait
        self._next.put_nowait(None)

    @property
    def farewell(self) -> bytes:
        """What is sent last."""
        return b"retry: %d\n\n" % self._wait if self._wait else b""

    async def next(self) -> OutboundFrame | None:
        """The frame to send; None: the stream ends. Raises TimeoutError when there is none for a while."""
        async with asyncio.timeout(COMMENT_EVERY):  # unlike `wait_for` it never takes a cancellation for an answer
            return await self._next.get()


async def stream(scope: Scope, receive: Receive, send: Send, serving: ServerContext, project_id: str) -> None:
    parameters = query(scope)
    check_ids(parameters | {"projectId": project_id})
    if scope["method"] == "HEAD":
        await answer_head(send)
        return
    outlet, start = StreamOutlet(peer_of(scope, "sse", 2, serving.now())), serving.metrics.clock()
    only = principal_of(scope)
    session_id = only.session or parameters.get("sessionId", "")
    watcher = serving.hub.join(project_id, session_id, outlet, build_id=only.build)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        await put(send, connected(serving, project_id, session_id).event(serving.hub.epoch))
        await until_gone(_follow(watcher, outlet, send, serving, _since(scope, parameters)), receive)
    except StoreUnavailable as error:  # the stream ends, and the watcher comes back
        serving.metrics.unavailable(error.reason)
    finally:
        serving.hub.leave(watcher)
        serving.metrics.left(outlet.code, start)
    with suppress(Exception):
        await send({"type": "http.response.body", "body": outlet.farewell})


async def _follow(watcher: Watcher, outlet: StreamOutlet, send: Send, serving: ServerContext, since: Since) -> None:
    await serving.catch_up.start(watcher, since)
    await send_all(outlet, send, serving.hub.epoch, lambda: serving.hub.resume(watcher))


def _since(scope: Scope, parameters: dict[str, str]) -> Since:
    place = parse_event_id(header(scope, b"last-event-id") or "")
    if place is None:
        return since_of(parameters)
    epoch, build_id, version = place
    said = since_of(parameters)
    return Since(version, epoch, build_id, said.at if said.version == version else None)


async def answer_head(send: Send) -> None:
    """To who asks what a stream would be."""
    await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
    await send({"type": "http.response.body", "body": b""})


async def put(send: Send, body: bytes) -> None:
    """A piece of the stream."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def send_all(outlet: StreamOutlet, send: Send, epoch: str, ready: Callable[[], None]) -> None:
    """Every frame that the outlet gets, until it is closed; `ready`: it can take the next."""
    while True:
        try:
            frame = await outlet.next()
        except TimeoutError:
            await put(send, b": alive\n\n")
            continue
        if frame is None:
            return
        await _send_frame(frame.event(epoch), outlet, send)
        ready()


async def _send_frame(event: bytes, outlet: StreamOutlet, send: Send) -> None:
    """In pieces, so that it shows whether the peer takes any."""
    for start in range(0, len(event), _PIECE):
        outlet.waiting = len(event) - start
        await put(send, event[start : start + _PIECE])


async def until_gone(sending: Coroutine[None, None, None], receive: Receive) -> None:
    """`sending`, until it ends or the client does."""

    async def disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = {asyncio.create_task(sending), asyncio.create_task(disconnect())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
