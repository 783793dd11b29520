"""Where a server is: its URL as given by a person, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BadAddress(ValueError):
    """A server's URL that cannot be used; the message says why."""


class Address(Struct, frozen=True):
    """`base` is an http(s) URL without a slash at its end; `token` goes into the Authorization header.

    `data_dir`: where a server of this machine keeps its builds, when that is known.
    """

    base: str
    token: str = ""
    data_dir: str = ""

    def __repr__(self) -> str:
        """Without the token: it shows in no log and no message."""
        return f"Address({self.base!r})"

    @property
    def identity(self) -> str:
        """Which server this is: the one that has these builds, on whatever port it comes back."""
        return self.data_dir or self.base

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.base)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK or self.host.startswith("127.")

    @property
    def absence(self) -> str:
        return f"no server at {self.base}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def http(self, *path: str, query: Mapping[str, str] | None = None) -> str:
        """`/api/…` with every part of the path quoted."""
        return self._with("/api/" + "/".join(map(_quoted, path)), query)

    def ws(self, query: Mapping[str, str]) -> str:
        return "ws" + self._with("/ws", query).removeprefix("http")

    def _with(self, path: str, query: Mapping[str, str] | None) -> str:
        return self.base + path + (f"?{urlencode(query)}" if query else "")


def _quoted(part: str) -> str:
    """As one part of a path: what stands for a folder elsewhere is a name here."""
    return quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")


def parse_address(text: str, token: str = "", data_dir: str = "") -> Address:
    """`host`, `host:port` or a URL (http, https, ws, wss). Raises BadAddress."""
    url = text.strip()
    if "://" not in url:
        url = "http://" + url
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadAddress(f"not a server's URL: {text!r} ({error})") from None
    scheme = {"http": "http", "https": "https", "ws": "http", "wss": "https"}.get(parts.scheme.lower())
    if scheme is None or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress(f"not a server's URL: {text!r} (like http://127.0.0.1:4777)")
    return Address(f"{scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/ws')}", token, data_dir)
