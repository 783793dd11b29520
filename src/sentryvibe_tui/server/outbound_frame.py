"""A frame on its way to many watchers: encoded once, in each form that a link wants."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import quote, unquote

from ..store.contract import BuildKey
from ..wire.frames import LARGE_STATE, compressed


class OutboundFrame:
    """JSON text of a frame. `key` and `version`: what a watcher has after it, where it has a place in a log."""

    def __init__(self, text: bytes, key: BuildKey | None = None, version: int = 0) -> None:
        self.text = text
        self.key = key
        self.version = version

    @cached_property
    def message(self) -> bytes:
        """As a WebSocket message of a server (RFC 6455, 5.2): final, text, unmasked."""
        return _message(0x81, self.text)

    @cached_property
    def packed_message(self) -> bytes:
        """As a binary message of gzipped text when it is large, for watchers of protocol 2."""
        return self.message if len(self.text) <= LARGE_STATE else _message(0x82, compressed(self.text))

    def event(self, epoch: str) -> bytes:
        """As a server-sent event; its id is what a watcher resumes from."""
        place = b"" if self.key is None else f"id: {event_id(epoch, self.key.build_id, self.version)}\n".encode()
        return place + b"data: " + self.text + b"\n\n"


def _message(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 65536:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload


def event_id(epoch: str, build_id: str, version: int) -> str:
    return f"{epoch}:{quote(build_id, safe='')}:{version}"


def parse_event_id(text: str) -> tuple[str, str, int] | None:
    """Epoch, build id and version of a `Last-Event-ID`; None when it is none of ours."""
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isascii() or not parts[2].isdecimal():
        return None
    return parts[0], unquote(parts[1]), int(parts[2][:18])
