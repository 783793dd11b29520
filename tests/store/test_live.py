"""Builds in memory: which of them want a snapshot, and what becomes of one."""

from __future__ import annotations

from msgspec.structs import replace

from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.summary import BuildKey
from sentryvibe_tui.store.limits import StoreLimits
from sentryvibe_tui.store.live import BuildLog, LiveLogs

KEY, OTHER = BuildKey("p", "s", "b"), BuildKey("p", "s", "other")


def at(version: int, snapshot: int = 0, number: int = 1) -> BuildLog:
    return BuildLog(number, BuildState(version=version, id="b"), snapshot)


def test_a_group_that_was_on_its_way_while_a_snapshot_was_kept_wants_no_second_one() -> None:
    live = LiveLogs(StoreLimits(snapshot_every=10))
    live.keep({KEY: at(10)})
    drafted = replace(live[KEY], state=BuildState(version=11, id="b"))
    live.snapshot_kept(live.begin_snapshot())
    live.keep({KEY: drafted})
    assert live[KEY].snapshot == 10
    assert not live.wants_snapshot


def test_a_build_of_the_same_name_has_no_snapshot_of_the_one_before() -> None:
    live = LiveLogs(StoreLimits(snapshot_every=10))
    live.keep({KEY: at(10)})
    live.snapshot_kept(live.begin_snapshot())
    live.keep({KEY: at(1, number=2)})
    assert live[KEY].snapshot == 0


def test_a_snapshot_that_failed_is_wanted_after_the_next_entry() -> None:
    live = LiveLogs(StoreLimits(snapshot_every=10))
    live.keep({KEY: at(10)})
    live.snapshot_failed(live.begin_snapshot())
    assert not live.wants_snapshot
    live.keep({KEY: at(11)})
    assert live.wants_snapshot


def test_a_snapshot_that_is_not_waited_for_is_wanted_before_all_others() -> None:
    live = LiveLogs(StoreLimits(snapshot_every=10))
    live.keep({KEY: at(10)})
    begun = live.begin_snapshot()
    live.keep({OTHER: at(10, number=2)})
    live.begin_again()
    assert not live.awaits(begun)
    assert live.begin_snapshot().key == KEY


def test_a_build_whose_snapshot_is_made_stays_in_memory() -> None:
    live = LiveLogs(StoreLimits(snapshot_every=10, live_bytes=0, live_least=1))
    live.keep({KEY: at(10)})
    begun = live.begin_snapshot()
    live.keep({OTHER: replace(at(1, number=2), size=1000)})
    assert KEY in live
    live.drop(KEY)
    assert not live.awaits(begun)
