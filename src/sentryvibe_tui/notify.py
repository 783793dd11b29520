"""Events that deserve attention reach a person once: claims among the processes of a machine, and `notify_command`."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec

from .folders import make_private, runtime_folder
from .model.attention import AttentionEvent
from .model.text import clean

log = logging.getLogger("sentryvibe_tui.notify")

CLAIM_LIMIT = 1_000
"""Claims that are remembered at least."""
TOGETHER = 0.5
"""Seconds for which events are gathered before the command runs."""
PATIENCE = 30.0
"""Seconds that the command may take."""


class Claims:
    """Which events somebody on this machine has taken care of already: an empty file for each, in the runtime folder.

    `channel`: what is done about it (`command`, `screen`): each is done once. `limit`: as many are remembered at least.
    """

    def __init__(self, channel: str, folder: Path | None = None, limit: int = CLAIM_LIMIT) -> None:
        self._folder = (runtime_folder() / "attention" if folder is None else folder) / channel
        self._number, self._limit = 0, limit

    def take(self, event: AttentionEvent) -> bool:
        """Whether it is ours to do: nobody took it before. Without a folder everybody does it."""
        name = hashlib.sha256(event.id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        try:
            make_private(self._folder)
            os.close(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        except OSError as error:
            log.warning("an event cannot be claimed: %s", error)
            return True
        self._number += 1
        if self._number % self._limit == 1:
            self._tidy()
        return True

    def _tidy(self) -> None:
        with suppress(OSError):
            files = sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)
            for file in files[: -self._limit]:
                file.unlink(missing_ok=True)


class NotifyCommand:
    """Runs a shell command for events: it gets them on stdin, a JSON object a line, those of half a second together.

    One runs at a time; what comes meanwhile is in the next.
    """

    def __init__(
        self,
        command: str,
        claims: Claims,
        tell: Callable[[str], None] = log.warning,
        together: float = TOGETHER,
        patience: float = PATIENCE,
    ) -> None:
        self._command, self._claims, self._tell = command, claims, tell
        self._together, self._patience = together, patience
        self._waiting: list[AttentionEvent] = []
        self._work: asyncio.Task[None] | None = None
        self._ends = asyncio.Event()

    def hear(self, events: Iterable[AttentionEvent]) -> None:
        """From within the event loop; never waits, and touches no file."""
        self._waiting += events
        if self._waiting and self._work is None:
            self._work = asyncio.create_task(self._run(), name="notify command")

    async def finish(self, patience: float) -> None:
        """Tells what was heard at once; waits for that, for so many seconds at most."""
        self._ends.set()
        if self._work is not None:
            _, late = await asyncio.wait([self._work], timeout=patience)
            for task in late:
                task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._together):
                        await self._ends.wait()
                events, self._waiting = self._waiting, []
                if lines := await asyncio.to_thread(self._claimed, events):
                    await self._once(lines)
        finally:
            self._work = None

    def _claimed(self, events: Iterable[AttentionEvent]) -> bytes:
        """A line for each that nobody else tells. Claimed this late, what is not told after all is left to others."""
        return b"".join(_line(event) for event in events if self._claims.take(event))

    async def _once(self, lines: bytes) -> None:
        pipe = asyncio.subprocess.PIPE
        began = time.monotonic()
        try:
            process = await asyncio.create_subprocess_shell(
                self._command, stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe, start_new_session=True
            )
        except OSError as error:
            self._tell(f"notify_command cannot be run: {error.strerror}")
            return
        try:
            async with asyncio.timeout(self._patience):
                _, output = await process.communicate(lines)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
            self._tell(f"notify_command took more than {time.monotonic() - began:.0f} s and was ended")
            return
        if process.returncode:
            self._tell(f"notify_command ended with status {process.returncode}: {_last_line(output)}")


def _line(event: AttentionEvent) -> bytes:
    """What an agent said is safe to show, whatever the command does with it."""
    return msgspec.json.encode(_cleaned(msgspec.to_builtins(event))) + b"\n"


def _cleaned(value: object) -> object:
    match value:
        case str():
            return clean(value)
        case dict():
            fields = cast("dict[str, object]", value)
            return {name: _cleaned(field) for name, field in fields.items()}
        case list() | tuple():
            return [_cleaned(item) for item in cast("Sequence[object]", value)]
        case _:
            return value


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
