"""Who is at the other end of a connection: the address it comes from, and the user of this machine whose process it is.

Linux tells the user of a connection within one machine. Elsewhere nothing does, and a token has to.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from functools import cached_property
from typing import Any, cast

from ..users import is_this_user
from .asgi import Scope
from .socket_owner import Endpoint, owner

CALLER = "sentryvibe.caller"
"""Where a request's scope has it, once for all requests of a connection."""


class Caller:
    """`client` and `server` are the two ends of its connection, where it has addresses; `connection` is our end."""

    def __init__(
        self, client: Endpoint | None, server: Endpoint | None, connection: socket.socket | None = None
    ) -> None:
        self._client, self._server, self._connection = client, server, connection

    @property
    def address(self) -> str:
        """Where it comes from; "" when that is this machine without any address."""
        return self._client[0] if self._client is not None else ""

    @cached_property
    def uid(self) -> int | None:
        """The user whose process it is; None when that is not known, or of another machine."""
        if self.is_local_socket:
            return _socket_peer(self._connection)
        return None if self._client is None or self._server is None else owner(self._client, self._server)

    @property
    def is_local_socket(self) -> bool:
        """Whether it comes by a Unix socket."""
        return self._connection is not None and self._connection.family == socket.AF_UNIX

    @property
    def place(self) -> str:
        """Where it comes from, in a word: one's address on the net, or one's user on this machine."""
        uid = self.uid if self.is_local_socket or _is_loopback(self.address) else None
        if uid is not None:
            return f"user {uid}"
        address = _parsed(self.address)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), 64), strict=False))  # a household has that many
        return self.address or "this machine"

    @property
    def is_own_user(self) -> bool:
        """Whether it is a process of the user that this one runs as."""
        if self.is_local_socket and not hasattr(socket, "SO_PEERCRED"):
            return True  # nobody else may open it
        return self.uid is not None and is_this_user(self.uid)


def caller_of(scope: Scope) -> Caller:
    """A protocol that is not ours says no more of a connection than ASGI does."""
    caller = scope.get(CALLER)
    return cast("Caller", caller) if caller is not None else Caller(scope.get("client"), scope.get("server"))


def at_end_of(transport: Any, client: Endpoint | None, server: Any) -> Caller:
    return Caller(client, server, transport.get_extra_info("socket"))


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_loopback(text: str) -> bool:
    address = _parsed(text)
    return address is not None and address.is_loopback


def _socket_peer(connection: socket.socket | None) -> int | None:
    option = getattr(socket, "SO_PEERCRED", None)
    if connection is None or option is None:
        return None
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return uid
