"""Hints by Redis' publish and subscribe; Redis keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from .bus import BusLost

ALIVE = 5.0
"""Seconds between two looks whether the connection still is one."""
COMMAND = 5.0


class RedisTransport:
    """`url`: `redis://…`. `name` tells this store's hints from those of others there."""

    def __init__(self, url: str, name: str) -> None:
        self._channel = f"sentryvibe:{name}"
        self._redis: Any = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_timeout=COMMAND,
            socket_connect_timeout=COMMAND,
            socket_keepalive=True,
            client_name=f"sentryvibe-tui:{name}",
            health_check_interval=ALIVE,
        )

    async def listen(self, on_message: Callable[[str], None], joined: Callable[[], None]) -> None:
        try:
            async with self._redis.pubsub() as hearing:
                await hearing.subscribe(self._channel)
                while True:
                    message = await hearing.get_message(timeout=ALIVE)
                    if message is None:
                        continue
                    if message["type"] == "subscribe":
                        joined()
                    elif message["type"] == "message":
                        on_message(message["data"].decode("ascii", "replace"))
        except (RedisError, OSError) as error:
            raise BusLost(str(error) or type(error).__name__) from None

    async def send(self, message: str) -> None:
        try:
            await self._redis.publish(self._channel, message)
        except (RedisError, OSError) as error:
            raise BusLost(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        await self._redis.aclose()
