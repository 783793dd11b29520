"""A thread that does blocking work for an event loop, piece by piece, and never holds up the end of the process."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Belongs to the event loop that made it; each piece begins when the one before is done."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def hand(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """`then` gets in the event loop what `work`, which must not raise, made in the thread."""
        self._pieces.put(lambda: self._tell(then, work()))

    def ask(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` makes or raises in the thread."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._pieces.put(partial(self._answer, answer, work))
        return answer

    def end(self) -> None:
        """No more pieces follow."""
        self._pieces.put(None)

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            piece()

    def _answer(self, answer: asyncio.Future[T], work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:
            self._tell(_settle, answer, answer.set_exception, error)
        else:
            self._tell(_settle, answer, answer.set_result, result)

    def _tell(self, hearer: Callable[..., object], *what: object) -> None:
        with suppress(RuntimeError):  # the loop ended while a slow disk was waited for: nobody is left to hear
            self._loop.call_soon_threadsafe(hearer, *what)


def _settle(answer: asyncio.Future[Any], how: Callable[[Any], None], what: object) -> None:
    if not answer.done():
        how(what)
