"""Every reconnect story, told to the link without sockets."""

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.limits import LinkLimits
from sentryvibe_tui.client.link import Hydrate, Open
from sentryvibe_tui.client.original_replica import Hydration
from sentryvibe_tui.client.reconnect import CloseLink, SendFrame
from sentryvibe_tui.client.watching import CaughtUp, Changed, LinkChanged, SignOfLife, Skipped, Snapshot
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.wire.frames import (
    AgentSign,
    Alive,
    Broken,
    Connected,
    GetState,
    Heartbeat,
    Recovery,
    Unknown,
    decode_asked,
)


def phases(desk) -> list[str]:
    return [event.status.phase for event in desk.take(LinkChanged)]


def questions(desk) -> list[GetState]:
    return [asked for send in desk.take(SendFrame) if isinstance(asked := decode_asked(send.data), GetState)]


def test_connects_takes_the_state_and_follows(make_desk, make_build) -> None:
    build = make_build().work(5)
    desk = make_desk()
    assert desk.take(Open) == [Open("shop")]
    desk.up(build.recovery(version=4), build.mark(version=4), build.batch(4))
    assert phases(desk) == ["connecting", "live"]
    assert desk.take(Snapshot) == [Snapshot(build.states[4], "hydrated")]
    assert desk.take(Changed) == [Changed(build.states[5], build.log[4])]
    assert desk.link.state == build.state
    assert not desk.take(CaughtUp)


def test_a_project_without_a_build_is_waited_for(make_desk, make_build) -> None:
    build = make_build().work(2)
    desk = make_desk().up(Recovery(None, epoch="e1"))
    assert phases(desk) == ["connecting", "waiting"]
    desk.hear(build.batch())
    assert phases(desk) == ["live"]
    assert desk.take(Snapshot) == [Snapshot(build.states[1], "hydrated")]
    assert desk.link.state == build.state


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 0, 1, 1, 2, 3, 2], [0, 2, 1, 3], [3, 2, 1, 0]])
def test_duplicates_and_reordered_entries_end_in_the_same_state(make_desk, make_build, order) -> None:
    build = make_build().work(6)
    desk = make_desk().up(build.recovery(version=2))
    desk.hear(*(build.frame([build.log[2 + index]]) for index in order))
    assert desk.link.state == build.state
    assert [change.entry.version for change in desk.take(Changed)] == [3, 4, 5, 6]


def test_a_gap_keeps_the_state_and_asks_once(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=3), build.batch(5, 6), build.batch(6, 7))
    assert desk.link.state == build.states[3]
    assert questions(desk) == [GetState("b1", 3, "e1")]
    desk.hear(build.batch(3, 5))
    assert desk.link.state == build.states[7]
    desk.later(20_000)
    assert not questions(desk)


def test_a_gap_is_asked_for_again_and_a_mute_server_is_left(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=3), build.batch(5, 6))
    for _ in range(5):
        desk.hear(build.mark()).later(4_000)
    assert len(questions(desk)) == 3
    assert desk.take(CloseLink) == [CloseLink("the server does not answer")]
    assert "retrying" in phases(desk)


def test_a_mark_finds_a_lost_last_update(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=8), build.mark(version=9))
    assert questions(desk) == [GetState("b1", 8, "e1")]
    desk.hear(build.batch(8))
    assert desk.link.state == build.state


def test_a_mark_of_another_build_finds_a_lost_start(make_desk, make_build) -> None:
    old, new = make_build().work(9), make_build("b2", "s2").work(4)
    desk = make_desk().up(old.recovery(), old.mark(), new.batch(1, 3), new.mark(version=3))
    assert desk.link.state == old.state
    assert questions(desk) == [GetState("b2", 0, "e1")]
    desk.hear(new.recovery())
    assert desk.take(Snapshot)[-1] == Snapshot(new.state, "new-build")


