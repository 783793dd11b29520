"""Open links of named tokens, so that they end with their tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from ..principals import Principal
from .asgi import Scope, Send
from .protocols import EXTENSION

if TYPE_CHECKING:
    from .direct import DirectWebSocket

REVOKED = 4401


class _Link:
    """`end` ends it; then `is_ended`."""

    def __init__(self, token_id: str, end: Callable[[], object]) -> None:
        self.token_id = token_id
        self._end = end
        self.is_ended = False

    def end(self) -> None:
        self.is_ended = True
        self._end()


class Links:
    def __init__(self) -> None:
        self._open: set[_Link] = set()

    async def hold(self, principal: Principal, scope: Scope, send: Send, answering: Awaitable[None]) -> None:
        """`answering`, in the current task. A stream whose token is revoked meanwhile ends as HTTP's bodies do."""
        link = _Link(principal.id, _ending(scope))
        self._open.add(link)
        try:
            await answering
        except asyncio.CancelledError:
            if not link.is_ended:
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            with suppress(Exception):  # the peer may be gone, too
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._open.discard(link)

    def end(self, is_valid: Callable[[str], bool]) -> None:
        """End the links of tokens that are no longer valid."""
        for link in [link for link in self._open if not link.is_ended and not is_valid(link.token_id)]:
            link.end()


def _ending(scope: Scope) -> Callable[[], object]:
    socket = cast("DirectWebSocket | None", scope.get("extensions", {}).get(EXTENSION))
    if scope["type"] == "websocket" and socket is not None:
        return lambda: socket.close(REVOKED, "the token was revoked or has expired")
    return cast("asyncio.Task[None]", asyncio.current_task()).cancel
