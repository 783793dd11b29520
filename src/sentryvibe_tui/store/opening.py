"""Which store keeps the builds: files of a directory, or a database that several servers share."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreBroken
from .contract import Store


async def open_store(url: str, data: Path) -> Store:
    """The database at `url` (`postgresql://…`), or the files in `data` when it is empty.

    Raises StoreBroken and StoreUnavailable; their messages are for the user.
    """
    if not url:
        from .sqlite import SqliteStore

        return await SqliteStore.open(data)
    from .postgres.address import is_postgres, parse_postgres

    if not is_postgres(url):
        raise StoreBroken(f"a store is named by postgresql://USER@HOST/DATABASE, not {url.partition(':')[0]}:…")
    address = parse_postgres(url)
    try:
        from .postgres.store import open_postgres
    except ImportError:
        raise StoreBroken("builds in PostgreSQL need the package asyncpg: install sentryvibe-tui[postgres]") from None
    return await open_postgres(address, data)
