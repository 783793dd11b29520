"""Where a server listens: a port, or a Unix socket that its user alone may open."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress

from ..errors import CannotServe

log = logging.getLogger("sentryvibe_tui.server")

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
    with _opening(listener, f"{host} port {port}", f"port {port} on {host} is in use; choose another with --port"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after * 1000))
        listener.bind(address)
    return listener


def listen_locally(path: str) -> socket.socket:
    """A socket that a server left behind is replaced, and nothing else. Raises CannotServe."""
    listener = socket.socket(socket.AF_UNIX)
    with _opening(listener, path, f"{path} is there already; choose another with --socket"):
        if _is_left_behind(path):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
    return listener


@contextmanager
def _opening(listener: socket.socket, place: str, taken: str) -> Generator[None]:
    """Listens once it is bound. Raises CannotServe, with `taken` where another one listens at `place`."""
    try:
        yield
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotServe(
            taken if error.errno == errno.EADDRINUSE else f"cannot listen on {place}: {error.strerror or error}"
        ) from None


def put_away(path: str) -> None:
    """Nobody new comes by the socket at `path`."""
    with suppress(OSError):
        os.unlink(path)


class CertificateFiles:
    """What TLS is spoken with; without a `key` it stands in the certificate's file. Raises CannotServe for files that
    it cannot be spoken with."""

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key = certificate, key
        self._stamps = self._now()
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    async def renew(self, context: ssl.SSLContext, every: float) -> None:
        """New connections get what is in the files by now, looked at every so many seconds, for ever. What cannot be
        used, as a certificate whose key is not there yet, is told and passed over."""
        while True:
            await asyncio.sleep(every)
            stamps = await asyncio.to_thread(self._now)
            if stamps == self._stamps:
                continue
            self._stamps = stamps
            try:
                self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
                self._load(context)
                log.info("new connections get the certificate that is in %s now", self._certificate)
            except CannotServe as error:
                log.warning("the certificate stays the one from before: %s", error)

    def _load(self, context: ssl.SSLContext) -> None:
        """Raises CannotServe."""
        try:
            context.load_cert_chain(self._certificate, self._key or None, lambda: "")
        except (OSError, ValueError) as error:
            files = f"{self._certificate} and {self._key}" if self._key else self._certificate
            raise CannotServe(f"no TLS with the certificate in {files}: {error}") from None

    def _now(self) -> list[tuple[int, int, int]]:
        """What tells that a file is another one; nothing of one that is not there."""
        stamps: list[tuple[int, int, int]] = []
        for path in filter(None, (self._certificate, self._key)):
            with suppress(OSError):
                status = os.stat(path)
                stamps.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return stamps


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
