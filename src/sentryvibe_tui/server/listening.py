"""Where a server listens: a port, or a Unix socket that its user alone may open."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from contextlib import suppress

from ..errors import CannotServe

_BACKLOG = 2048


def listen(host: str, port: int, dead_after: float) -> socket.socket:
    """`dead_after`: seconds after which a connection whose peer takes nothing is cut, where the system can do so.

    Raises CannotServe.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise CannotServe(f"cannot listen on {host}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after * 1000))
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(f"port {port} on {host} is in use; choose another with --port") from None
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


def listen_locally(path: str) -> socket.socket:
    """A socket that a server left behind is replaced, and nothing else. Raises CannotServe."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if _is_left_behind(path):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(f"{path} is there already; choose another with --socket") from None
        raise CannotServe(f"cannot listen on {path}: {error.strerror or error}") from None
    return listener


def put_away(path: str) -> None:
    """Nobody new comes by the socket at `path`."""
    with suppress(OSError):
        os.unlink(path)


def check_certificate(certificate: str, key: str) -> None:
    """Raises CannotServe for files that TLS cannot be spoken with."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, lambda: "")
    except (OSError, ValueError) as error:
        files = f"{certificate} and {key}" if key else certificate
        raise CannotServe(f"no TLS with the certificate in {files}: {error}") from None


def _is_left_behind(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode) and not _answers(path)
    except FileNotFoundError:
        return False


def _answers(path: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(1)
        return link.connect_ex(path) == 0
