"""Original runners: `POST /api/runner/events`, and their WebSocket `/ws/runner` (docs/protocol.md#original-runners)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..errors import BadJson, StoreUnavailable
from ..model.events import About
from ..model.state import Millis
from ..model.text import clean_line
from ..store.contract import BuildHead, Store
from ..wire.envelope import EventEnvelope
from ..wire.runner import RunnerEvent, decode_runner_event
from .asgi import HTTPError, Receive, Scope, Send, query
from .ingest import bad_request
from .protocols import EXTENSION

if TYPE_CHECKING:
    from .direct import DirectWebSocket

log = logging.getLogger("sentryvibe_tui.server")

_OK = b'{"ok":true}'
_HEARTBEAT = "runner-status"
_TWICE = frozenset({"error"})
"""Told on both ways, and not the same when it is told again."""


class Runners:
    """`connected` of them have a link; `unknown` events said nothing of a build that is here."""

    def __init__(self, store: Store, now: Callable[[], Millis]) -> None:
        self._store, self._now = store, now
        self.connected = self.unknown = 0

    async def post(self, body: bytes) -> bytes:
        """Answered once it is on disk. Raises HTTPError for what is no event, StoreUnavailable."""
        try:
            event = decode_runner_event(body)
        except BadJson as error:
            raise bad_request(error) from None
        await self._take(event)
        return _OK

    async def serve(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """A runner's link: it says that it is there, and copies of what it posts, in messages of at most `limit` bytes.
        Nothing is sent on it yet. Raises HTTPError before the upgrade is accepted.
        """
        name = clean_line(query(scope).get("runnerId", "default"))[:80]
        link = cast("DirectWebSocket | None", scope.get("extensions", {}).get(EXTENSION))
        if link is None:
            raise HTTPError(501, "this server takes no WebSocket")
        await receive()
        link.hear_up_to(limit)
        await send({"type": "websocket.accept"})
        self.connected += 1
        log.info("runner %s is here", name)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._hear(message.get("bytes") or (message.get("text") or "").encode("utf-8", "surrogatepass"))
        finally:
            self.connected -= 1
            log.info("runner %s is gone", name)

    async def _hear(self, data: bytes) -> None:
        """What cannot be read or kept is left: a runner posts what matters."""
        try:
            event = decode_runner_event(data)
        except BadJson:
            self.unknown += 1
            return
        if event.kind == _HEARTBEAT or event.kind in _TWICE:
            return
        try:
            await self._take(event)
        except StoreUnavailable as error:
            log.warning("an event of a runner is not kept: %s", error)

    async def _take(self, event: RunnerEvent) -> None:
        build = await self._build(event) if event.event is not None and event.project_id else None
        if event.event is None or build is None:
            self.unknown += 1
            return
        key = build.key
        about = About(key.project_id, key.session_id, key.build_id)
        await self._store.append([EventEnvelope(about, event.event, at=event.at)], self._now())

    async def _build(self, event: RunnerEvent) -> BuildHead | None:
        """The build it names, else the newest of its session, else of its project."""
        named = await self._store.find_build(event.project_id, "", event.build_id) if event.build_id else None
        in_session = await self._store.find_build(event.project_id, event.session_id) if event.session_id else None
        return named or in_session or await self._store.find_build(event.project_id)
