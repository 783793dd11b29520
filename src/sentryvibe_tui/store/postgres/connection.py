"""Connections to PostgreSQL, and what its errors mean here."""

from __future__ import annotations

from contextlib import suppress

import asyncpg
from asyncpg import Connection

from ...errors import StoreBroken, StoreUnavailable
from .address import PostgresAddress

CONNECT = 5.0
"""Seconds that making a connection may take."""
COMMAND = 10.0
"""Seconds after which a statement is given up: longer than any lock is waited for."""

_SESSION = {
    "jit": "off",  # plans here are short; compiling one costs more than a hundred of them
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",  # what a lock waited for has to be seen after it
    "synchronous_commit": "on",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""A server whose host vanished holds its locks for these few seconds."""


def session(address: PostgresAddress) -> dict[str, str]:
    return _SESSION | {"search_path": address.schema, "application_name": f"sentryvibe-tui {address.schema}"[:63]}


async def open_connection(address: PostgresAddress) -> Connection:
    """To the host that can be written, of several. Raises StoreUnavailable."""
    try:
        return await asyncpg.connect(
            address.dsn,
            timeout=CONNECT,
            command_timeout=COMMAND,
            server_settings=session(address),
            target_session_attrs="read-write",
        )
    except FAILURES as error:
        raise unavailable(error) from None


_PROBES = (
    "search_path",
    "jit",
    "default_transaction_isolation",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
)
"""Settings that are told in the words in which they were made."""
_SESSION_ID = "SELECT pg_backend_pid()"
_POOLER = "connect to PostgreSQL itself: a pooler in between"


async def check_session(db: Connection, address: PostgresAddress) -> None:
    """Whether the connection is one to PostgreSQL: raises StoreBroken for a pooler that keeps our settings to itself,
    or gives one session to two connections: hints, and builds under a lock, rely on one of their own."""
    settings = session(address)
    names = list(_PROBES)
    values = await db.fetch("SELECT name, current_setting(name) FROM unnest($1::text[]) AS k (name)", names)
    for name, value in values:
        if value != settings[name]:
            raise StoreBroken(
                f"connect to PostgreSQL itself: what stands in between, a pooler maybe, drops the setting {name}"
            )
    other = await open_connection(address)
    try:
        if await other.fetchval(_SESSION_ID) == await db.fetchval(_SESSION_ID):
            raise StoreBroken(f"{_POOLER} gives one session to two connections")
    finally:
        with suppress(*FAILURES):
            await other.close(timeout=CONNECT)


async def connect_to_read(address: PostgresAddress) -> Connection:
    """To any host, for questions only. Raises StoreUnavailable."""
    try:
        return await asyncpg.connect(
            address.dsn,
            timeout=CONNECT,
            command_timeout=COMMAND,
            server_settings=session(address) | {"default_transaction_read_only": "on"},
            target_session_attrs="any",
        )
    except FAILURES as error:
        raise unavailable(error) from None


FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What a statement or a connection may raise; `OSError` for the network."""

LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that ended while the driver asked for types
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""Those after which another connection, perhaps to another host, may do."""

DATA = (asyncpg.DataError, ValueError)
"""What says that an argument cannot be taken; the driver's own is an `InterfaceError`, too."""

ANSWERS = (*DATA, asyncpg.ReadOnlySQLTransactionError)
"""Of those of a statement, what says that it was not carried out."""

_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (asyncpg.DiskFullError, "the database's disk is full"),
    (asyncpg.ReadOnlySQLTransactionError, "the database is read-only"),
    (asyncpg.TargetServerAttributeNotMatched, "no host of the database can be written"),
    ((asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError), "another server holds a build for too long"),
    ((asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError), "the database refuses us"),
    (asyncpg.ProtocolViolationError, f"{_POOLER} does not take our settings"),
    (
        (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError),
        f"{_POOLER} gives us sessions of others",
    ),
    (asyncpg.TooManyConnectionsError, "the database has no connection left"),
    (asyncpg.CannotConnectNowError, "the database is starting or stopping"),
    (asyncpg.InvalidCatalogNameError, "there is no such database"),
    (TimeoutError, "the database does not answer"),
    (
        (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError),
        "the database cannot be reached",
    ),
    (asyncpg.OperatorInterventionError, "the database ended the connection"),
)


def unavailable(error: BaseException) -> StoreUnavailable:
    """Why PostgreSQL cannot do its work, in words."""
    words = next((words for kinds, words in _REASONS if isinstance(error, kinds)), "the store failed")
    detail = str(error).partition("\n")[0]
    return StoreUnavailable(f"{words} ({type(error).__name__}{': ' + detail if detail else ''})", words)
