"""Where a server is: its URL as given by a person, and what follows from it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

from msgspec import Struct

from ..errors import BadAddress

_UNIX = "unix:"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Address(Struct, frozen=True):
    """`base` is an http(s) URL without a slash at its end, and without a password, or `unix:` and a path: it may be
    shown, and kept.

    `token` goes into the Authorization header, or `login` (`user:password`) when there is none. `data_dir`: where a
    server of this machine keeps its builds, when that is known. `authorities`: a file of certificates that vouch for
    an https server, beside the system's; `certificate`: a file with its own, when that is known.
    """

    base: str
    token: str = ""
    data_dir: str = ""
    login: str = ""
    authorities: str = ""
    certificate: str = ""

    def __repr__(self) -> str:
        """Without token and login: they show in no log and no message."""
        return f"Address({self.base!r})"

    @property
    def identity(self) -> str:
        """Which server this is: the one that has these builds, on whatever port it comes back."""
        return self.data_dir or self.base

    @property
    def socket(self) -> str:
        """The path of its Unix socket; "" when it has an address."""
        return self.base.removeprefix(_UNIX) if self.base.startswith(_UNIX) else ""

    @property
    def root(self) -> str:
        """What its URLs begin with."""
        return "http://localhost" if self.socket else self.base

    @property
    def host(self) -> str:
        return urlsplit(self.root).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.root)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK or re.fullmatch(r"127(\.\d+){1,3}", self.host) is not None

    @property
    def may_use_tls(self) -> bool:
        """Whether certificates may be asked for on the way, by it or by a proxy: to load them takes 20 ms."""
        return not self.is_loopback or self.base.startswith("https:")

    @property
    def absence(self) -> str:
        return f"no server at {self.base}"

    @property
    def headers(self) -> dict[str, str]:
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        login = base64.b64encode(self.login.encode()).decode()
        return {"Authorization": f"Basic {login}"} if login else {}

    def http(self, *path: str, query: Mapping[str, str] | None = None) -> str:
        """`/api/…` with every part of the path quoted."""
        return self._with("/api/" + "/".join(map(_quoted, path)), query)

    def ws(self, query: Mapping[str, str]) -> str:
        return "ws" + self._with("/ws", query).removeprefix("http")

    def _with(self, path: str, query: Mapping[str, str] | None) -> str:
        return self.root + path + (f"?{urlencode(query)}" if query else "")


def _socket_path(path: str) -> str:
    """Raises BadAddress."""
    if not path.startswith("/") or "\0" in path:
        raise BadAddress(f"not a server's socket: {path!r} (like unix:/run/user/1000/builds.sock)")
    return "/" + path.lstrip("/")


def _quoted(part: str) -> str:
    """As one part of a path: what stands for a folder elsewhere is a name here."""
    return quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")


def shown(text: str) -> str:
    """A URL as it may be printed: without the user and password in it."""
    return re.sub(r"^\s*([A-Za-z][\w+.-]*://)?.*@", r"\1…@", text)


def parse_address(text: str, token: str = "", data_dir: str = "") -> Address:
    """`host`, `host:port`, a URL (http, https, ws, wss), also with `user:password@`, or `unix:/path`.

    Raises BadAddress.
    """
    url = text.strip()
    if url.startswith(_UNIX):
        return Address(_UNIX + _socket_path(url.removeprefix(_UNIX)), token, data_dir)
    if "://" not in url:
        url = "http://" + url
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        why = "" if "@" in text else f" ({error})"
        raise BadAddress(f"not a server's URL: {shown(text)!r}{why}") from None
    scheme = {"http": "http", "https": "https", "ws": "http", "wss": "https"}.get(parts.scheme.lower())
    if scheme is None or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress(f"not a server's URL: {shown(text)!r} (like http://127.0.0.1:4777)")
    _, has_login, host = parts.netloc.rpartition("@")
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if has_login else ""
    return Address(f"{scheme}://{host}{parts.path.rstrip('/').removesuffix('/ws')}", token, data_dir, login)