def test_resumes_with_what_it_knows_and_says_what_it_missed(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=4), build.mark(version=4)).later(1_000).close()
    lost_at = desk.now
    desk.take(Open)
    desk.later(1_500)
    assert desk.take(Open) == [Open("shop", "", "b1", 4, "e1")]
    desk.up(build.batch(4), build.mark())
    assert desk.take(CaughtUp) == [CaughtUp(lost_at, desk.now, 5, "replayed")]
    assert desk.link.state == build.state
    assert desk.link.status.lost_at is None


@pytest.mark.parametrize(("version", "missed", "how"), [(4, 0, "nothing missed"), (9, 5, "resynchronised")])
def test_a_snapshot_after_an_absence(make_desk, make_build, version, missed, how) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=4)).close().later(1_500)
    desk.up(build.recovery(version=version), build.mark(version=version))
    assert [(event.missed, event.how) for event in desk.take(CaughtUp)] == [(missed, how)]
    assert desk.link.state == build.states[version]


def test_without_a_mark_nothing_missed_is_said_after_a_while(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=9)).close().later(1_500).up(build.batch(8, 9)).later(3_100)
    assert [event.how for event in desk.take(CaughtUp)] == ["nothing missed"]


def test_another_epoch_replaces_the_state_whatever_its_version(make_desk, make_build) -> None:
    build, other = make_build().work(9), make_build().work(3, first=50)
    desk = make_desk().up(build.recovery()).close().later(1_500)
    desk.up(other.batch(1), epoch="e2")
    assert desk.link.state == build.state
    desk.hear(other.recovery("e2"), other.mark("e2"))
    assert desk.link.state == other.state
    assert desk.take(Snapshot)[-1].cause == "resynchronised"
    assert desk.take(CaughtUp)[0].how == "resynchronised"


def test_an_epoch_that_changes_on_the_way_is_asked_about(make_desk, make_build) -> None:
    build, other = make_build().work(9), make_build().work(3, first=50)
    desk = make_desk().up(build.recovery(), other.mark("e2"))
    assert questions(desk) == [GetState("b1", 0, "e2")]
    desk.hear(other.recovery("e2"))
    assert desk.link.state == other.state


def test_a_new_build_replaces_the_old_one_and_late_frames_of_the_old_are_ignored(make_desk, make_build) -> None:
    old, new = make_build().work(9), make_build("b2", "s2", at=2_000).work(5)
    desk = make_desk().up(old.recovery(version=7), new.batch(0, 3), old.batch(7), old.recovery(), new.batch(3))
    assert desk.link.state == new.state
    snapshots = desk.take(Snapshot)
    assert [(s.state.id, s.cause) for s in snapshots] == [("b1", "hydrated"), ("b2", "new-build")]


def test_an_older_build_that_still_runs_does_not_take_the_place_of_the_newest(make_desk, make_build) -> None:
    old, new = make_build().work(9), make_build("b2", "s2").work(5)
    desk = make_desk().up(new.recovery(), new.mark(), old.batch(6), old.recovery(), new.mark())
    assert desk.link.state == new.state
    assert not questions(desk)


def test_a_build_told_of_the_past_takes_no_ones_place(make_desk, make_build) -> None:
    live, spring = make_build(at=9_000).work(4), make_build("b2", "s2", at=1_000).work(5)
    desk = make_desk().up(live.recovery(), live.mark(), spring.batch(), live.mark())
    assert desk.link.state == live.state
    live.add(BuildEnded("completed"))
    desk.hear(live.batch(4), spring.mark())
    assert questions(desk) == [GetState("b2", 0, "e1")]
    desk.hear(spring.recovery())
    assert desk.link.state == spring.state


def test_of_two_builds_that_go_on_the_one_that_is_shown_stays_and_loses_nothing(make_desk, make_build) -> None:
    one, two = make_build().work(4), make_build("b2", "s2", at=2_000).work(5)
    desk = make_desk().up(one.recovery(), one.mark(), two.batch(0, 4))
    desk.hear(replace(one.mark(), others={"b2": 4}))
    assert desk.link.state == two.states[4]
    assert not questions(desk)
    desk.hear(replace(one.mark(), others={"b2": 5}))
    assert questions(desk) == [GetState("b2", 4, "e1")]
    two.add(BuildEnded("completed"))
    desk.hear(two.batch(4), one.mark())
    assert questions(desk) == [GetState("b1", 0, "e1")]


