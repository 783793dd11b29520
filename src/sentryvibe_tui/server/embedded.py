"""A server to publish to: the one that is meant, or one in this process for as long as it is needed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .. import runtime
from ..errors import BadTokenFile
from ..settings import Settings, data_dir, token_path
from ..wire.address import Address, parse_address
from ..wire.local import local_address

if TYPE_CHECKING:
    from .settings import ServerLimits

_GLANCE = 0.5
"""Seconds between two looks whether the server is out of reach."""
_STARTING = 3.0
"""Seconds that another process may need between taking the data folder and telling where it serves."""


@asynccontextmanager
async def server_here(
    named: Address | None, settings: Settings, tell: Callable[[str], None]
) -> AsyncGenerator[Address]:
    """The address of `named`, of a server that runs on this machine, or of one started here.

    The one started here keeps its builds in the user's data folder, and other commands find it by the runtime file.
    Raises server.serve.CannotServe.
    """
    running = named or _local_server()
    if running is not None:
        yield running
        return
    async with AsyncExitStack() as stack:
        yield await _started(stack, settings, settings.port, tell)


class Publishing(Protocol):
    """Whoever publishes: whether the server is out of reach, and a way to turn to another one."""

    @property
    def is_cut_off(self) -> bool: ...

    def turn_to(self, server: Address) -> None: ...


@asynccontextmanager
async def kept_served(
    publishing: Publishing, server: Address, settings: Settings, tell: Callable[[str], None]
) -> AsyncGenerator[None]:
    """Takes over when `server`, which was found here, goes away: it may have been part of another command.

    On the same port, if that is free: others watch there.
    """
    async with AsyncExitStack() as stack:
        task = asyncio.create_task(_keep_served(publishing, server, stack, settings, tell))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _keep_served(
    publishing: Publishing, server: Address, stack: AsyncExitStack, settings: Settings, tell: Callable[[str], None]
) -> None:
    while True:
        await asyncio.sleep(_GLANCE)
        if publishing.is_cut_off:
            server = _local_server() or await _started(stack, settings, server.port, tell)
            publishing.turn_to(server)


def _local_server() -> Address | None:
    running = runtime.find_local_server()
    return None if running is None else local_address(running)


async def _started(stack: AsyncExitStack, settings: Settings, port: int, tell: Callable[[str], None]) -> Address:
    """On `port`, else on a free one."""
    from ..errors import CannotServe
    from .serve import running as serving

    folder = data_dir(settings)
    limits = _limits(settings, folder)
    until = time.monotonic() + _STARTING
    while True:
        try:
            server = await stack.enter_async_context(serving(folder, settings.host, port, limits))
            break
        except CannotServe:
            other = _local_server()
            if other is not None:
                return other
            if time.monotonic() > until:
                raise
            port = 0
            await asyncio.sleep(0.05)
    await stack.enter_async_context(server.app.hooks.picking_up())
    stack.enter_context(_announced(server.url, folder, limits.token_file, tell))
    tell(f"no server runs here: serving {server.url} until this ends (`sentryvibe-tui serve` keeps one)")
    return parse_address(server.url, limits.token, str(folder.resolve()))


def _limits(settings: Settings, folder: Path) -> ServerLimits:
    """Raises server.serve.CannotServe for a token file that cannot be used."""
    from ..errors import CannotServe
    from .access import secured
    from .settings import limits_from

    try:
        return secured(limits_from(settings), settings.host, folder, token_path(settings))
    except BadTokenFile as error:
        raise CannotServe(str(error)) from None


@contextmanager
def _announced(url: str, folder: Path, token_file: str, tell: Callable[[str], None]) -> Generator[None]:
    started_at = time.time_ns() // 1_000_000
    local = runtime.LocalServer(url, os.getpid(), str(folder.resolve()), started_at, token_file)
    try:
        runtime.announce(local)
    except OSError as error:
        tell(f"other commands will not find the server by themselves: {error}")
    try:
        yield
    finally:
        runtime.withdraw(local)
