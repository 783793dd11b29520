"""Open links of named tokens, so that they end with their tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Set
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from ..principals import Principal
from .asgi import Scope, Send
from .protocols import EXTENSION
from .watch import TRY_AGAIN

if TYPE_CHECKING:
    from .direct import DirectWebSocket

REVOKED = 4401


class _Link:
    """`end` ends it; then `is_ended`."""

    def __init__(self, token_id: str, end: Callable[[int, str], object]) -> None:
        self.token_id = token_id
        self._end = end
        self.is_ended = False

    def end(self, code: int, reason: str) -> None:
        self.is_ended = True
        self._end(code, reason)


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

    def end(self, valid: Set[str]) -> None:
        """End the links of tokens that are not among the `valid` ids."""
        self._end_without(valid, REVOKED, "the token was revoked or has expired")

    def interrupt(self) -> None:
        """End all of them for now: which tokens are valid is not known."""
        self._end_without(frozenset(), TRY_AGAIN, "the tokens cannot be read")

    def _end_without(self, valid: Set[str], code: int, reason: str) -> None:
        for link in [link for link in self._open if not link.is_ended and link.token_id not in valid]:
            link.end(code, reason)


def _ending(scope: Scope) -> Callable[[int, str], object]:
    socket = cast("DirectWebSocket | None", scope.get("extensions", {}).get(EXTENSION))
    if scope["type"] == "websocket" and socket is not None:
        return socket.close
    task = cast("asyncio.Task[None]", asyncio.current_task())
    return lambda _code, _reason: task.cancel()