def test_a_watcher_that_keeps_its_build_is_led_to_no_other(make_desk, make_build) -> None:
    ours, other = make_build().work(4), make_build("b2", "s2", at=9_000).work(5)
    desk = make_desk(keeps=True).up(ours.recovery(version=3), other.batch(), other.recovery())
    desk.hear(replace(other.mark(), others={"b1": 3}))
    assert desk.link.state == ours.states[3]
    assert not questions(desk)
    desk.hear(replace(other.mark(), others={"b1": 4})).later(1_000)
    assert questions(desk) == [GetState("b1", 3, "e1")]
    desk.close().later(1_500).up(ours.batch(3), other.recovery())
    desk.hear(replace(other.mark(), others={"b1": 4}))
    assert desk.link.state == ours.state
    ours.add(BuildEnded("completed"))
    desk.hear(other.mark())
    assert questions(desk) == [GetState("b1", 0, "e1")]
    desk.hear(ours.recovery(), other.mark())
    assert desk.link.state == ours.state
    assert not questions(desk)
    again = make_build("b1", at=99_000).work(2)
    desk.close().later(2_500).up(again.recovery("e2"), again.mark("e2"), epoch="e2")
    assert desk.link.state == again.state


def test_a_pinned_session_hears_no_other(make_desk, make_build) -> None:
    ours, other = make_build().work(4), make_build("b2", "s2").work(5)
    desk = make_desk(session="s1").up(ours.recovery(), other.batch(), other.recovery())
    assert desk.link.state == ours.state
    assert desk.take(Open) == [Open("shop", "s1")]


def test_a_stale_state_never_replaces_a_newer_one(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(), build.recovery(version=3))
    assert desk.link.state == build.state
    assert len(desk.take(Snapshot)) == 1


def test_ten_attempts_then_gave_up_and_a_key_tries_again(make_desk) -> None:
    desk = make_desk()
    waits = []
    for _ in range(10):
        desk.fail(reason="connection refused")
        waits.append(desk.link.status.retry_at - desk.now)
        desk.later(waits[-1])
    assert waits == [1500, 2500, 4500, 8500, 16500, *[30500] * 5]
    assert [e.status.attempt for e in desk.take(LinkChanged) if e.status.phase == "retrying"] == list(range(1, 11))
    desk.fail(reason="connection refused")
    assert phases(desk) == ["gave-up"]
    desk.take(Open)
    assert desk.later(10**7).take(Open) == []
    desk.did(desk.link.retry_now(desk.now))
    assert len(desk.take(Open)) == 1
    desk.fail()
    assert desk.link.status.attempt == 1


def test_a_quiet_probe_brings_the_link_back(make_desk, make_build) -> None:
    build = make_build().work(3)
    desk = make_desk(probe=True)
    while desk.link.status.phase != "gave-up":
        desk.fail().later((desk.link.status.retry_at or desk.now) - desk.now)
    phases(desk), desk.take(Open)
    for _ in range(3):
        desk.later(60_000).fail()
    assert phases(desk) == []
    assert len(desk.take(Open)) == 3
    desk.later(60_000).up(build.recovery())
    assert phases(desk)[-1] == "live"


def test_a_retry_says_that_it_connects(make_desk) -> None:
    desk = make_desk().fail()
    desk.take(LinkChanged)
    desk.take(Open)
    desk.later(desk.link.status.retry_at - desk.now)
    (said,) = desk.take(LinkChanged)
    assert (said.status.phase, said.status.retry_at, said.status.attempt) == ("connecting", None, 1)
    assert len(desk.take(Open)) == 1


def test_retry_now_does_not_wait_for_the_countdown(make_desk) -> None:
    desk = make_desk().fail()
    desk.take(Open)
    desk.did(desk.link.retry_now(desk.now))
    assert len(desk.take(Open)) == 1
    assert desk.link.status.phase == "connecting"
    desk.did(desk.link.retry_now(desk.now))
    assert desk.take(Open) == []


