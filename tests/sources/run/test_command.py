"""A command that is run, where the clock matters: real processes, and time given to them by the test."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sentryvibe_tui.sources.run import command
from sentryvibe_tui.sources.run.argv import prepared
from sentryvibe_tui.sources.run.command import Run
from sentryvibe_tui.sources.run.printing import Printed
from sentryvibe_tui.wire.address import Address
from sentryvibe_tui.wire.projects import project_named

NOBODY = Address("http://127.0.0.1:1")


class Reader:
    """Stands for the printer: takes what it is given only after many looks at an output that lingers."""

    is_held_up = False

    def __init__(self) -> None:
        self.taken = 0

    async def write(self, pieces: Sequence[Printed]) -> None:
        self.is_held_up = True
        for _ in range(50):
            await asyncio.sleep(command.GLANCE / 4)
        self.taken += sum(len(data) for _, data in pieces)
        self.is_held_up = False


async def test_a_slow_reader_gets_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("GLANCE", 0.004), ("LINGERING", 0.02), ("LAST_WORDS", 0.01)):
        monkeypatch.setattr(command, name, seconds)
    reader = Reader()
    monkeypatch.setattr(command, "Printer", lambda: reader)
    run = Run(prepared([sys.executable, "-c", "print('word ' * 60_000)"]), project_named("shop"))
    assert await run.run(NOBODY, tmp_path, lambda _: None) == 0
    assert reader.taken == 300_001
