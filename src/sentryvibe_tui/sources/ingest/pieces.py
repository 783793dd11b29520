"""Bytes of a file or of stdin, as they come."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

PIECE = 64 * 1024
"""Bytes that are read of a pipe at once: each piece costs a way between threads."""
SLICE = 16 * 1024
"""The same of a file: while a piece is worked on, nothing is posted."""


async def pieces(path: Path | None, *, is_file: bool) -> AsyncIterator[bytes]:
    """What is in `path` (None: stdin) until its end; `is_file`: nothing can keep its reader waiting. Raises OSError."""
    if not is_file:
        async for piece in _awaited(path):
            yield piece
        return
    for piece in _read(path, SLICE):
        yield piece
        await asyncio.sleep(0)


async def _awaited(path: Path | None) -> AsyncIterator[bytes]:
    """A thread reads, from pipes and terminals alike, and waits while earlier pieces are worked on. It is a daemon:
    whoever gives up reading need not wait for a pipe on which nothing comes."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue(maxsize=4)

    def put(piece: bytes | OSError) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(piece), loop).result()

    def read() -> None:
        # RuntimeError, CancelledError: the event loop is gone, nobody wants the rest
        with suppress(RuntimeError, CancelledError):
            try:
                for piece in _read(path, PIECE):
                    put(piece)
                put(b"")
            except OSError as error:
                put(error)

    threading.Thread(target=read, name="intake", daemon=True).start()
    while piece := await queue.get():
        if isinstance(piece, OSError):
            raise piece
        yield piece


def _read(path: Path | None, size: int) -> Iterator[bytes]:
    descriptor = 0 if path is None else os.open(path, os.O_RDONLY)
    try:
        while piece := os.read(descriptor, size):
            yield piece
    finally:
        if path is not None:
            os.close(descriptor)
