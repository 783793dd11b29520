"""The builds feed's link without sockets: recovery, updates, gaps, marks, the reconnect rule."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.backoff import ATTEMPTS
from sentryvibe_tui.client.builds_link import BuildsChanged, BuildsLink, BuildsListed, OpenBuilds
from sentryvibe_tui.client.reconnect import CloseLink, Emit, SendFrame
from sentryvibe_tui.client.watching import LinkChanged
from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.wire.feed import BuildsRecovery, BuildsUpdate, FeedFrame
from sentryvibe_tui.wire.frames import Connected, GetState, Heartbeat, decode_asked

A = BuildSummary("p", "s", "a", version=1)
B = BuildSummary("q", "s", "b", version=1)


class Desk:
    """A link on a clock of its own; `news` since the last `take`."""

    def __init__(self) -> None:
        self.now = 1_000
        self.link = BuildsLink(OpenBuilds(), chance=lambda: 0.0)
        self.actions = list(self.link.start(self.now))

    def up(self, *frames: FeedFrame) -> Desk:
        self.actions += self.link.opened(self.now)
        return self.hear(Connected("e", 2), *frames)

    def hear(self, *frames: FeedFrame) -> Desk:
        for frame in frames:
            self.actions += self.link.frame(frame, self.now)
        return self

    def later(self, ms: int) -> Desk:
        end = self.now + ms
        while (due := self.link.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.actions += self.link.tick(self.now)
        self.now = end
        return self

    def take(self, kind: type) -> list:
        found = [a.event if isinstance(a, Emit) else a for a in self.actions]
        self.actions = [a for a, f in zip(self.actions, found, strict=True) if not isinstance(f, kind)]
        return [one for one in found if isinstance(one, kind)]


def recovery(*builds: BuildSummary, version: int = 5, epoch: str = "e", host: str = "") -> BuildsRecovery:
    return BuildsRecovery(epoch, version, builds, host)


def test_the_list_comes_whole_and_then_what_changes() -> None:
    desk = Desk().up(recovery(A, B))
    assert desk.take(BuildsListed) == [BuildsListed((A, B))]
    assert [event.status.phase for event in desk.take(LinkChanged)] == ["connecting", "live"]
    newer = replace(A, version=2)
    desk.hear(BuildsUpdate("e", 5, 6, (newer,), (B.key,)))
    assert desk.take(BuildsChanged) == [BuildsChanged((newer,), (B.key,))]
    assert desk.link.builds == {A.key: newer}


def test_a_repeat_does_no_harm_and_a_removal_of_what_is_not_there_is_no_news() -> None:
    desk = Desk().up(recovery(A))
    desk.hear(BuildsUpdate("e", 4, 5, (A,)), BuildsUpdate("e", 5, 6, (), (B.key,)))
    assert desk.take(BuildsChanged) == [BuildsChanged((A,))]


@pytest.mark.parametrize("frame", [BuildsUpdate("e", 7, 8, (B,)), Heartbeat("e", version=8)])
def test_a_gap_is_asked_for_once_and_a_server_that_does_not_answer_is_left(frame: FeedFrame) -> None:
    desk = Desk().up(recovery(A))
    desk.hear(frame, frame)
    asked = [decode_asked(send.data) for send in desk.take(SendFrame)]
    assert [one for one in asked if isinstance(one, GetState)] == [GetState("", 5, "e")]
    desk.later(4_000).hear(frame)
    assert not desk.take(CloseLink)
    desk.later(1_000).hear(frame)
    assert [close.reason for close in desk.take(CloseLink)] == ["the server does not answer"]


def test_after_an_absence_it_resumes_where_it_was() -> None:
    desk = Desk().up(recovery(A))
    assert desk.take(OpenBuilds) == [OpenBuilds()]
    desk.actions += desk.link.closed(desk.now)
    desk.later(1_000)
    assert desk.take(OpenBuilds) == [OpenBuilds(since=5, epoch="e")]
    desk.up(BuildsUpdate("e", 5, 9, (B,)))
    assert desk.link.status.phase == "live"
    assert set(desk.link.builds) == {A.key, B.key}


def test_another_epoch_replaces_the_list() -> None:
    desk = Desk().up(recovery(A), recovery(B, epoch="f", version=1))
    assert desk.link.builds == {B.key: B}


def test_silence_ends_the_link_and_ten_failures_end_the_tries() -> None:
    desk = Desk().up(recovery(A)).later(13_000)
    assert "nothing heard" in desk.take(CloseLink)[0].reason
    for _ in range(ATTEMPTS):
        desk.later(40_000)
        desk.actions += desk.link.failed(desk.now, None, "refused")
    assert desk.link.status.phase == "gave-up"
    assert desk.link.builds == {A.key: A}


def test_a_final_answer_is_final() -> None:
    desk = Desk()
    desk.actions += desk.link.failed(desk.now, 401, "a token is needed")
    assert (desk.link.status.phase, desk.link.status.http_status) == ("refused", 401)


def test_builds_of_another_machine_name_it() -> None:
    desk = Desk().up(recovery(A, host="gpu-box"))
    assert desk.link.builds[A.key].host == "gpu-box"


def test_an_original_server_that_is_polled_may_be_silent_for_longer() -> None:
    desk = Desk()
    desk.actions += desk.link.opened(desk.now, "poll")
    desk.hear(recovery(A, epoch="", version=1)).later(140_000)
    assert (desk.link.status.phase, desk.link.status.transport) == ("live", "poll")
