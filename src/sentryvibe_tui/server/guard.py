"""Who may talk to the server: the right `Host`, and no foreign web page (REALTIME 4)."""

from __future__ import annotations

import ipaddress

from .asgi import Refused, Scope, header
from .settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Guard:
    """`host` is the address that the server listens on."""

    def __init__(self, host: str, settings: Settings) -> None:
        self._any_address = host in ("", "0.0.0.0", "::")
        self._hosts = _LOOPBACK | {host.lower()} | {name.lower() for name in settings.hosts}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)

    def check(self, scope: Scope) -> None:
        """Raises Refused (403)."""
        host = header(scope, b"host") or ""
        if not self._is_ours(_name(host)):
            raise Refused(403, "this Host is not served here")
        origin = header(scope, b"origin")
        if origin is not None and not self._may(origin.lower(), scope["scheme"], host.lower()):
            raise Refused(403, "this Origin may not use the server")

    def _is_ours(self, name: str) -> bool:
        return name in self._hosts or (self._any_address and _is_address(name))

    def _may(self, origin: str, scheme: str, host: str) -> bool:
        own = {"ws": "http", "wss": "https"}.get(scheme, scheme)
        bare = host.removesuffix(f":{_DEFAULT_PORTS[own]}")
        return origin in (f"{own}://{host}", f"{own}://{bare}") or origin in self._origins


def _name(host: str) -> str:
    """The name in a `Host` header, without port and brackets; empty when it is malformed."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name.lower() if bracket and (not port or port[1:].isdecimal()) else ""
    name, colon, port = host.partition(":")
    return "" if colon and not port.isdecimal() else name.lower()


def _is_address(name: str) -> bool:
    """An address cannot be rebound to another by DNS, a name can."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