def test_accept_then_close_does_not_reset_the_count(make_desk) -> None:
    desk = make_desk()
    for attempt in range(1, 6):
        desk.up(Recovery(None, epoch="e1")).later(4_000).close()
        assert desk.link.status.attempt == attempt
        desk.later(desk.link.status.retry_at - desk.now)
    desk.up(Recovery(None, epoch="e1"))
    for _ in range(3):
        desk.hear(Heartbeat("e1")).later(2_000)
    desk.close()
    assert desk.link.status.attempt == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_final_answers_end_the_trying(make_desk, status) -> None:
    desk = make_desk().fail(status, "no")
    assert desk.link.status.phase == "refused"
    assert desk.link.next_deadline() is None


@pytest.mark.parametrize("code", [4401, 4403, 4404])
def test_final_close_codes(make_desk, code) -> None:
    assert make_desk().up().close(code).link.status.phase == "refused"


def test_a_missing_project_is_looked_for_again_where_waiting_is_wanted(make_desk) -> None:
    desk = make_desk(wait=True).fail(404, "no such project")
    assert desk.link.status.phase == "waiting"
    desk.take(Open)
    assert len(desk.later(20_000).fail(404).later(2_000).take(Open)) == 2


@pytest.mark.parametrize("code", [1012, 1013, 4408, 1006, 1000])
def test_other_closes_are_retried_and_a_wish_to_wait_is_honoured(make_desk, make_build, code) -> None:
    desk = make_desk().up(make_build().work(2).recovery()).close(code, retry_after=9_000)
    assert desk.link.status.phase == "retrying"
    assert desk.link.status.retry_at == desk.now + 9_000
    assert desk.link.status.reason


def test_a_silent_link_is_nudged_and_then_given_up_for_dead(make_desk, make_build) -> None:
    desk = make_desk().up(make_build().work(2).recovery())
    desk.take(SendFrame)
    assert len(desk.later(5_100).take(SendFrame)) == 1
    assert desk.later(7_000).take(CloseLink) == []
    assert desk.later(500).take(CloseLink) == [CloseLink("nothing heard for 12 s")]
    assert desk.link.status.phase == "retrying"
    assert desk.link.status.lost_at == desk.link.status.retry_at - 1_500


def test_pongs_keep_a_quiet_link_alive(make_desk, make_build) -> None:
    desk = make_desk().up(make_build().work(2).recovery())
    for _ in range(20):
        desk.later(4_900).did(desk.link.heard(desk.now, 12.5))
    assert desk.link.status.phase == "live"
    assert desk.link.status.rtt_ms == 12.5


def test_a_large_answer_over_a_slow_way_is_waited_for_and_the_server_hears_of_it(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up()
    desk.take(SendFrame)
    for _ in range(100):
        desk.later(900).did(desk.link.arriving(desk.now))
    assert desk.link.status.phase == "connecting"
    said = [decode_asked(send.data) for send in desk.take(SendFrame)]
    assert said == [Alive()] * len(said)
    assert 15 <= len(said) <= 18
    desk.hear(build.recovery())
    assert desk.link.status.phase == "live"


def test_a_large_answer_that_stops_on_its_way_is_given_up(make_desk) -> None:
    desk = make_desk().up()
    desk.did(desk.link.arriving(desk.now))
    assert desk.later(12_400).take(CloseLink) == []
    assert desk.later(200).take(CloseLink)


def test_a_link_without_a_first_frame_is_not_healthy(make_desk) -> None:
    desk = make_desk()
    desk.did(desk.link.opened(desk.now)).later(10_000)
    assert desk.link.status.phase == "retrying"


def test_signs_of_life_and_unknown_frames_are_told(make_desk) -> None:
    desk = make_desk().up(Heartbeat("e1", watchers=3, agent=AgentSign(77, 5)), Unknown("weather"))
    assert desk.take(SignOfLife) == [SignOfLife(3, 77, 5)]
    assert desk.take(Skipped)[0].reason == "a frame of type 'weather'"


def test_frames_after_the_end_of_a_link_are_not_heard(make_desk, make_build) -> None:
    desk = make_desk().up().close().hear(make_build().work(3).recovery())
    assert desk.link.state == BuildState()


def test_an_original_server_is_hydrated_on_every_connect(make_desk) -> None:
    desk = make_desk().up(protocol=1)
    assert desk.take(Hydrate) == [Hydrate()]
    desk.did(desk.link.hydrated(Hydration(None), desk.now)).close().later(1_500).up(protocol=1)
    assert desk.take(Hydrate) == [Hydrate()]
    assert desk.link.status.phase != "live"


def test_a_failed_hydration_is_tried_again_and_holds_nothing_back(make_desk) -> None:
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrate_failed("HTTP 500", desk.now))
    desk.take(Hydrate)
    assert desk.later(5_000).take(Hydrate) == [Hydrate()]


