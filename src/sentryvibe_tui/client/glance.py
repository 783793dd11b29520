"""One small question to a server, by what costs the least: a status line asks every few seconds, in a new process."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ..errors import SentryVibeError

if TYPE_CHECKING:
    import http.client
    from collections.abc import Mapping

LARGEST = 1024 * 1024


class NoGlance(SentryVibeError):
    """Nothing was learned; the message says why. `status`: the HTTP status of an error answer, else 0."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


def glance(
    url: str, headers: Mapping[str, str], patience: float, route: http.client.HTTPConnection | None = None
) -> bytes:
    """The body of `GET url`. `patience`: seconds for connecting, and for each read. Raises NoGlance.

    `route`: to a server that is reached otherwise than by TCP alone.
    """
    place, _, path = url.partition("://")[2].partition("/")
    if route is not None:
        return _by_library(route, f"/{path}", headers)
    host, port = _host_and_port(place)
    fields = {"Host": place, "Accept": "application/json", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    name: Any = host.encode() if host.isascii() else host  # of text Python loads the tables of international names
    try:
        with closing(socket.create_connection((name, port), patience)) as link:
            link.sendall(f"GET /{path} HTTP/1.0\r\n{lines}\r\n".encode())
            answer = _read_all(link)
    except OSError as error:
        raise NoGlance(error.strerror or str(error) or type(error).__name__) from None
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return _ok(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0, body)


def _host_and_port(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    return (host or place).strip("[]"), int(port) if host and port.isdecimal() else 80


def _read_all(link: socket.socket) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := link.recv(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise OSError("an answer that is too large")
    return b"".join(pieces)


def _by_library(route: http.client.HTTPConnection, target: str, headers: Mapping[str, str]) -> bytes:
    import http.client

    with closing(route) as connection:
        try:
            connection.request("GET", target, headers={"Accept": "application/json", **headers})
            answer = connection.getresponse()
            return _ok(answer.status, answer.read(LARGEST))
        except (OSError, http.client.HTTPException) as error:
            raise NoGlance(str(error) or type(error).__name__) from None


def _ok(status: int, body: bytes) -> bytes:
    if status != 200:
        raise NoGlance(f"HTTP {status}" if status else "no HTTP", status)
    return body
