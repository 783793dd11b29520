"""Who may talk to the server: the right `Host`, no foreign web page
(docs/protocol.md#access), and whoever bears the token."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Literal

from msgspec import Struct

from .asgi import HTTPError, Scope, header
from .settings import ServerLimits

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Principal(Struct, frozen=True):
    """Who a request is from: `anyone` where no token is asked for, else `bearer` of the one shared token."""

    name: Literal["anyone", "bearer"]


_ANYONE, _BEARER = Principal("anyone"), Principal("bearer")


class Guard:
    """`host` is the address that the server listens on. Every request of every kind passes `identify` first."""

    def __init__(self, host: str, settings: ServerLimits) -> None:
        self._any_address = host in ("", "0.0.0.0", "::")
        self._hosts = (_LOOPBACK | {host.lower()} | {name.lower() for name in settings.hosts}) - {""}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self._token = settings.token.encode()

    def identify(self, scope: Scope) -> Principal:
        """Who it is. Raises HTTPError: 403 for a foreign `Host` or page, 401 without the token in the header."""
        self._check_place(scope)
        if not self._token:
            return _ANYONE
        kind, _, token = (header(scope, b"authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise HTTPError(401, "this server wants its token: Authorization: Bearer TOKEN")
        return _BEARER

    def _check_place(self, scope: Scope) -> None:
        host = header(scope, b"host") or ""
        if not self._is_ours(_name(host)):
            raise HTTPError(403, "this Host is not served here")
        origin = header(scope, b"origin")
        if origin is not None and not self._may(origin.lower(), scope["scheme"], host.lower()):
            raise HTTPError(403, "this Origin may not use the server")

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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
