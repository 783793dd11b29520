"""Who may talk to the server: the right `Host`, no foreign web page
(docs/protocol.md#access), and whoever bears the shared token, one of their own, or is the server's own user."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ..errors import BadTokenFile
from ..principals import TOKEN_PREFIX, NamedTokens, Principal
from .asgi import HTTPError, Scope, header
from .attempts import Attempts
from .caller import caller_of
from .forwarded import Proxies
from .settings import ServerLimits

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


ANYONE, BEARER, OWNER = (Principal(name, "admin") for name in ("anyone", "bearer", "owner"))
"""Who comes where no token is asked for; who bears the shared one; who runs as the server's own user."""

_NO_TOKEN = "this server wants its token: Authorization: Bearer TOKEN"
_WRONG_TOKEN = "this token opens nothing here: it was revoked, has expired, or is of another server"
_STRANGER = (
    "this server is for the user who runs it: others send Authorization: Bearer TOKEN (`sentryvibe-tui token add`), "
    "or it is started with `serve --no-token`"
)

_RETRY_AFTER = 5
_LOG_EVERY = 60.0

log = logging.getLogger("sentryvibe_tui.server")


class Guard:
    """`host` is the address that the server listens on. Every request of every kind passes `identify` first."""

    def __init__(self, host: str, settings: ServerLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._any_address = host in ("", "0.0.0.0", "::")
        self._hosts = (_LOOPBACK | {host.lower()} | {name.lower() for name in settings.hosts}) - {""}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self._token = settings.token.encode()
        self._own_user = settings.own_user
        self._is_open = not (settings.token or settings.own_user)
        self._proxies = Proxies(settings.proxies)
        self._attempts = Attempts(settings.wrong_tokens, clock)
        self._named = NamedTokens(Path(settings.tokens)) if settings.tokens else None
        self._clock, self._logged_at = clock, float("-inf")

    def identify(self, scope: Scope) -> Principal:
        """Who it is.

        Raises HTTPError: 403 for a foreign `Host` or page, 401 for who is not known, 429 for who guesses, 503 for a
        named token while nobody can tell whose it is.
        """
        self._proxies.resolve(scope)
        self._check_place(scope)
        if self._is_open:
            return ANYONE
        token = _bearer_token(scope)
        # nobody guesses one of these: who has it is let in from where others guess, too
        if token.startswith(TOKEN_PREFIX) and (holder := self._holder(token)) is not None:
            return holder
        if token and self._attempts and (pause := self._attempts.pause(caller_of(scope).place)):
            raise HTTPError(429, "too many wrong tokens came from there", retry_after=pause)
        if token and self._token and hmac.compare_digest(token.encode(), self._token):
            return BEARER
        # who shows a token of ours is its holder or nobody; other words may be meant for other servers
        if self._own_user and not token.startswith(TOKEN_PREFIX) and caller_of(scope).is_own_user:
            return OWNER
        if token:
            self._attempts.fail(caller_of(scope).place, token)
            raise HTTPError(401, _WRONG_TOKEN)
        raise HTTPError(401, _STRANGER if self._own_user else _NO_TOKEN)

    def valid_tokens(self) -> frozenset[str]:
        """Ids of the named tokens that let their holders in. Raises BadTokenFile, and logs it."""
        with self._readable():
            return frozenset() if self._named is None else self._named.valid_ids(_now())

    def _holder(self, token: str) -> Principal | None:
        """Whose named token it is. A file that cannot be read lets nobody in for now: raises HTTPError (503)."""
        try:
            with self._readable():
                return None if self._named is None else self._named.holder(token, _now())
        except BadTokenFile:
            raise HTTPError(503, "named tokens cannot be read now", retry_after=_RETRY_AFTER) from None

    @contextmanager
    def _readable(self) -> Generator[None]:
        """What is wrong with the file is in the log, once in a while."""
        try:
            yield
        except BadTokenFile as error:
            if self._clock() - self._logged_at >= _LOG_EVERY:
                self._logged_at = self._clock()
                log.warning("%s", error)
            raise

    def _check_place(self, scope: Scope) -> None:
        host = header(scope, b"host") or ""
        if not self._is_ours(_name(host)):
            raise HTTPError(403, "this Host is not served here")
        origin = header(scope, b"origin")
        if origin is None and _is_of_another_page(scope):
            raise HTTPError(403, "a page of another site may not use the server")
        if origin is not None and not self._may(origin.lower(), scope["scheme"], host.lower()):
            raise HTTPError(403, "this Origin may not use the server")

    def _is_ours(self, name: str) -> bool:
        return name in self._hosts or (self._any_address and _is_address(name))

    def _may(self, origin: str, scheme: str, host: str) -> bool:
        own = {"ws": "http", "wss": "https"}.get(scheme, scheme)
        bare = host.removesuffix(f":{_DEFAULT_PORTS[own]}")
        return origin in (f"{own}://{host}", f"{own}://{bare}") or origin in self._origins


def _is_of_another_page(scope: Scope) -> bool:
    """What a browser fetches without an `Origin` for a page of another site or port, as a picture or a script; not a
    link that its user follows, which no page gets to read."""
    if header(scope, b"sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    follows = (header(scope, b"sec-fetch-mode"), header(scope, b"sec-fetch-dest")) == ("navigate", "document")
    return not (follows and scope.get("method") in ("GET", "HEAD"))


def _bearer_token(scope: Scope) -> str:
    kind, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _now() -> int:
    return time.time_ns() // 1_000_000


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
