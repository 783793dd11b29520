"""What readers report, folded as the server does it; and the recorded transcripts."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from sentryvibe_tui.agents.common.reader import Reader, Reported
from sentryvibe_tui.model.events import About
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState

Fold = Callable[[Iterable[Reported]], BuildState]
Run = Callable[..., list[Reported]]


@pytest.fixture(scope="session")
def fold() -> Fold:
    """The state after all reports, as one build."""

    def folded(reports: Iterable[Reported]) -> BuildState:
        state, about = BuildState(), About("shop", "s1", "b1")
        for number, report in enumerate(reports):
            at = report.at or max(1_000 + number, state.last_event_at or 0)
            state, _ = reduce(state, report.event, at, about)
        return state

    return folded


@pytest.fixture(scope="session")
def run() -> Run:
    """Everything a reader reports for some JSON objects (or raw lines), to its end."""

    def ran(reader: Reader, *records: object) -> list[Reported]:
        lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
        return [*reader.feed(b"\n".join(lines) + b"\n"), *reader.finish()]

    return ran


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).parent.parent / "data" / "transcripts"
