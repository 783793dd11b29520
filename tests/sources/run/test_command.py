"""A command that is run, where the clock matters: real processes, and time given to them by the test."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sentryvibe_tui.sources.run import command
from sentryvibe_tui.sources.run.argv import prepare_argv
from sentryvibe_tui.sources.run.command import Run, RunTiming
from sentryvibe_tui.sources.run.printing import Printed
from sentryvibe_tui.wire.address import Address
from sentryvibe_tui.wire.projects import project_named

NOBODY = Address("http://127.0.0.1:1")
TIMING = RunTiming(glance=0.004, lingering=0.02, last_words=0.01, silent=0.01)


class Reader:
    """Stands for the printer: takes what it is given only after many looks at an output that lingers."""

    is_held_up = False

    def __init__(self) -> None:
        self.taken = 0

    async def write(self, pieces: Sequence[Printed]) -> None:
        self.is_held_up = True
        for _ in range(50):
            await asyncio.sleep(TIMING.glance / 4)
        self.taken += sum(len(data) for _, data in pieces)
        self.is_held_up = False


async def test_a_slow_reader_gets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    monkeypatch.setattr(command, "Printer", lambda: reader)
    words = prepare_argv([sys.executable, "-c", "print('word ' * 60_000)"])
    run = Run(words, project_named("shop"), timing=TIMING)
    assert await run.run(NOBODY, tmp_path, lambda _: None) == 0
    assert reader.taken == 300_001
