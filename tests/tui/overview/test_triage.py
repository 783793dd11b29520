"""What an agent wants of the reader, and who comes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.overview.conftest import HOUR, MINUTE, NOW, SECOND, build

from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.tui.overview.triage import NEEDS, build_stamp, need, precedence, since


@pytest.mark.parametrize(
    ("wanted", "kind", "ago", "more"),
    [
        ("waits", "waiting-person", 3 * HOUR, {}),
        ("working", "working", 10 * SECOND, {}),
        ("machine", "waiting-machine", 3 * HOUR, {}),
        ("idle", "idle", 10 * MINUTE, {}),
        ("ended", "idle", 2 * HOUR, {}),
        ("idle", "idle", 2 * HOUR, {"activity": Activity("idle", NOW - 2 * HOUR, source="registry")}),
        ("ended", "idle", 25 * HOUR, {"activity": Activity("idle", NOW - 25 * HOUR, source="registry")}),
        ("ended", "ended", MINUTE, {}),
        ("failed", "ended", MINUTE, {"status": "failed", "ended_at": NOW - MINUTE}),
        ("failed", "idle", MINUTE, {"status": "failed", "ended_at": NOW - MINUTE}),
        ("ended", "ended", 0, {"status": "failed", "ended_at": NOW - 25 * HOUR}),
        ("ended", "ended", MINUTE, {"status": "interrupted", "ended_at": NOW - MINUTE}),
        ("ended", "working", MINUTE, {"damaged": "unreadable"}),
    ],
)
def test_each_way_to_stand_wants_one_thing(wanted, kind, ago, more):
    assert need(build("app", kind, ago, **more), NOW, is_seen=False) == wanted


@pytest.mark.parametrize(("kind", "wanted"), [("idle", "idle"), ("ended", "ended")])
def test_a_failure_that_was_looked_at_calls_no_longer(kind, wanted):
    failed = build("app", kind, MINUTE, status="failed", ended_at=NOW - MINUTE)
    assert need(failed, NOW, is_seen=True) == wanted


@pytest.mark.parametrize(
    ("stuck", "silent", "running", "p95", "calls"),
    [
        (False, 4 * MINUTE, 0, None, 0),
        (True, 5 * MINUTE, 0, None, 0),
        (False, 9 * MINUTE, 9 * MINUTE, None, 1),
        (True, 10 * MINUTE, 10 * MINUTE, None, 1),
        (False, 10 * SECOND, 20 * MINUTE, None, 1),
        (True, 59 * SECOND, 61 * SECOND, 58 * SECOND, 1),
        (False, 59 * SECOND, 59 * SECOND, 2 * SECOND, 1),
        (False, 20 * MINUTE, 20 * MINUTE, 30 * MINUTE, 1),
    ],
)
def test_quiet_is_judged_by_what_calls_of_the_kind_take(stuck, silent, running, p95, calls):
    at_it = build("app", "working", silent, now_since=NOW - running, p95_ms=p95, open_calls=calls)
    assert (need(at_it, NOW, is_seen=False) == "stuck") is stuck


def test_a_build_of_which_no_time_is_known_is_not_stuck():
    assert need(build("app", last_event_at=None, started_at=None), NOW, is_seen=False) == "working"


def test_who_waits_longest_comes_first_and_a_working_agent_keeps_its_place():
    waiting = [build(name, "waiting-person", ago) for name, ago in (("a", SECOND), ("b", HOUR), ("c", MINUTE))]
    assert [one.project_name for one in sorted(waiting, key=lambda one: precedence(one, "waits"))] == ["b", "c", "a"]
    before, after = build("a", "working", HOUR), build("a", "working", 0, now="Read x", now_since=NOW)
    assert precedence(before, "working") == precedence(after, "working")


def test_a_new_question_is_news_and_another_call_is_not():
    assert build_stamp(build("a", "waiting-person", MINUTE)) != build_stamp(build("a", "waiting-person", SECOND))
    assert build_stamp(build("a", "working", MINUTE, now="Read x")) == build_stamp(build("a", "working", SECOND))


BUILDS = st.builds(
    build,
    st.text("ab", min_size=1, max_size=3),
    st.sampled_from(["working", "waiting-person", "waiting-machine", "idle", "ended"]),
    st.integers(0, 3 * 24 * HOUR),
    status=st.sampled_from(["active", "completed", "failed", "cancelled", "interrupted"]),
    started_at=st.none() | st.integers(0, NOW),
    ended_at=st.none() | st.integers(0, NOW),
    last_event_at=st.none() | st.integers(0, NOW),
)


@given(BUILDS, st.booleans())
def test_whatever_a_server_says_of_a_build_has_a_place(one, is_seen):
    what = need(one, NOW, is_seen=is_seen)
    assert what in NEEDS
    assert precedence(one, what)[0] == NEEDS.index(what)
    assert isinstance(since(one, what), int | None)
    assert build_stamp(one)
