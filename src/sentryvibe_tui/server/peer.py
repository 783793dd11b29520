"""The other end of a link: who it is, and what went over it."""

from __future__ import annotations

from msgspec import Struct

from ..model.state import Millis
from .asgi import Scope
from .permits import principal_of


class Peer(Struct, frozen=True):
    """Name of its principal, address, transport (`ws`, `sse`), protocol (1: an original), and when it came."""

    name: str = ""
    address: str = ""
    transport: str = "ws"
    protocol: int = 2
    since: Millis = 0


class Traffic(Struct):
    """Frames and bytes given to a link, before compression, and whole states that it had to begin from."""

    frames: int = 0
    bytes: int = 0
    recoveries: int = 0


def peer_of(scope: Scope, transport: str, protocol: int, now: Millis) -> Peer:
    """Who opened a link, and from where."""
    address = scope.get("client")
    host, port = address or ("", 0)
    place = f"{host}:{port}" if port else host  # a proxy names no port
    return Peer(principal_of(scope).name, place, transport, protocol, now)
