"""How a server is reached: by TCP, by TLS and what certificates, or by a Unix socket."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import BadAddress
from ..wire.address import Address

if TYPE_CHECKING:
    import ssl

    import httpx


def connection(server: Address, timeout: float) -> http.client.HTTPConnection:
    """Not open yet; `timeout` in seconds, for connecting and for every read. Raises BadAddress."""
    if server.socket:
        return _UnixConnection(server.socket, timeout)
    parts = urlsplit(server.root)
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=_context(server))


def check_certificates(server: Address) -> None:
    """Whether those that are named for it can be read. Raises BadAddress."""
    _context(server)


def http_client(server: Address, **options: Any) -> httpx.AsyncClient:
    """Raises BadAddress."""
    import httpx

    transport = httpx.AsyncHTTPTransport(uds=server.socket) if server.socket else None
    return httpx.AsyncClient(
        transport=transport, trust_env=not server.is_loopback, verify=_verification(server), **options
    )


def web_socket_options(server: Address) -> dict[str, Any]:
    """What `websockets.connect` wants to know. Raises BadAddress."""
    if server.socket:
        return {"unix": True, "path": server.socket}
    context = _context(server) if server.base.startswith("https:") else None
    return {"proxy": None if server.is_loopback else True} | ({} if context is None else {"ssl": context})


def _verification(server: Address) -> ssl.SSLContext | bool:
    """To load certificates takes 20 ms: not where none can be asked for."""
    if server.base.startswith("https:") and (context := _context(server)) is not None:
        return context
    return server.may_use_tls


def _context(server: Address) -> ssl.SSLContext | None:
    """None: certificates are judged as the system does, or SSL_CERT_FILE says."""
    if not (server.authorities or server.certificate):
        return None
    import ssl

    try:
        if not server.certificate:
            context = ssl.create_default_context()
            context.load_verify_locations(server.authorities)
            # from 3.13 on Python asks more of an authority than `openssl req -x509` makes
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            return context
        # a server of this machine, found by its file: its certificate is known, and for another name than 127.0.0.1
        context = ssl.create_default_context(cafile=server.certificate)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    except OSError as error:
        file = server.certificate or server.authorities
        raise BadAddress(f"the certificates in {file} cannot be used: {error.strerror or error}") from None
    return context


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
