"""Hints to the other servers: which builds have come how far, in few messages, and again after a lost connection.

A hint is sent after the commit, so it costs no publisher anything, and it is only a hint: who hears it reads the store.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from ..errors import SentryVibeError

log = logging.getLogger("sentryvibe_tui.bus")

WINDOW = 0.005
"""Seconds that hints are collected before they are sent together."""
MESSAGE = 7_900
"""Bytes of a message at most: PostgreSQL refuses more than 7,999."""
_HINT = re.compile("([0-9]{1,19}):([0-9]{1,19})")
ECHO = 2.0
"""Seconds in which our own message has to come back."""


class BusLost(SentryVibeError):
    """The connection ended; the message says why."""


class BusTransport(Protocol):
    """Takes short messages to every server that listens, ours included."""

    async def listen(self, on_message: Callable[[str], None], joined: Callable[[], None]) -> None:
        """Until the connection is lost: then raises BusLost. `joined`: from now on every message is heard."""
        ...

    async def send(self, message: str) -> None:
        """Raises BusLost."""
        ...

    async def close(self) -> None: ...


class Bus:
    """`me`: what this server is called on the bus. `on_hints`: gets versions by builds' numbers. `on_loss`: anything
    may have been missed until now."""

    def __init__(self, transport: BusTransport, me: str) -> None:
        self._transport = transport
        self._me = me
        self._on_hints: Callable[[Mapping[int, int]], None] = lambda _: None
        self._on_loss: Callable[[], None] = lambda: None
        self._pending: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._echo = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, on_hints: Callable[[Mapping[int, int]], None], on_loss: Callable[[], None]) -> None:
        self._on_hints, self._on_loss = on_hints, on_loss
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._send())]

    async def stop(self) -> None:
        """A driver may take a cancellation for its own time-out: it is told again until it ends."""
        pending = {task for task in self._tasks if not task.done()}
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.5)
        with suppress(TimeoutError):
            async with asyncio.timeout(ECHO):
                await self._transport.close()

    def announce(self, versions: Iterable[tuple[int, int]]) -> None:
        """Builds, by their numbers, have come so far."""
        for number, version in versions:
            self._pending[number] = max(version, self._pending.get(number, 0))
        if self._pending:
            self._wake.set()

    async def _listen(self) -> None:
        failures = 0
        while True:
            self._echo.clear()
            check = asyncio.create_task(self._check())
            try:
                await self._transport.listen(self._take, self._joined)
            except BusLost as error:
                failures = 0 if self._echo.is_set() else failures + 1
                log.warning("hints are not heard, so the store is read once a second: %s", error)
            except Exception:  # nothing that comes by the bus ends it
                failures += 1
                log.exception("hints are not heard for now")
            finally:
                check.cancel()
            await asyncio.sleep(random.uniform(0, longest_pause(failures)))

    def _joined(self) -> None:
        self._on_loss()
        self._pending.setdefault(0, 0)  # something to hear ourselves by
        self._wake.set()

    async def _check(self) -> None:
        """Says so when what is sent is not heard: there is a pooler between, for one."""
        await asyncio.sleep(ECHO)
        if not self._echo.is_set():
            log.warning("our own hints do not come back, so other servers' builds are read once a second")

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(WINDOW)
            self._wake.clear()
            pending, self._pending = self._pending, {}
            try:
                for message in _messages(self._me, pending):
                    await self._transport.send(message)
            except BusLost as error:
                log.debug("hints are lost: %s", error)

    def _take(self, message: str) -> None:
        sender, *hints = message.split(" ")
        if sender == self._me:
            self._echo.set()
            return
        versions = dict(pair for hint in hints if (pair := _pair(hint)) is not None)
        if versions:
            self._on_hints(versions)


def longest_pause(failures: int) -> float:
    """Seconds before the next try at most, however many have failed."""
    return min(2.0, 0.1 * 2.0 ** min(failures, 8))


def _pair(hint: str) -> tuple[int, int] | None:
    """None for what names no build: whatever is said on the bus, the store is only asked what it can answer."""
    words = _HINT.fullmatch(hint)
    number, version = (int(words[1]), int(words[2])) if words else (0, 0)
    return (number, version) if 0 < number < 1 << 63 else None


def _messages(me: str, versions: Mapping[int, int]) -> Iterable[str]:
    words, size = [me], len(me)
    for number, version in versions.items():
        word = f"{number}:{version}"
        if size + len(word) + 1 > MESSAGE:
            yield " ".join(words)
            words, size = [me], len(me)
        words.append(word)
        size += len(word) + 1
    yield " ".join(words)
