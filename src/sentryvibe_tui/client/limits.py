"""How long a watcher and a publisher wait, and how much they keep. Times in seconds, sizes in bytes."""

from __future__ import annotations

from msgspec import Struct

_MEGABYTE = 1024 * 1024


class LinkLimits(Struct, frozen=True):
    """Of a link to a server."""

    open_timeout: float = 10
    first_frame: float = 8
    """Within which a server that is there has said its first word; else something swallows the frames."""
    ping_every: float = 5
    parts_every: float = 0.5
    """Between two words of a frame that is still arriving."""
    stream_silence: float = 40
    """Without a byte, after which an event stream is dead; a server sends a comment every 15."""
    websocket_again: float = 180
    """On the event stream, after which a WebSocket is tried beside it."""
    max_frame: int = 64 * _MEGABYTE
    """The largest frame that is taken."""
    unread: int = 20_000
    """Events nobody has taken; above it the watch stops reading, and the server resynchronises it later."""
    entries_ahead: int = 4096
    """Entries kept above a gap until it is closed; further ones come again with the answer."""


class PublisherLimits(Struct, frozen=True):
    """Of a publisher and its outbox."""

    heartbeat_every: float = 5
    disk_again: float = 1
    """Before a disk that failed is tried again."""
    timeout: float = 15
    """Of one request."""
    outbox_bytes: int = 64 * _MEGABYTE
    """Of events that an outbox holds; what comes beyond is lost, and said."""
    bytes_ahead: int = 8 * _MEGABYTE
    """Of the oldest events, which are kept in memory, too: those on their way need not be read back."""
    rows: int = 256
    """Events in one statement: each gives up the interpreter lock, for which a busy process makes it wait."""


LINK = LinkLimits()
PUBLISHER = PublisherLimits()