def test_a_mark_below_what_is_known_tells_that_the_log_was_set_back(make_desk, make_build) -> None:
    """A backup that was restored, with its epoch: what came after it is gone, and its numbers are given anew."""
    build, other = make_build().work(9), make_build().work(4).work(9, first=50)
    desk = make_desk().up(build.recovery()).close().later(1_500)
    desk.up(other.recovery(version=4), other.mark(version=4))
    assert questions(desk) == [GetState("b1", 0, "e1")]
    assert not desk.take(CaughtUp)
    desk.hear(other.recovery(version=4), other.mark(version=4))
    assert desk.link.state == other.states[4]
    assert [(event.missed, event.how) for event in desk.take(CaughtUp)] == [(4, "resynchronised")]
    desk.hear(other.batch(4))
    assert desk.link.state == other.state


def test_a_build_that_begins_again_in_an_empty_log_is_not_taken_for_repeats(make_desk, make_build) -> None:
    build, again = make_build().work(9), make_build().work(5, first=50)
    desk = make_desk().up(build.recovery()).close().later(1_500).up(Recovery(None, epoch="e2"), epoch="e2")
    assert desk.link.state == build.state
    assert not questions(desk)
    desk.hear(again.batch(0, 3), again.mark("e2", 3), again.batch(3))
    assert desk.link.state == again.state


def test_a_first_entry_lost_in_an_empty_log_is_asked_for(make_desk, make_build) -> None:
    build, again = make_build().work(9), make_build().work(5, first=50)
    desk = make_desk().up(build.recovery()).close().later(1_500).up(Recovery(None, epoch="e2"), epoch="e2")
    desk.hear(again.batch(1, 3), again.mark("e2", 3))
    assert questions(desk) == [GetState("b1", 0, "e2")]
    desk.hear(again.recovery("e2"))
    assert desk.link.state == again.state


def test_a_state_of_another_log_is_no_place_to_resume_from(make_desk, make_build) -> None:
    desk = make_desk().up(make_build().work(9).recovery()).close().later(1_500)
    desk.up(epoch="e2").close().take(Open)
    assert desk.later(2_500).take(Open) == [Open("shop")]


def test_a_probe_leaves_a_server_alone_as_long_as_it_asked_for(make_desk) -> None:
    desk = make_desk(probe=True)
    while desk.fail(retry_after=100_000).link.status.phase != "gave-up":
        desk.later(desk.link.status.retry_at - desk.now)
    desk.take(Open)
    assert desk.later(99_000).take(Open) == []
    assert len(desk.later(1_000).take(Open)) == 1


def test_another_build_is_asked_for_at_once_and_as_often(make_desk, make_build) -> None:
    old, new = make_build().work(9), make_build("b2", "s2").work(9)
    desk = make_desk().up(old.recovery(version=3), old.batch(5, 6)).later(4_000)
    desk.hear(old.mark()).later(2_000).hear(old.mark())
    assert questions(desk) == [GetState("b1", 3, "e1")] * 2
    desk.hear(new.mark())
    assert questions(desk) == [GetState("b2", 0, "e1")]
    for _ in range(5):
        desk.later(4_000).hear(new.mark())
    assert questions(desk) == [GetState("b2", 0, "e1")] * 2
    assert desk.take(CloseLink) == [CloseLink("the server does not answer")]


