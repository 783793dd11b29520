"""What a server allows and how long it waits."""

from __future__ import annotations

from msgspec import Struct


class ServerLimits(Struct, frozen=True):
    """Times in seconds, sizes in bytes.

    `store`: the database that keeps the builds, shared with other servers; empty: files in the data directory.
    `hints`: Redis, by which servers over one `store` wake one another; empty: the database does it.
    `hosts`: names beside loopback and the listening address that a `Host` header may carry.
    `origins`: web origins (`https://name:port`) beside the server's own that may post and watch.
    `redact`, `redact_patterns`: secrets in the payloads of hooks are masked, also those of own patterns.
    `token`: the secret that every request has to bear; empty: none is asked for, which on an address that others can
    reach is refused unless `tokenless`. `token_file`: where it stands, for commands of this user.
    `tokens`: the file with named tokens, each with its role (`principals`); they count where `token` is asked for.
    `retention_days`: so long after its end a build is deleted, unless its project means it; 0: never.
    `notify_command`: what hears of events that deserve attention (`notify`); empty: nobody.
    `silence`: an active build without a sign of its agent for so long becomes interrupted.
    """

    store: str = ""
    hints: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    redact: bool = True
    redact_patterns: tuple[str, ...] = ()
    token: str = ""
    token_file: str = ""
    tokenless: bool = False
    tokens: str = ""
    retention_days: int = 0
    body_limit: int = 1024 * 1024
    silence: float = 30 * 60
    notify_command: str = ""
    heartbeat: float = 5
    idle_heartbeat: float = 30
    send_timeout: float = 10
    ping_interval: float = 5
    """Of WebSocket pings; one and a half of it without an answer ends the link."""
