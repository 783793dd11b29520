"""Which bus goes with a store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..errors import StoreBroken
from .bus import Bus, BusTransport

if TYPE_CHECKING:
    from ..store.postgres.address import PostgresAddress


def open_bus(store: str, url: str) -> Bus | None:
    """For the store of that URL, over Redis at `url`, or the database itself; None for a store of one server.

    Raises StoreBroken, whose message is for the user.
    """
    if not store:
        return None
    from ..store.postgres.address import parse_postgres

    address = parse_postgres(store)
    if url and url.partition("://")[0] not in ("redis", "rediss", "unix"):
        raise StoreBroken(f"hints go by redis://HOST, not {url.partition(':')[0]}:…")
    try:
        return Bus(_transport(address, url), secrets.token_hex(6))
    except ImportError as error:
        raise StoreBroken(f"that needs the package {error.name}: install sentryvibe-tui[postgres,redis]") from None


def _transport(address: PostgresAddress, url: str) -> BusTransport:
    if url:
        from .redis import RedisTransport

        return RedisTransport(url, address.schema)
    from .postgres import PostgresTransport

    return PostgresTransport(address)
