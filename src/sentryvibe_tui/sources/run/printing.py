"""What is printed where a command's own output would have been: past Python's buffers, and holding up nobody else."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue

Printed = tuple[int, bytes]
"""1 stdout | 2 stderr, and the bytes."""

_Job = tuple[Sequence[Printed], "asyncio.Future[OSError | None]"]


class Printer:
    """Writes in a thread of its own, in order: whoever reads may take its time, or stop reading for good."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting = 0

    @property
    def is_held_up(self) -> bool:
        """Something is being written, or waits for its turn."""
        return self._waiting > 0

    async def write(self, pieces: Sequence[Printed]) -> None:
        """Returns when all of it was taken. Raises OSError when nobody reads any more."""
        if self._thread is None:
            # A daemon: a reader that has stopped for good does not keep the process from ending.
            self._thread = threading.Thread(target=self._work, name="printer", daemon=True)
            self._thread.start()
        done: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        done.add_done_callback(self._taken)
        self._jobs.put((pieces, done))
        if (error := await done) is not None:
            raise error

    def _taken(self, _: object) -> None:
        self._waiting -= 1

    def _work(self) -> None:
        while True:
            pieces, done = self._jobs.get()
            problem: OSError | None = None
            try:
                for stream, data in pieces:
                    write_all(stream, data)
            except OSError as error:
                problem = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                done.get_loop().call_soon_threadsafe(_settle, done, problem)


def _settle(done: asyncio.Future[OSError | None], problem: OSError | None) -> None:
    if not done.done():
        done.set_result(problem)


def write_all(stream: int, data: bytes) -> None:
    """Every byte, also where the descriptor does not wait. Raises OSError when nobody reads any more."""
    while data:
        try:
            data = data[os.write(stream, data) :]
        except BlockingIOError:
            select.select([], [stream], [])
