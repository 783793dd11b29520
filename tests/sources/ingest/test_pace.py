"""The pace of a replay."""

import pytest

from sentryvibe_tui.sources.ingest.pace import ReplayPace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def late(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("speed", [0.5, 1, 8])
def test_gaps_are_kept(speed: float) -> None:
    clock = Clock()
    pace = ReplayPace(speed, clock)
    waits: list[float] = []
    for at in (None, 5_000, None, 6_000, 9_000):
        waits.append(pace.wait(at))
        clock.late(waits[-1])
    assert waits == pytest.approx([0, 0, 0, 1 / speed, 3 / speed])


def test_an_earlier_event_and_a_late_clock_wait_for_nothing() -> None:
    clock = Clock()
    pace = ReplayPace(1, clock)
    assert [pace.wait(at) for at in (10_000, 9_000)] == [0, 0]
    clock.late(3)
    assert pace.wait(12_000) == 0
    assert pace.wait(14_000) == pytest.approx(1)
