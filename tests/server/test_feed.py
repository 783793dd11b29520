"""The builds feed without sockets, on a clock of its own."""

from __future__ import annotations

import pytest

from sentryvibe_tui.model.summary import BuildKey, BuildSummary
from sentryvibe_tui.server.feed import PERIOD, Feed, FeedFilter, FeedWatcher
from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.server.settings import DEFAULT_LIMITS, ServerLimits
from sentryvibe_tui.store.contract import BuildHead, Commit
from sentryvibe_tui.wire.feed import BuildsUpdate, decode_feed
from sentryvibe_tui.wire.frames import Heartbeat
from sentryvibe_tui.wire.summary import encode_summary


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Link:
    """An outlet that takes `room` frames and then says it is busy."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room, self.waiting = room, 0
        self.frames: list[OutboundFrame] = []
        self.closed: int | None = None

    def take(self, frame: OutboundFrame) -> bool:
        assert self.room > 0, "a frame for a busy outlet"
        self.frames.append(frame)
        self.room -= 1
        return self.room > 0

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        self.closed = code

    def updates(self) -> list[BuildsUpdate]:
        frames, self.frames = self.frames, []
        return [one for frame in frames if isinstance(one := decode_feed(frame.text, 0), BuildsUpdate)]

    def marks(self) -> list[int | None]:
        return [b.version for frame in self.frames if isinstance(b := decode_feed(frame.text, 0), Heartbeat)]


def commit(build: str, version: int, project: str = "p", active: bool = True) -> Commit:
    key = BuildKey(project, "s", build)
    row = BuildSummary(*(project, "s", build), version=version, status="active" if active else "completed")
    return Commit(BuildHead(key, 1, version, active), (), row, encode_summary(row))


def a_feed(limits: ServerLimits = DEFAULT_LIMITS) -> tuple[Feed, Clock]:
    clock = Clock()
    return Feed("e", clock, lambda: 0, limits), clock


ALL = FeedFilter()


def watching(feed: Feed, wanted: FeedFilter = ALL, room: int = 1_000_000) -> tuple[FeedWatcher, Link]:
    link = Link(room)
    watcher = feed.join(wanted, link)
    feed.begin(watcher, (), feed.hold(watcher))
    return watcher, link


def told(link: Link) -> list[list[tuple[str, int]]]:
    return [[(build.build_id, build.version) for build in update.builds] for update in link.updates()]


def test_a_change_goes_out_at_once_and_those_after_it_five_times_a_second() -> None:
    feed, clock = a_feed()
    _, link = watching(feed)
    assert feed.delay == 0
    feed.note([commit("a", 1)])
    feed.flush()
    feed.note([commit("a", 2)])
    feed.note([commit("b", 1), commit("a", 3)])
    assert feed.delay == pytest.approx(PERIOD)
    clock.now += PERIOD
    assert feed.delay == 0
    feed.flush()
    assert [sorted(frame) for frame in told(link)] == [[("a", 1)], [("a", 3), ("b", 1)]]


def test_all_who_lack_the_same_get_one_frame() -> None:
    feed, _ = a_feed()
    links = [watching(feed)[1] for _ in range(3)]
    feed.note([commit("a", 1)])
    feed.flush()
    assert len({id(link.frames[-1]) for link in links}) == 1


def test_a_slow_watcher_gets_each_build_once_however_much_it_missed() -> None:
    feed, _ = a_feed()
    watcher, link = watching(feed, room=2)
    for version in range(1, 50):
        feed.note([commit("a", version), commit("b", version)])
        feed.flush()
    assert told(link) == [[("b", 1), ("a", 1)]]
    link.room = 10
    feed.resume(watcher)
    (update,) = link.updates()
    assert (update.since, update.version, len(update.builds)) == (1, 49, 2)


def test_filters_by_project_and_by_what_goes_on() -> None:
    feed, _ = a_feed()
    _, mine = watching(feed, FeedFilter("p"))
    _, live = watching(feed, FeedFilter(active=True))
    feed.note([commit("a", 1), commit("z", 1, "q"), commit("c", 9, active=False)])
    feed.flush()
    assert sorted(told(mine)[0]) == [("a", 1), ("c", 9)]
    (update,) = live.updates()
    assert sorted(build.build_id for build in update.builds) == ["a", "z"]
    assert update.removed == (BuildKey("p", "s", "c"),)


def test_a_mark_says_that_there_was_nothing_for_a_filter() -> None:
    feed, clock = a_feed()
    _, link = watching(feed, FeedFilter("p"))
    link.frames.clear()
    feed.note([commit("z", 1, "q")])
    feed.flush()
    assert not link.frames
    clock.now += 5
    feed.beat(5)
    assert link.marks() == [1]
    assert [(one.since, one.version, one.builds) for one in link.updates()] == [(0, 1, ())]


def test_who_comes_back_gets_what_it_missed_and_nothing_else() -> None:
    feed, _ = a_feed()
    for build in "abc":
        feed.note([commit(build, 1)])
        feed.flush()
    link = Link()
    watcher = feed.join(ALL, link)
    assert feed.can_resume("e", 2)
    feed.begin(watcher, (), 2)
    assert link.marks() == [3]
    assert told(link) == [[("c", 1)]]
    assert not feed.can_resume("another", 2)
    assert not feed.can_resume("e", 4)


def test_who_was_away_for_too_long_begins_anew() -> None:
    feed, _ = a_feed(ServerLimits(feed_history=2))
    for build in "abcd":
        feed.note([commit(build, 1)])
        feed.flush()
    assert not feed.can_resume("e", 1)
    assert feed.can_resume("e", 2)


def test_what_is_deleted_is_removed_from_lists() -> None:
    feed, _ = a_feed()
    _, link = watching(feed)
    feed.remove(BuildKey("p", "s", "a"))
    feed.flush()
    assert [update.removed for update in link.updates()] == [(BuildKey("p", "s", "a"),)]


def test_who_takes_nothing_is_let_go() -> None:
    feed, clock = a_feed()
    _, link = watching(feed, room=1)
    link.waiting = 10
    clock.now += 11
    feed.close_stalled(10)
    assert link.closed == 4408
    assert not feed.watchers
