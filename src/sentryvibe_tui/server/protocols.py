"""Which classes of uvicorn speak for us: our own, built on its private ones; its stock ones when those have moved."""

from __future__ import annotations

import logging
from asyncio import Protocol
from importlib import import_module

log = logging.getLogger("sentryvibe_tui.server")

EXTENSION = "sentryvibe.direct"
"""Under this name a WebSocket of ours offers itself to the application."""

_PRIVATE = {
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol": (
        "connection_made", "data_received", "on_message_begin", "on_headers_complete", "send_400_response",
    ),
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol": (
        "run_asgi", "send", "handle_ping", "data_received", "send_keepalive_ping", "keepalive_timeout",
        "resume_writing",
    ),
}  # fmt: skip
"""What ours take the place of, and would silently no longer do so under another name."""


def protocols() -> tuple[type[Protocol] | str, type[Protocol] | str]:
    """HTTP's and WebSocket's. With the stock ones requests cost more and watchers get server-sent events."""
    try:
        _expect_private_names()
        from .direct import DirectWebSocket
        from .fast_ingest import FastIngestProtocol
    except (ImportError, AttributeError) as error:
        log.warning("this uvicorn is not the one that was built for: served without WebSocket, more slowly (%s)", error)
        return "auto", "auto"
    return FastIngestProtocol, DirectWebSocket


def _expect_private_names() -> None:
    """Raises ImportError, AttributeError."""
    for place, names in _PRIVATE.items():
        module, _, name = place.partition(":")
        for method in names:
            getattr(getattr(import_module(module), name), method)