def test_an_answer_over_http_that_comes_after_the_end_of_its_link_is_not_heard(
    make_desk, make_build, make_answer
) -> None:
    desk = make_desk().up(protocol=1).close()
    desk.did(desk.link.hydrated(make_answer(make_build().work(3).state), desk.now))
    assert desk.link.state == BuildState()


def test_a_key_after_a_refusal_begins_a_new_row_of_attempts(make_desk) -> None:
    desk = make_desk()
    for _ in range(4):
        desk.fail().later(60_000)
    desk.fail(403)
    desk.did(desk.link.retry_now(desk.now)).fail()
    assert desk.link.status.attempt == 1


def test_more_entries_of_another_log_are_no_replay(make_desk, make_build) -> None:
    build, other = make_build().work(4), make_build().work(9, first=50)
    desk = make_desk().up(build.recovery()).close().later(1_500)
    desk.up(other.recovery("e2"), other.mark("e2"), epoch="e2")
    assert [(event.missed, event.how) for event in desk.take(CaughtUp)] == [(9, "resynchronised")]


def test_an_original_server_may_be_silent_for_longer(make_desk) -> None:
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(None), desk.now)).take(SendFrame)
    assert desk.later(29_000).take(SendFrame) == []
    assert len(desk.later(1_500).take(SendFrame)) == 1
    assert desk.later(44_000).take(CloseLink) == []
    assert desk.later(1_000).take(CloseLink) == [CloseLink("nothing heard for 75 s")]


def test_an_event_stream_is_only_listened_to_and_may_be_silent_for_longer(make_desk, make_build) -> None:
    build = make_build().work(4)
    desk = make_desk()
    desk.did(desk.link.opened(desk.now, "sse")).hear(Connected("e1", 2), build.recovery(), build.mark())
    assert desk.later(37_000).take(CloseLink) == []
    assert desk.later(1_000).take(CloseLink) == [CloseLink("nothing heard for 37 s")]
    assert not desk.take(SendFrame)


def test_what_one_absence_took_says_nothing_of_the_next(make_desk, make_build) -> None:
    build = make_build().work(9)
    desk = make_desk().up(build.recovery(version=2), build.mark(version=2)).close().later(1_500)
    desk.up(build.recovery(version=5), build.mark(version=5)).later(1_000).close().later(60_000)
    desk.up(build.batch(5), build.mark())
    assert [(event.missed, event.how) for event in desk.take(CaughtUp)] == [(3, "resynchronised"), (4, "replayed")]


def test_the_first_entry_of_the_first_build_lost_is_asked_for_without_a_mark(make_desk, make_build) -> None:
    build = make_build().work(5)
    desk = make_desk().up(Recovery(None, epoch="e1"), build.batch(1, 3))
    assert questions(desk) == [GetState("b1", 0, "e1")]
    desk.hear(build.batch())
    assert desk.link.state == build.state


def test_few_of_many_entries_above_a_gap_are_kept_and_the_rest_comes_again(make_desk, make_build) -> None:
    build = make_build().work(20)
    desk = make_desk(limits=LinkLimits(entries_ahead=2)).up(build.recovery(version=3), build.batch(5))
    assert len(desk.link.replica._ahead) == 2
    desk.hear(build.batch(3, 5)).later(5_000)
    assert questions(desk) == [GetState("b1", 3, "e1"), GetState("b1", 7, "e1")]
    desk.hear(build.batch(7))
    assert desk.link.state == build.state


def test_a_build_that_was_replaced_comes_back_when_asked_for(make_desk, make_build) -> None:
    old, new = make_build().work(5), make_build("b2", "s2", at=2_000).work(5).add(BuildEnded("completed"))
    desk = make_desk().up(old.recovery(version=3), new.batch(), old.batch())
    assert desk.link.state == new.state
    desk.hear(old.mark(), old.recovery())
    assert questions(desk) == [GetState("b1", 0, "e1")]
    assert desk.link.state == old.state


