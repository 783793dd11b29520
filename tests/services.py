"""The PostgreSQL and Redis of the tests: `SENTRYVIBE_TEST_POSTGRES`, `SENTRYVIBE_TEST_REDIS`, or those of this machine.

Without one its tests are skipped, with the reason; under `CI` that is an error where the service is installed or named.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
from urllib.parse import urlsplit

import pytest

POSTGRES = os.environ.get("SENTRYVIBE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("SENTRYVIBE_TEST_REDIS", "redis://127.0.0.1:6379")


def need_postgres() -> str:
    """The address of a database in which schemas can be made."""
    return _needed(POSTGRES, "asyncpg", 5432, is_due("POSTGRES", "pg_ctlcluster"))


def need_redis() -> str:
    return _needed(REDIS, "redis", 6379, is_due("REDIS", "redis-server"))


def is_due(service: str, program: str) -> bool:
    """Whether CI must have it: it is named, or stands on this machine."""
    return f"SENTRYVIBE_TEST_{service}" in os.environ or shutil.which(program) is not None


def _needed(url: str, library: str, port: int, is_due: bool) -> str:
    where = urlsplit(url)
    try:
        __import__(library)
        socket.create_connection((where.hostname or "127.0.0.1", where.port or port), 2).close()
    except (ImportError, OSError) as error:
        reason = f"{url} cannot be used: {error}"
        if os.environ.get("CI") and is_due:
            pytest.fail(reason)
        pytest.skip(reason)
    return url


def new_schema() -> str:
    """A name that nobody has; `drop_schemas` removes what is in it."""
    return f"svtest_{os.getpid()}_{secrets.token_hex(4)}"


def with_schema(schema: str) -> str:
    return f"{POSTGRES}?schema={schema}"


def execute(*statements: str) -> None:
    """In the tests' database, from outside of the server."""
    import asyncpg

    async def run() -> None:
        db = await asyncpg.connect(POSTGRES)
        try:
            for statement in statements:
                await db.execute(statement)
        finally:
            await db.close()

    asyncio.run(run())


def drop_schemas(*schemas: str) -> None:
    execute(*(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE' for schema in schemas))
