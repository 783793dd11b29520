"""Endpoints of the builds feed: WebSocket, event stream and the paged list (docs/protocol.md#builds-feed)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from msgspec import Raw
from msgspec.structs import replace

from ..errors import StoreUnavailable
from ..model.state import Millis
from ..model.totals import figures_of, named, totals
from ..principals import Principal
from ..store.contract import BuildFilter, Page, Store
from ..version import __version__
from ..wire.frames import Alive, GetState, decode_asked, encode_connected
from ..wire.ids import RULE, is_id
from ..wire.json import encode
from ..wire.summary import encode_summary
from .asgi import HTTPError, Receive, Scope, Send, header, query
from .context import ServerContext
from .feed import FeedFilter, FeedWatcher
from .feed_start import MOST, Wish
from .outbound_frame import OutboundFrame, parse_event_id
from .peer import peer_of
from .protocols import EXTENSION
from .sse import SSE_HEADERS, StreamOutlet, answer_head, put, send_all, until_gone
from .watch import ACK, NO_WORD, TRY_AGAIN, SocketOutlet, number_parameter

if TYPE_CHECKING:
    from .direct import DirectWebSocket

log = logging.getLogger("sentryvibe_tui.server")

ENDED = 500
"""Builds that have ended with which a feed begins, the latest, unless it is asked for another number."""
PAGE = 500
"""Builds of a page of the list, unless it is asked for another number."""
_FEW = 50
"""Builds up to which a page is encoded in the event loop."""


async def watch_builds(scope: Scope, receive: Receive, send: Send, context: ServerContext) -> None:
    """A feed over a WebSocket. Raises HTTPError before the upgrade is accepted."""
    wish = _wish(query(scope))
    link = cast("DirectWebSocket | None", scope.get("extensions", {}).get(EXTENSION))
    if link is None:
        raise HTTPError(501, "this server cannot watch over WebSocket")
    await receive()
    await send({"type": "websocket.accept"})
    peer, start, code = peer_of(scope, "ws", 2, context.now()), context.metrics.clock(), TRY_AGAIN
    watcher = context.feed.join(wish.filter, SocketOutlet(link, packed=True, peer=peer))
    link.on_writable = lambda: context.feed.resume(watcher)
    try:
        context.feed.tell(watcher, _connected(context, wish))
        if await _start(context, watcher, wish):
            while (message := await receive())["type"] == "websocket.receive":
                await _answer(context, watcher, wish, message.get("text") or message.get("bytes") or b"")
            code = message.get("code", NO_WORD)
    finally:
        link.on_writable = None
        context.feed.leave(watcher)
        context.metrics.left(code, start)


async def _start(context: ServerContext, watcher: FeedWatcher, wish: Wish) -> bool:
    """False: the store cannot be read, and the link ends."""
    try:
        await context.feed_start.start(watcher, wish)
    except StoreUnavailable as error:
        log.warning("no list of builds: %s", error)
        watcher.outlet.close(TRY_AGAIN, "the store is unavailable")
        return False
    return True


async def _answer(context: ServerContext, watcher: FeedWatcher, wish: Wish, text: str | bytes) -> None:
    match decode_asked(text):
        case GetState(_, since, epoch):
            await _start(context, watcher, Wish(wish.filter, wish.ended, since, epoch))
        case Alive():
            context.feed.tell(watcher, ACK)
        case _:
            pass


async def stream_builds(scope: Scope, receive: Receive, send: Send, context: ServerContext) -> None:
    """A feed as server-sent events."""
    wish = _wish(query(scope), header(scope, b"last-event-id") or "")
    if scope["method"] == "HEAD":
        await answer_head(send)
        return
    outlet, start = StreamOutlet(peer_of(scope, "sse", 2, context.now())), context.metrics.clock()
    watcher = context.feed.join(wish.filter, outlet)
    epoch = context.feed.epoch
    try:
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        await put(send, _connected(context, wish).event(epoch))
        await context.feed_start.start(watcher, wish)
        await until_gone(send_all(outlet, send, epoch, lambda: context.feed.resume(watcher)), receive)
    except StoreUnavailable:
        pass  # the stream ends, and the watcher comes back
    finally:
        context.feed.leave(watcher)
        context.metrics.left(outlet.code, start)
    with suppress(Exception):
        await send({"type": "http.response.body", "body": outlet.farewell})


async def list_builds(store: Store, parameters: dict[str, str], reader: Principal) -> bytes:
    """A page of the list: `builds`, and in `next` what `page` has to be for those after; null on the last."""
    wish = _wish(parameters)
    limit = min(number_parameter(parameters, "limit") or PAGE, MOST)
    active = True if wish.filter.active else None
    wanted = BuildFilter(
        wish.filter.project_id, active, number_parameter(parameters, "since"), _place(parameters.get("page", ""))
    )
    page = await (_page_of_one(store, wanted, reader) if reader.build else store.all_builds(wanted, limit))
    following = None if page.next is None else f"{page.next[0]}.{page.next[1]}"

    def encoded() -> bytes:
        return encode({"builds": [Raw(encode_summary(build)) for build in page.builds], "next": following})

    return encoded() if len(page.builds) <= _FEW else await asyncio.to_thread(encoded)


async def _page_of_one(store: Store, wanted: BuildFilter, reader: Principal) -> Page:
    """The build that the reader may see, when the filter lets it through; however many came after it."""
    while True:
        page = await store.all_builds(wanted, PAGE)
        rows = tuple(row for row in page.builds if reader.sees(row.project_id, row.session_id, row.build_id))
        if rows or page.next is None:
            return Page(rows)
        wanted = replace(wanted, after=page.next)


async def status(store: Store, parameters: dict[str, str]) -> bytes:
    """All builds in a few figures: those that go on, and those that have ended at or after `since`."""
    going = await store.all_builds(BuildFilter(active=True), MOST)
    ended = await store.all_builds(BuildFilter(active=False, since=number_parameter(parameters, "since") or 0), MOST)
    return encode(named(totals(map(figures_of, (*going.builds, *ended.builds)))))


def _place(text: str) -> tuple[Millis, int] | None:
    """Where a page ended. Raises HTTPError for what no page said."""
    if not text:
        return None
    at, _, log_number = text.partition(".")
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in (at, log_number)):
        raise HTTPError(400, "no place in the list", field="page")
    return int(at), int(log_number)


def _wish(parameters: dict[str, str], last_event_id: str = "") -> Wish:
    """Raises HTTPError (400) for what nothing can be called."""
    project_id = parameters.get("projectId", "")
    if project_id and not is_id(project_id):
        raise HTTPError(400, RULE, field="projectId")
    ended = number_parameter(parameters, "limit")
    place = parse_event_id(last_event_id)
    since, epoch = (
        (number_parameter(parameters, "since"), parameters.get("epoch", "")) if place is None else (place[2], place[0])
    )
    wanted = FeedFilter(project_id, parameters.get("active") == "1")
    return Wish(wanted, ENDED if ended is None else min(ended, MOST), since, epoch)


def _connected(context: ServerContext, wish: Wish) -> OutboundFrame:
    client = secrets.token_hex(8)
    project_id = wish.filter.project_id
    return OutboundFrame(encode_connected(client, project_id, "", context.feed.epoch, __version__, context.now()))
