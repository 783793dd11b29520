"""Who is at the other end of a connection: the address it comes from, and the user of this machine whose process it is.

Linux tells the user of a connection within one machine. Elsewhere nothing does, and a token has to.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from .asgi import Scope

CALLER = "sentryvibe.caller"
"""Where a request's scope has it, once for all requests of a connection."""

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_UID, _INODE = 7, 9

Endpoint = tuple[str, int]


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
        return None if self._client is None or self._server is None else _tcp_peer(self._client, self._server)

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
        return self.uid == os.geteuid()


def caller_of(scope: Scope) -> Caller:
    """A protocol that is not ours says no more of a connection than ASGI does."""
    caller = scope.get(CALLER)
    return cast("Caller", caller) if caller is not None else Caller(scope.get("client"), scope.get("server"))


def at_end_of(transport: Any, client: Endpoint | None, server: Any) -> Caller:
    return Caller(client, server, transport.get_extra_info("socket"))


def tells_users() -> bool:
    """Whether this system says whose process a connection is."""
    return _TABLES[0].exists()


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


def _tcp_peer(client: Endpoint, server: Endpoint) -> int | None:
    """Both ends of a connection within a machine stand in its table; the client's row has the client's user.

    A client may use an IPv6 socket for IPv4. A socket that its process has closed already is root's in the table, and
    has no inode.
    """
    for table in _TABLES:
        try:
            rows = table.read_bytes()
            row = rows.find(f" {_hex(client, table)} {_hex(server, table)} ".encode())
        except (OSError, ValueError):
            continue
        if row >= 0:
            fields = rows[rows.rfind(b"\n", 0, row) + 1 : rows.find(b"\n", row)].split()
            return int(fields[_UID]) if int(fields[_INODE]) else None
    return None


def _hex(endpoint: Endpoint, table: Path) -> str:
    """As the table writes it: words of 32 bits as this machine has them in memory. Raises ValueError."""
    address = ipaddress.ip_address(endpoint[0])
    packed = address.packed
    if table.name.endswith("6") and address.version == 4:
        packed = ipaddress.ip_address(f"::ffff:{address}").packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{endpoint[1]:04X}"
