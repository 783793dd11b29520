"""The bus that wakes other servers, without its connections."""

from sentryvibe_tui.bus.bus import longest_pause


def test_a_bus_that_is_away_for_days_is_tried_every_two_seconds() -> None:
    assert [longest_pause(failures) for failures in (0, 1, 5, 2_000)] == [0.1, 0.2, 2.0, 2.0]
