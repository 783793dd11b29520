"""What a server allows and how long it waits."""

from __future__ import annotations

from ..settings import ServerSettings
from ..store.limits import DEFAULT_STORE_LIMITS as STORE
from ..store.limits import StoreLimits


class ServerLimits(ServerSettings, frozen=True):
    """Beside the settings of every server. Times in seconds.

    `hosts`: names beside loopback and the listening address that a `Host` header may carry.
    `origins`: web origins (`https://name:port`) beside the server's own that may post and watch.
    `token`: the secret that a request has to bear; `own_user`: unless it comes from a process of the server's own user.
    With neither anybody is let in, which on an address that others can reach is refused unless `tokenless`.
    `token_file`: where it stands, for commands of this user.
    `tokens`: the file with named tokens, each with its role (`principals`); they count where not everybody is let in.
    `wrong_tokens`: different ones that may come from one place in a minute; then it is not listened to for the rest.
    `audit`: the file that tells who did what; "" none.
    `socket`: the path of a Unix socket to listen on, instead of an address.
    `certificate`, `certificate_key`: files for TLS; without a key it stands in the certificate's file.
    `proxies`: those whose word counts on where a request comes from (`forwarded.Proxies`).
    `retention_days`: a build that has ended is deleted so long after its last event came, unless its project means it;
    0: never.
    `silence`: an active build without a sign of its agent for so long becomes interrupted.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: str = ""
    token_file: str = ""
    own_user: bool = False
    tokenless: bool = False
    tokens: str = ""
    wrong_tokens: int = 10
    socket: str = ""
    certificate: str = ""
    certificate_key: str = ""
    proxies: tuple[str, ...] = ()
    audit: str = ""
    retention_days: int = 0
    silence: float = 30 * 60
    heartbeat: float = 5
    idle_heartbeat: float = 30
    send_timeout: float = 10
    look_every: float = 1
    """Between two looks at a store that other servers write, too, when no hint comes."""
    renew_every: float = 10
    """Between two looks whether the certificate was renewed."""
    ping_interval: float = 5
    """Of WebSocket pings; one and a half of it without an answer ends the link."""
    round_every: float = 1
    """Between two looks at what stands still: heartbeats due, links that take nothing, agents fallen silent."""
    spool_every: float = 0.25
    """Between two looks into the hooks' spool."""
    dead_after: float = 12.5
    """After which a connection whose peer takes nothing is cut, where the system can do so: no frame tells us that the
    reader of an event stream is gone."""
    ring_entries: int = 4096
    """Entries of a watched project that are kept for slow watchers, and `ring_bytes` of them."""
    ring_bytes: int = 4 * 1024 * 1024
    resume_limit: int = 1000
    """Entries behind the head up to which a watcher is sent what it missed."""
    starting_points: int = 3
    """Prepared at once for watchers of builds; below the connections that read the store, so that others get theirs."""
    feed_history: int = 20_000
    """Builds that changed which are kept for those who resume a list."""
    store_limits: StoreLimits = STORE


DEFAULT_LIMITS = ServerLimits()


def limits_from(settings: ServerSettings) -> ServerLimits:
    """What a server allows by the settings, to anybody (`access.secured` says to whom)."""
    return ServerLimits(**{name: getattr(settings, name) for name in ServerSettings.__struct_fields__})
