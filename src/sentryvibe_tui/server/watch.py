"""`GET /ws`: one watcher's WebSocket (docs/protocol.md#watch-link)."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, cast

from ..errors import StoreUnavailable
from ..model.state import Millis
from ..principals import Principal
from ..version import __version__
from ..wire.frames import Alive, GetState, Subscribe, decode_asked, encode_connected
from ..wire.ids import RULE, is_id
from ..wire.json import encode
from .asgi import HTTPError, Message, Receive, Scope, Send, query
from .catch_up import Since
from .context import ServerContext
from .hub import OriginalWatcher, Watcher
from .outbound_frame import OutboundFrame
from .peer import Peer, peer_of
from .permits import principal_of
from .protocols import EXTENSION

if TYPE_CHECKING:
    from .direct import DirectWebSocket

log = logging.getLogger("sentryvibe_tui.server")

TRY_AGAIN = 1013
NO_WORD = 1006
"""A link that just broke."""
FORBIDDEN = 4403
ACK = OutboundFrame(b'{"type":"heartbeat-ack"}')


class SocketOutlet:
    """Straight into the transport; large states gzipped for who speaks protocol 2."""

    def __init__(self, link: DirectWebSocket, packed: bool, peer: Peer) -> None:
        self.peer = peer
        self._link = link
        self._packed = packed

    @property
    def waiting(self) -> int:
        return self._link.waiting

    def take(self, frame: OutboundFrame) -> bool:
        return self._link.take(frame.packed_message if self._packed else frame.message)

    def close(self, code: int, reason: str, wait: Millis = 0) -> None:
        self._link.close(code, f"{reason}; retry_ms={wait}" if wait else reason)


async def watch(scope: Scope, receive: Receive, send: Send, serving: ServerContext) -> None:
    """Raises HTTPError before the upgrade is accepted."""
    parameters = query(scope)
    link = cast("DirectWebSocket | None", scope.get("extensions", {}).get(EXTENSION))
    if link is None:
        raise HTTPError(501, "this server cannot watch over WebSocket")
    if not parameters.get("projectId"):
        raise HTTPError(400, "projectId is missing", field="projectId")
    check_ids(parameters)
    await receive()
    await send({"type": "websocket.accept"})
    is_ours = parameters.get("protocol") == "2"
    outlet = SocketOutlet(link, is_ours, peer_of(scope, "ws", 2 if is_ours else 1, serving.now()))
    kind = Watcher if is_ours else OriginalWatcher
    only = principal_of(scope)
    session_id = only.session or parameters.get("sessionId", "")
    watcher = serving.hub.join(parameters["projectId"], session_id, outlet, kind, only.build)
    start, code = serving.metrics.clock(), TRY_AGAIN
    try:
        _greet(serving, watcher, link)
        if await _start(serving, watcher, since_of(parameters)):
            while (message := await receive())["type"] == "websocket.receive":
                watcher = await _answer(serving, watcher, link, message, only)
            code = message.get("code", NO_WORD)
    finally:
        link.on_writable = link.on_end = None
        serving.hub.leave(watcher)
        serving.metrics.left(code, start)


def check_ids(parameters: dict[str, str]) -> None:
    """Raises HTTPError (400) for what nothing can be called."""
    for name in ("projectId", "sessionId", "buildId"):
        if parameters.get(name) and not is_id(parameters[name]):
            raise HTTPError(400, RULE, field=name)


def since_of(parameters: dict[str, str]) -> Since:
    """What the query says the watcher has."""
    return Since(
        number_parameter(parameters, "since"),
        parameters.get("epoch", ""),
        parameters.get("buildId", ""),
        number_parameter(parameters, "at"),
    )


def number_parameter(parameters: dict[str, str], name: str) -> int | None:
    """A parameter of the query; None when it is missing or none."""
    text = parameters.get(name, "")
    return int(text[:18]) if text.isascii() and text.isdecimal() else None


def connected(serving: ServerContext, project_id: str, session_id: str) -> OutboundFrame:
    client = secrets.token_hex(8)
    return OutboundFrame(
        encode_connected(client, project_id, session_id, serving.hub.epoch, __version__, serving.now())
    )


def _greet(serving: ServerContext, watcher: Watcher, link: DirectWebSocket) -> None:
    link.on_writable = lambda: serving.hub.resume(watcher)
    link.on_end = lambda: serving.hub.leave(watcher)
    serving.hub.tell(watcher, connected(serving, watcher.channel.project_id, watcher.selection.session_id))


async def _start(serving: ServerContext, watcher: Watcher, since: Since) -> bool:
    """False: the store cannot be read, and the link ends."""
    try:
        await serving.catch_up.start(watcher, since)
    except StoreUnavailable as error:
        log.warning("no starting point: %s", error)
        serving.metrics.unavailable(error.reason)
        serving.hub.tell(watcher, OutboundFrame(encode({"type": "state-recovery-failed", "error": str(error)})))
        watcher.outlet.close(TRY_AGAIN, "the store is unavailable")
        return False
    return True


async def _answer(
    serving: ServerContext, watcher: Watcher, link: DirectWebSocket, message: Message, only: Principal
) -> Watcher:
    """The watcher after it; it may see what `only` may."""
    match decode_asked(message.get("text") or message.get("bytes") or b""):
        case GetState(build_id, since, epoch):
            await _start(serving, watcher, Since(since, epoch, build_id))
        case Subscribe(project_id) if only.project not in ("", project_id):
            link.close(FORBIDDEN, "the token is for another project")
        case Subscribe(project_id, session_id) if is_id(project_id):
            watcher = serving.hub.move(watcher, project_id, only.session or session_id, only.build)
            _greet(serving, watcher, link)
            await _start(serving, watcher, Since())
        case Alive():
            serving.hub.tell(watcher, ACK)
        case _:
            pass
    return watcher
