"""Python's walks through old objects come when the screen is quiet, and never twice over the same ones."""

import gc

import pytest

from sentryvibe_tui.tui import garbage
from sentryvibe_tui.tui.garbage import FRESH, LONGEST, QUIET, Collector


@pytest.fixture
def looks(monkeypatch):
    """When it looked, in seconds; Python's own garbage is left alone."""
    now, log, count = [0.0], [], [FRESH]
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    monkeypatch.setattr(gc, "collect", lambda: log.append(now[0]))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(gc, "get_objects", lambda generation: [])
    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, count[0]))
    return now, log, count


def ticked(looks, monkeypatch, busy: bool, seconds: int) -> list[float]:
    now, log, _ = looks
    passes = [0]
    monkeypatch.setattr(garbage, "_passes", lambda: passes[0])
    collector = Collector(lambda: now[0])
    for second in range(1, seconds + 1):
        now[0] = float(second)
        passes[0] += 10 if busy else 0
        collector.tick()
    return log


def test_a_quiet_screen_is_looked_through_soon(looks, monkeypatch) -> None:
    assert ticked(looks, monkeypatch, busy=False, seconds=3)[0] == QUIET


def test_a_busy_one_only_once_a_minute(looks, monkeypatch) -> None:
    assert ticked(looks, monkeypatch, busy=True, seconds=130) == [LONGEST, 2 * LONGEST]


def test_what_was_frozen_is_looked_through_again_once_a_screen_was_left(looks, monkeypatch) -> None:
    now, log, _ = looks
    thawed: list[float] = []
    monkeypatch.setattr(gc, "unfreeze", lambda: thawed.append(now[0]))
    monkeypatch.setattr(gc, "get_objects", lambda generation: range(garbage.MANY))
    monkeypatch.setattr(garbage, "_passes", lambda: 0)
    collector = Collector(lambda: now[0])
    for second in range(1, 10):
        now[0] = float(second)
        if second == 5:
            collector.thaw()
        collector.tick()
    assert (thawed, log) == ([5.0], [5.0])


def test_little_that_is_new_is_not_looked_for(looks, monkeypatch) -> None:
    looks[2][0] = FRESH - 1
    assert ticked(looks, monkeypatch, busy=False, seconds=200) == []
