"""Real agents against a scripted model: skipped, with the reason, unless `SENTRYVIBE_TEST_REAL` says where they are."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .packages import SWITCH, Missing, cache, program

_LINES = pytest.StashKey[list[str]]()


BEGUN = time.monotonic()


@pytest.fixture(scope="session")
def command() -> Callable[[str], Path]:
    """The command of an agent, installed if need be; the test is skipped when that cannot be."""

    def found(agent: str) -> Path:
        if sys.platform != "linux" or shutil.which("tmux") is None:
            pytest.skip("real agents are driven by tmux on Linux")
        try:
            return program(agent, cache(os.environ.get(SWITCH, "")))
        except Missing as why:
            pytest.skip(str(why))

    return found


@pytest.fixture(autouse=True)
def _in_time(request: pytest.FixtureRequest) -> None:
    """`SENTRYVIBE_TEST_REAL_SECONDS` after the start no scene begins: so none is cut off, with agents left."""
    limit = float(os.environ.get("SENTRYVIBE_TEST_REAL_SECONDS", "inf"))
    if "real" in request.keywords and time.monotonic() - BEGUN > limit:
        pytest.skip(f"the time for scenes was over after {limit:.0f} s")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Puts a line about a scene into the summary."""
    return lambda line: record_property("told", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, line in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {line}")
