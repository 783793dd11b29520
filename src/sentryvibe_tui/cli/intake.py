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


async def pieces(path: Path | None) -> AsyncIterator[bytes]:
    """What is in `path` (None: stdin) until its end. Raises OSError.

    A thread reads, for files, pipes and terminals alike, and waits while earlier pieces are worked on. It is a daemon:
    whoever gives up reading need not wait for a pipe on which nothing comes.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue(maxsize=4)

    def read() -> None:
        # RuntimeError, CancelledError: the event loop is gone, nobody wants the rest
        with suppress(RuntimeError, CancelledError):
            for piece in _read(path):
                asyncio.run_coroutine_threadsafe(queue.put(piece), loop).result()

    threading.Thread(target=read, name="intake", daemon=True).start()
    while piece := await queue.get():
        if isinstance(piece, OSError):
            raise piece
        yield piece


def _read(path: Path | None) -> Iterator[bytes | OSError]:
    """Pieces, and at last an empty one or the error that ended it."""
    try:
        descriptor = 0 if path is None else os.open(path, os.O_RDONLY)
        while piece := os.read(descriptor, PIECE):
            yield piece
        yield b""
    except OSError as error:
        yield error
