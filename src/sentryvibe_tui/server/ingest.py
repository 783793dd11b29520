"""`POST /api/build-events`: an agent's events, answered once they are on disk (docs/protocol.md#posting-events)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ..errors import BadJson
from ..model.state import Millis
from ..principals import Principal
from ..store.contract import Accepted, BuildKey, Store
from ..wire.base import Wire
from ..wire.envelope import EventEnvelope, decode_posted, is_unknown
from ..wire.json import decode, encode
from .asgi import HTTPError, Message, Receive, Scope, header
from .permits import foreign, permitted

LARGE = 64 * 1024
"""Bytes of a body that takes so long to decode that others should not wait for it."""

_PLACE = re.compile(r" - at `(.+)`$")
_OTHER_TYPES = (
    "multipart/",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/xml",
    "text/html",
    "text/xml",
)


class EventIngest:
    """Keeps posted events. `undated` of them had a time that is no date, and got that of their receipt; `unknown` were
    of types that nobody here reads.
    """

    def __init__(self, store: Store, now: Callable[[], Millis]) -> None:
        self._store, self._now = store, now
        self.undated = self.unknown = 0

    def keep(self, body: bytes, principal: Principal) -> Awaitable[Accepted]:
        """It or the answer raises HTTPError for what is not taken, StoreUnavailable when nothing can be kept."""
        return self._append(_decoded(body), principal) if len(body) <= LARGE else self._keep_large(body, principal)

    async def _keep_large(self, body: bytes, principal: Principal) -> Accepted:
        return await self._append(await asyncio.to_thread(_decoded, body), principal)

    def _append(self, events: tuple[EventEnvelope, ...], principal: Principal) -> Awaitable[Accepted]:
        if principal.project and any(posted.about.project_id != principal.project for posted in events):
            raise foreign(principal)
        self.undated += sum(posted.undated for posted in events)
        self.unknown += sum(is_unknown(posted.event) for posted in events)
        if not all(posted.about.session_id for posted in events):
            return self._append_placed(events)
        return self._store.append(events, self._now()) if events else _nothing()

    async def _append_placed(self, events: tuple[EventEnvelope, ...]) -> Accepted:
        return await self._store.append([await _placed(posted, self._store) for posted in events], self._now())


async def _placed(posted: EventEnvelope, store: Store) -> EventEnvelope:
    """An event without a session belongs to that of its build, else to the project's newest, else to one of its own."""
    about = posted.about
    if about.session_id:
        return posted
    build = await store.find_build(about.project_id, "", about.build_id) if about.build_id else None
    newest = build or await store.find_build(about.project_id)
    session = newest.key.session_id if newest else about.build_id or about.project_id
    build_id = about.build_id or (newest.key.build_id if newest else session)
    return replace(posted, about=replace(about, session_id=session, build_id=build_id))


def _decoded(body: bytes) -> tuple[EventEnvelope, ...]:
    try:
        return decode_posted(body)
    except BadJson as error:
        raise bad_request(error) from None


async def _nothing() -> Accepted:
    return Accepted(0, 0, 0)


def accepted_text(accepted: Accepted) -> bytes:
    return b'{"accepted":%d,"duplicates":%d,"version":%d}' % (
        accepted.accepted,
        accepted.duplicates,
        accepted.version,
    )


class _Beat(Wire, frozen=True):
    project_id: str
    session_id: str
    build_id: str | None = None
    outbox: int = 0


async def agent_heartbeat(
    scope: Scope, receive: Receive, heartbeat: Callable[[BuildKey, int], Awaitable[bool]]
) -> bytes:
    """`POST /api/build-heartbeats`: the publisher of a build lives, and `outbox` events wait with it."""
    try:
        beat = decode(await read_body(scope, receive, 4096), _Beat)
    except BadJson as error:
        raise bad_request(error) from None
    key = BuildKey(permitted(scope, beat.project_id), beat.session_id, beat.build_id or beat.session_id)
    return encode({"known": await heartbeat(key, max(0, beat.outbox))})


def check_body(scope: Scope, limit: int) -> None:
    """What the headers say of it. Raises HTTPError: 413 above `limit` bytes, 415 for what says it is no JSON."""
    kind = (header(scope, b"content-type") or "").lower()
    if kind.startswith(_OTHER_TYPES):
        raise HTTPError(415, "the body must be application/json")
    coding = header(scope, b"content-encoding")
    if coding is not None and coding.strip().lower() not in ("", "identity"):
        raise HTTPError(415, "the body must not be compressed")
    length = header(scope, b"content-length")
    if length is not None and length.isdecimal() and int(length) > limit:
        raise too_large(limit)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises HTTPError as `check_body`."""
    check_body(scope, limit)
    message = await receive()
    if not message.get("more_body"):
        return _bounded(message, limit, 0)
    parts: list[bytes] = []
    size = 0
    while True:
        parts.append(_bounded(message, limit, size))
        size += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _bounded(message: Message, limit: int, size: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise HTTPError(400, "the body ended early")
    part = message.get("body", b"")
    if size + len(part) > limit:
        raise too_large(limit)
    return part


def too_large(limit: int) -> HTTPError:
    return HTTPError(413, f"the body is larger than {limit} bytes")


def bad_request(error: BadJson) -> HTTPError:
    """400, with the field that the reason names."""
    reason = str(error)
    place = _PLACE.search(reason)
    field = place[1].removeprefix("$").removeprefix(".") if place else ""
    return HTTPError(400, reason, field=field)
