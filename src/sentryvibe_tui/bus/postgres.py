"""Hints by LISTEN and NOTIFY, over a connection of their own: to the database itself, not to a pooler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from asyncpg import Connection

from ..errors import StoreUnavailable
from ..store.postgres.address import PostgresAddress
from ..store.postgres.connection import FAILURES, open_connection
from .bus import BusLost

ALIVE = 5.0
"""Seconds between two looks whether the connection still is one: a host that vanished says nothing."""


class PostgresTransport:
    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._channel = f"sentryvibe_{address.schema}"[:63]
        self._db: Connection | None = None
        self._turn = asyncio.Lock()

    async def listen(self, on_message: Callable[[str], None], joined: Callable[[], None]) -> None:
        try:
            db = await open_connection(self._address)
        except StoreUnavailable as error:
            raise BusLost(str(error)) from None
        ended = asyncio.Event()
        try:
            db.add_termination_listener(lambda _: ended.set())
            await db.add_listener(self._channel, lambda _, pid, channel, message: on_message(message))
            self._db = db
            joined()
            while not ended.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), ALIVE)
                async with self._turn:
                    await db.execute("SELECT 1")
            raise BusLost("the database ended the connection")
        except FAILURES as error:
            raise BusLost(str(error) or type(error).__name__) from None
        finally:
            self._db = None
            db.terminate()

    async def send(self, message: str) -> None:
        async with self._turn:
            db = self._db  # another turn may have ended it
            if db is None:
                raise BusLost("there is no connection")
            try:
                await db.execute("SELECT pg_notify($1, $2)", self._channel, message)
            except FAILURES as error:
                raise BusLost(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        """`listen` has ended its connection."""
