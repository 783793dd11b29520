"""Proxies that may say for whom they ask: `X-Forwarded-For` and `X-Forwarded-Proto` count from them alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from .asgi import Scope
from .caller import CALLER, Caller, caller_of

UNIX = "unix"
"""Who comes by a Unix socket."""
ALL = "*"

_SCHEMES = {"http": {"https": "https", "http": "http"}, "ws": {"https": "wss", "http": "ws"}}


class Proxies:
    """`allowed`: addresses, networks (`10.0.0.0/8`), `unix` or `*`. Raises ValueError for what is none of these."""

    def __init__(self, allowed: Iterable[str]) -> None:
        words = frozenset(word.strip() for word in allowed) - {""}
        self._all, self._unix = ALL in words, UNIX in words or ALL in words
        self._networks = [ipaddress.ip_network(word, strict=False) for word in words - {ALL, UNIX}]

    def resolve(self, scope: Scope) -> None:
        """Let `scope` be what the client asked of the proxy. Who comes by one is never the server's own user."""
        if not (self._unix or self._networks):
            return
        caller = caller_of(scope)
        if not self._trusts(caller):
            return
        address = self._client(scope, caller.address)
        scope["client"] = (address, 0)
        scope[CALLER] = Caller((address, 0), None)
        kinds = _SCHEMES["ws" if scope["type"] == "websocket" else "http"]
        proto = _values(scope, b"x-forwarded-proto")
        scope["scheme"] = kinds.get(proto[-1].lower() if proto else "", scope["scheme"])

    def _trusts(self, caller: Caller) -> bool:
        return self._unix if caller.is_local_socket else self._has(caller.address)

    def _client(self, scope: Scope, peer: str) -> str:
        """The last one that no trusted proxy is: what stands before it may be invented."""
        place = peer
        for value in reversed(_values(scope, b"x-forwarded-for")):
            address = _address(value)
            if not address:
                break
            place = address
            if not self._has(place):
                break
        return place

    def _has(self, text: str) -> bool:
        if self._all:
            return True
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _values(scope: Scope, name: bytes) -> list[str]:
    """Of all headers of that name, in order."""
    return [
        value.strip()
        for key, values in scope["headers"]
        if key == name
        for value in values.decode("latin-1").split(",")
    ]


def _address(text: str) -> str:
    """Without brackets and port; "" when it is none."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return ""