def test_a_build_that_was_replaced_comes_back_as_the_first_word_of_a_connection(make_desk, make_build) -> None:
    old, new = make_build().work(5), make_build("b2", "s2").work(5)
    desk = make_desk().up(old.recovery(version=3), new.batch()).close().later(1_500).up(old.batch())
    assert desk.link.state == old.state


def test_what_was_replaced_in_one_log_is_new_in_another(make_desk, make_build) -> None:
    old, new = make_build().work(5), make_build("b2", "s2", at=2_000).work(5)
    again = make_build(at=9_000).work(5)
    desk = make_desk().up(old.recovery(version=3), new.batch()).close().later(1_500)
    desk.up(new.recovery("e2"), new.mark("e2"), again.batch(), epoch="e2")
    assert desk.link.state == again.state


@pytest.mark.parametrize("whole", [False, True])
def test_the_time_of_the_last_entry_is_told_when_there_was_one(make_desk, make_build, whole) -> None:
    build = make_build().work(6)
    desk = make_desk().up(Recovery(None, epoch="e1"), build.batch(0, 1))
    if whole:
        desk.hear(build.recovery())
    desk.take(Open)
    desk.close().later(1_500)
    version, at = (6, None) if whole else (1, build.log[0].at)
    assert desk.take(Open) == [Open("shop", "", "b1", version, "e1", at)]


def test_a_project_keeps_its_name_when_a_whole_state_lacks_it(make_desk, make_build) -> None:
    old, new = make_build().work(5), make_build("b2", "s2").work(5)
    state = replace(new.state, agent=replace(new.state.agent, project_name=""))
    desk = make_desk().up(old.recovery(), Heartbeat("e1", "b2", 5), replace(new.recovery(), state=state))
    assert desk.link.state == new.state


def test_frames_held_for_an_answer_end_with_their_connection(make_desk, make_build) -> None:
    build = make_build().work(5)
    desk = make_desk().up(build.batch(), protocol=1).close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(Hydration(None), desk.now))
    assert desk.link.state == BuildState()


def test_an_original_server_names_its_newest_build_by_its_answer(make_desk, make_build, make_answer) -> None:
    old, new = make_build().work(5), make_build("b2", "s2").work(5)
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(make_answer(old.state), desk.now)).hear(new.batch(), old.batch(0, 1))
    assert desk.link.state.id == "b2"
    desk.close().later(1_500).up(protocol=1)
    desk.did(desk.link.hydrated(make_answer(old.state, "b1", "b2"), desk.now))
    assert desk.link.state.id == "b1"


def test_a_list_that_is_told_again_keeps_the_times_of_its_todos(make_desk, make_build, make_answer) -> None:
    build = make_build().work(5)
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(make_answer(build.state), desk.now)).close().later(1_500).up(protocol=1)
    again = replace(build.state, todos=tuple(replace(todo, started_at=5, ended_at=9) for todo in build.state.todos))
    desk.did(desk.link.hydrated(make_answer(again), desk.now))
    assert desk.link.state.todos == build.state.todos


def test_the_end_of_another_session_of_an_original_server_is_not_ours(make_desk, make_build, make_answer) -> None:
    desk = make_desk().up(protocol=1)
    desk.did(desk.link.hydrated(make_answer(make_build().work(5).state), desk.now))
    desk.hear(Recovery(None, "s7", "completed"))
    assert desk.link.state.is_active
    desk.hear(Recovery(None, "s1", "completed"))
    assert desk.link.state.status == "completed"


def test_a_frame_that_cannot_be_unpacked_ends_the_link_with_its_reason(make_desk, make_build) -> None:
    build = make_build().work(4)
    desk = make_desk().up(build.recovery(version=2)).hear(Broken("a broken compressed frame"))
    assert desk.take(CloseLink) == [CloseLink("a broken compressed frame")]
    assert (desk.link.status.phase, desk.link.status.reason) == ("retrying", "a broken compressed frame")
    assert desk.link.state == build.states[2]
    desk.later(10_000)
    assert desk.take(Open)[-1].since == 2
