"""Which store keeps the builds: files of a directory, or a database that several servers share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StoreBroken
from .contract import KeptStore, Store
from .limits import DEFAULT_STORE_LIMITS, StoreLimits

if TYPE_CHECKING:
    from .postgres.address import PostgresAddress

LIBRARY = "builds in PostgreSQL need the package asyncpg: install sentryvibe-tui[postgres]"


async def open_store(url: str, data: Path, limits: StoreLimits = DEFAULT_STORE_LIMITS) -> Store:
    """The database at `url` (`postgresql://…`), or the files in `data` when it is empty.

    Raises StoreBroken and StoreUnavailable; their messages are for the user.
    """
    if not url:
        from .sqlite import SqliteStore

        return await SqliteStore.open(data, limits)
    address = parse_store(url)
    try:
        from .postgres.store import open_postgres
    except ImportError:
        raise StoreBroken(LIBRARY) from None
    return await open_postgres(address, data, limits)


def kept_store(url: str, data: Path) -> KeptStore | None:
    """The same to read only, beside servers; None: nothing is kept in `data`. Raises StoreBroken."""
    if not url:
        from .readonly import DATABASE

        if not (data / DATABASE).is_file():
            return None
        from .kept import KeptBuilds

        return KeptBuilds(data)
    address = parse_store(url)
    try:
        from .postgres.kept import SharedBuilds
    except ImportError:
        raise StoreBroken(LIBRARY) from None
    return SharedBuilds(address)


def parse_store(url: str) -> PostgresAddress:
    """Where the database at `url` is. Raises StoreBroken."""
    from .postgres.address import is_postgres, parse_postgres

    if not is_postgres(url):
        raise StoreBroken(f"a store is named by postgresql://USER@HOST/DATABASE, not {url.partition(':')[0]}:…")
    return parse_postgres(url)
