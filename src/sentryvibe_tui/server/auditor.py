"""What a server has to say to the audit log: at once what was done, and counted what was refused again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from ..audit import REFUSED, AuditLog, AuditRecord
from ..model.state import Millis

log = logging.getLogger("sentryvibe_tui.server")

EVERY: Millis = 60_000
"""Between two records of the same refusal."""
KINDS = 256
"""Refusals that are told apart in that time; what is beyond is counted together."""
_LAST = 2.0


class Auditor:
    """`now`: epoch ms. `path`: the log's; "" keeps none. `run` writes, until `finish`."""

    def __init__(self, path: str, now: Callable[[], Millis]) -> None:
        self._log = AuditLog(Path(path)) if path else None
        self._now = now
        self._waiting: list[AuditRecord] = []
        self._news = asyncio.Event()
        self._period_start = now()
        self._repeats: dict[tuple[str, str, str], AuditRecord] = {}

    def refused(self, who: str, origin: str, why: str) -> None:
        """The first one of a kind is written at once, the others as one in a while."""
        if self._now() - self._period_start >= EVERY:
            self._tell_repeats()
        kind = (who, origin, why)
        if kind not in self._repeats and len(self._repeats) >= KINDS:
            kind = ("", "elsewhere", "refused")
        known = self._repeats.get(kind)
        if known is not None:
            self._repeats[kind] = replace(known, count=known.count + 1)
            return
        record = AuditRecord(self._now(), REFUSED, kind[0], "", kind[2], kind[1])
        self._repeats[kind] = replace(record, count=0)
        self._put(record)

    def note(self, record: AuditRecord) -> None:
        """Written soon."""
        self._put(record)

    async def keep(self, record: AuditRecord) -> None:
        """Written before this returns."""
        await self._write((record,))

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(EVERY / 1000):
                    await self._news.wait()
            except TimeoutError:
                self._tell_repeats()
            await self._write_waiting()

    async def finish(self) -> None:
        """What was counted and what waits is written; a disk that stands still keeps nobody."""
        self._tell_repeats()
        try:
            async with asyncio.timeout(_LAST):
                await self._write_waiting()
        except TimeoutError:
            log.warning("the disk is slow: the audit log lacks its last lines")

    def _put(self, record: AuditRecord) -> None:
        if self._log is not None:
            self._waiting.append(record)
            self._news.set()

    def _tell_repeats(self) -> None:
        now = self._now()
        for record in self._repeats.values():
            if record.count:
                self._put(replace(record, at=now))
        self._repeats.clear()
        self._period_start = now

    async def _write_waiting(self) -> None:
        self._news.clear()
        records, self._waiting = self._waiting, []
        await self._write(records)

    async def _write(self, records: Sequence[AuditRecord]) -> None:
        """What cannot be written is in the server's log instead."""
        if self._log is None or not records:
            return
        try:
            await asyncio.to_thread(self._log.append, records)
        except OSError as error:
            log.warning("the audit log cannot be written: %s; it lacks %r", error, records)
