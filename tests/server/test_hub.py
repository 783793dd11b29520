"""The hub without sockets, on a clock of its own."""

from __future__ import annotations

import pytest

from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.server.hub import Hub, OriginalWatcher, Watcher
from sentryvibe_tui.server.outbound_frame import OutboundFrame, event_id, parse_event_id
from sentryvibe_tui.server.receiver import TOO_SLOW
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildHead, BuildKey, Commit, Logged
from sentryvibe_tui.wire.frames import Batch, Heartbeat, decode_frame
from sentryvibe_tui.wire.summary import encode_summary

A = BuildKey("p", "s1", "a")
B = BuildKey("p", "s2", "b")


class Link:
    """An outlet that takes `room` frames and then says it is busy."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.frames: list[OutboundFrame] = []
        self.closed: int | None = None
        self.waiting = 0

    def take(self, frame: OutboundFrame) -> bool:
        assert self.room > 0, "a frame for a busy outlet"
        self.frames.append(frame)
        self.room -= 1
        return self.room > 0

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        self.closed = code

    def versions(self) -> list[tuple[str, list[int]]]:
        batches = (decode_frame(frame.text, 0) for frame in self.frames)
        return [(b.build_id, [e.version for e in b.changes]) for b in batches if isinstance(b, Batch)]  # type: ignore[union-attr]

    def marks(self) -> list[tuple[str, int | None]]:
        beats = (decode_frame(frame.text, 0) for frame in self.frames)
        return [(beat.build_id, beat.version) for beat in beats if isinstance(beat, Heartbeat)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def commit(key: BuildKey, first: int, last: int | None = None, size: int = 10, active: bool = True) -> Commit:
    versions = range(first, (last or first) + 1)
    text = "x" * size
    updates = (
        b'{"type":"plan","data":{"text":"%s"},"timestamp":1,"version":%d}' % (text.encode(), v) for v in versions
    )
    entries = tuple(Logged(version, update) for version, update in zip(versions, updates, strict=True))
    summary = BuildSummary(key.project_id, key.session_id, key.build_id, version=versions[-1])
    return Commit(BuildHead(key, 1 if key == A else 2, versions[-1], active), entries, summary, encode_summary(summary))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub("epoch", clock, lambda: 0)


def a_hub(**limits: int) -> Hub:
    return Hub("epoch", Clock(), lambda: 0, limits=ServerLimits(**limits))


def watching(hub: Hub, link: Link, session: str = "") -> Watcher:
    watcher = hub.join("p", session, link)
    hub.begin(watcher, (), ())
    return watcher


def test_what_is_committed_goes_out_at_once_and_encoded_once_for_all(hub: Hub) -> None:
    one, two = Link(), Link()
    watching(hub, one)
    watching(hub, two)
    hub.publish([commit(A, 1)])
    hub.publish([commit(A, 2)])
    assert one.versions() == two.versions() == [("a", [1]), ("a", [2])]
    assert one.frames[-1] is two.frames[-1]


def test_what_comes_while_a_watcher_is_busy_goes_together_in_order(hub: Hub) -> None:
    link = Link(room=2)
    watcher = watching(hub, link)
    hub.publish([commit(A, 1)])
    for version in range(2, 7):
        hub.publish([commit(A, version)])
    link.room = 99
    hub.resume(watcher)
    assert link.versions() == [("a", [1]), ("a", [2, 3, 4, 5, 6])]


def test_a_frame_holds_entries_of_one_build(hub: Hub) -> None:
    link = Link(room=1)
    watcher = watching(hub, link)
    hub.publish([commit(A, 1, 2), commit(B, 1), commit(A, 3)])
    link.room = 99
    hub.resume(watcher)
    assert link.versions() == [("a", [1, 2]), ("b", [1]), ("a", [3])]


def test_a_large_backlog_goes_in_several_frames_and_no_entry_is_split(hub: Hub) -> None:
    link = Link(room=1)
    watcher = watching(hub, link)
    hub.publish([commit(A, 1, 10, size=60_000)])
    link.room = 99
    hub.resume(watcher)
    assert [version for _, versions in link.versions() for version in versions] == list(range(1, 11))
    assert len(link.versions()) > 2


def test_a_watcher_of_a_session_gets_only_its_session(hub: Hub) -> None:
    link = Link()
    watching(hub, link, "s2")
    hub.publish([commit(A, 1), commit(B, 1)])
    hub.publish([commit(A, 2)])
    hub.publish([commit(B, 2)])
    assert link.versions() == [("b", [1]), ("b", [2])]


def test_nothing_goes_out_while_a_starting_point_is_prepared_and_nothing_is_lost_or_sent_twice(hub: Hub) -> None:
    link = Link()
    watcher = hub.join("p", "", link)
    hub.publish([commit(A, 1, 3)])
    assert link.frames == []
    hub.begin(watcher, (OutboundFrame(b'{"type":"x"}'),), (BuildHead(A, 1, 2, True),))
    hub.publish([commit(A, 4)])
    assert link.frames[0].text == b'{"type":"x"}'
    assert link.versions() == [("a", [3]), ("a", [4])]


def test_a_starting_point_ahead_of_what_is_published_is_not_repeated(hub: Hub) -> None:
    link = Link()
    watcher = hub.join("p", "", link)
    hub.begin(watcher, (), (BuildHead(A, 1, 2, True),))
    hub.publish([commit(A, 1)])
    hub.publish([commit(A, 2), commit(B, 1)])
    hub.publish([commit(A, 3)])
    assert link.versions() == [("b", [1]), ("a", [3])]


def test_who_falls_off_the_ring_gets_a_new_starting_point() -> None:
    hub = a_hub(ring_entries=4)
    lost: list[Watcher] = []
    hub.on_loss = lost.append
    slow, healthy = Link(room=1), Link()
    watcher = watching(hub, slow)
    watching(hub, healthy)
    for version in range(1, 8):
        hub.publish([commit(A, version)])
    slow.room = 99
    hub.resume(watcher)
    assert lost == [watcher]
    assert slow.versions() == []
    hub.begin(watcher, (), (BuildHead(A, 1, 7, True),))
    hub.publish([commit(A, 8)])
    assert slow.versions() == [("a", [8])]
    assert len(healthy.versions()) == 8


def test_the_ring_is_bounded_in_bytes() -> None:
    hub = a_hub(ring_bytes=1000)
    watcher = watching(hub, Link())
    hub.publish([commit(A, 1, 50, size=100)])
    assert 0 < watcher.channel.head - watcher.channel.tail < 10


def test_a_link_that_takes_a_large_state_slowly_stays(hub: Hub, clock: Clock) -> None:
    slow = Link(room=1)
    slow.waiting = 1_000_000
    watching(hub, slow)
    for _ in range(20):
        clock.now += 9
        slow.waiting -= 10_000
        hub.close_stalled(10)
    assert slow.closed is None
    clock.now += 11
    hub.close_stalled(10)
    assert slow.closed == TOO_SLOW


def test_a_link_that_takes_nothing_is_closed_and_others_notice_nothing(hub: Hub, clock: Clock) -> None:
    stuck, healthy = Link(room=1), Link()
    watching(hub, stuck)
    watching(hub, healthy)
    clock.now += 9
    hub.close_stalled(10)
    assert stuck.closed is None
    clock.now += 2
    hub.close_stalled(10)
    assert (stuck.closed, healthy.closed) == (TOO_SLOW, None)
    hub.publish([commit(A, 1)])
    assert healthy.versions() == [("a", [1])]
    assert hub.watchers == 1


def test_heartbeats_mark_the_head_for_those_who_have_everything(hub: Hub, clock: Clock) -> None:
    ready, busy = Link(), Link(room=2)
    watching(hub, ready)
    watching(hub, busy)
    hub.publish([commit(A, 1)])
    hub.publish([commit(A, 2)])
    ready.frames.clear()
    clock.now += 4
    hub.beat(5, 30)
    assert ready.marks() == []
    clock.now += 2
    hub.beat(5, 30)
    assert ready.marks() == [("a", 2)]
    assert busy.marks() == [("", None)]


def test_no_mark_goes_ahead_of_the_starting_point(hub: Hub, clock: Clock) -> None:
    link = Link()
    watcher = hub.join("p", "", link)
    hub.publish([commit(A, 1, 3)])
    clock.now += 31
    hub.beat(5, 30)
    assert link.frames == []
    hub.begin(watcher, (), (BuildHead(A, 1, 3, True),))
    assert link.marks() == [("a", 3)]


def test_a_quiet_project_beats_slowly(hub: Hub, clock: Clock) -> None:
    link = Link()
    watching(hub, link)
    hub.publish([commit(A, 1, active=False)])
    link.frames.clear()
    clock.now += 10
    hub.beat(5, 30)
    assert link.marks() == []
    clock.now += 21
    hub.beat(5, 30)
    assert link.marks() == [("a", 1)]


def test_a_mark_follows_every_starting_point(hub: Hub) -> None:
    link = Link()
    watcher = hub.join("p", "", link)
    hub.begin(watcher, (), (BuildHead(A, 1, 5, True), BuildHead(B, 2, 3, True)))
    assert link.marks() == [("b", 3)]


def test_a_project_that_nobody_watches_costs_nothing(hub: Hub) -> None:
    watcher = watching(hub, Link())
    hub.leave(watcher)
    hub.publish([commit(A, 1)])
    assert hub.channels == {}


def test_a_closed_hub_has_closed_every_link(hub: Hub) -> None:
    links = [Link() for _ in range(3)]
    for link in links:
        watching(hub, link)
    hub.close(1012, "stopping")
    assert [link.closed for link in links] == [1012] * 3
    assert hub.watchers == 0


@pytest.mark.parametrize("build", ["b", "a:b", "line\nbreak", "ü %", ""])
def test_an_event_id_survives_any_build_id(build: str) -> None:
    assert parse_event_id(event_id("e", build, 7)) == ("e", build, 7)


@pytest.mark.parametrize("text", ["", "1", "a:b", "a:b:c", "a:b:-1", "a:b:c:1", "a:b:²"])
def test_what_is_no_event_id_of_ours_is_none(text: str) -> None:
    assert parse_event_id(text) is None


@pytest.mark.parametrize("size", [1, 125, 126, 65535, 65536])
def test_a_message_is_framed_as_rfc_6455_says(size: int) -> None:
    message = OutboundFrame(b"x" * size).message
    assert message[0] == 0x81
    assert message.endswith(b"x" * size)
    assert len(message) - size == (2 if size < 126 else 4 if size < 65536 else 10)


def test_a_new_starting_point_replaces_what_is_left_of_the_one_before(hub: Hub) -> None:
    link = Link(room=1)
    watcher = hub.join("p", "", link)
    first, rest, other = (OutboundFrame(b'{"type":"%s"}' % name) for name in (b"first", b"rest", b"other"))
    hub.begin(watcher, (first, rest), ())
    hub.hold(watcher)
    hub.begin(watcher, (other,), ())
    link.room = 99
    hub.resume(watcher)
    assert link.frames[:2] == [first, other]
    assert rest not in link.frames


def test_who_waits_for_a_starting_point_is_told_no_mark(hub: Hub, clock: Clock) -> None:
    link = Link()
    hub.join("p", "", link)
    clock.now += 100
    hub.beat(5, 30)
    assert link.frames == []


def test_a_busy_link_that_turns_to_another_project_stays_busy(hub: Hub, clock: Clock) -> None:
    link = Link(room=1)
    moved = hub.move(watching(hub, link), "q", "")
    hub.begin(moved, (OutboundFrame(b"{}"),), ())
    assert len(link.frames) == 1
    clock.now += 11
    hub.close_stalled(10)
    assert link.closed == TOO_SLOW


@pytest.mark.parametrize(("behind", "falls_off"), [(4, False), (5, True)])
def test_the_oldest_entry_of_the_ring_is_still_had(behind: int, falls_off: bool) -> None:
    hub = a_hub(ring_entries=4)
    lost: list[Watcher] = []
    hub.on_loss = lost.append
    link = Link(room=1)
    watcher = watching(hub, link)
    for version in range(1, behind + 1):
        hub.publish([commit(A, version)])
    link.room = 99
    hub.resume(watcher)
    assert bool(lost) is falls_off
    assert link.versions() == ([] if falls_off else [("a", [1, 2, 3, 4])])


def test_frames_that_went_out_are_not_kept(hub: Hub) -> None:
    watcher = watching(hub, Link())
    for version in range(1, 50):
        hub.publish([commit(A, version)])
    assert len(watcher.channel._frames) == 1


def test_an_old_starting_point_takes_no_mark_back(hub: Hub) -> None:
    watching(hub, Link())
    hub.publish([commit(A, 1, 5)])
    late = Link()
    hub.begin(hub.join("p", "", late), (), (BuildHead(A, 1, 3, True),))
    assert late.marks() == [("a", 5)]


def original(hub: Hub, link: Link, session: str = "") -> Watcher:
    watcher = hub.join("p", session, link, OriginalWatcher)
    hub.begin(watcher, (), ())
    return watcher


def test_originals_get_one_update_a_frame_told_once_for_all(hub: Hub) -> None:
    one, two, ours = Link(), Link(), Link()
    original(hub, one)
    original(hub, two)
    watching(hub, ours)
    hub.publish([commit(A, 1, 3)])
    assert ours.versions() == [("a", [1, 2, 3])]
    told = [frame.text for frame in one.frames if b"batch-update" in frame.text]
    assert [text.count(b'"type":"plan"') for text in told if b'"type":"plan"' in text] == [1, 1, 1]
    assert all(a is b for a, b in zip(one.frames[1:], two.frames[1:], strict=True))
    assert [frame.version for frame in one.frames if frame.key == A] == [1, 2, 3]


def test_what_cannot_be_told_again_is_a_reason_for_a_new_start(hub: Hub) -> None:
    lost: list[Watcher] = []
    hub.on_loss = lost.append
    link = Link()
    watcher = original(hub, link)
    hub.publish([commit(A, 7)])
    assert lost == [watcher]
    assert watcher.is_paused


def test_an_original_is_told_of_one_build_the_newest(hub: Hub) -> None:
    link = Link()
    original(hub, link)
    hub.publish([commit(A, 1), commit(B, 1), commit(A, 2), commit(B, 2)])
    assert {frame.key for frame in link.frames} == {None, B}


def test_an_original_begins_once_more_with_the_first_heartbeat(hub: Hub, clock: Clock) -> None:
    """Its own hydration, asked for when it came, may have been answered later with less."""
    lost: list[Watcher] = []
    hub.on_loss = lost.append
    watcher = original(hub, Link())
    watching(hub, Link())
    for _ in range(3):
        clock.now += 60
        hub.beat(5, 30)
        hub.begin(watcher, (), ())
    assert lost == [watcher]


def test_a_link_that_ends_late_leaves_those_alone_who_came_after_it(hub: Hub) -> None:
    """It was told to go, and its endpoint notices only now: meanwhile the project is watched anew."""
    late = watching(hub, Link())
    hub.dismiss("p", 1012, "a build was deleted")
    link = Link()
    watching(hub, link)
    hub.leave(late)
    hub.publish([commit(A, 1)])
    assert link.versions() == [("a", [1])]
    assert hub.watchers == 1
