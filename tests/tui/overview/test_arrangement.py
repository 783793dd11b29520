"""Which rows stand where, and that nothing jumps under the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.tui.overview.conftest import HOUR, MIDNIGHT, MINUTE, NOW, SECOND, row

from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.tui.overview.arrangement import Fold, Heading, ListOptions, landmarks_of, stable_slots
from sentryvibe_tui.tui.overview.preferences import Preferences, build_name
from sentryvibe_tui.tui.overview.roster import REST_MILLIS, Roster
from sentryvibe_tui.tui.overview.triage import RowKey, build_stamp

FLEET = (
    row("blog", "working", 7 * MINUTE),
    row("done", "ended", HOUR),
    row("shop", "waiting-person", 4 * MINUTE),
    row("infra", "waiting-machine", MINUTE),
    row("api", "ended", MINUTE, status="failed", ended_at=NOW - MINUTE),
    row("old", "ended", 20 * HOUR),
    row("scripts", "idle", 18 * MINUTE),
    row("mobile", "working", SECOND, agent_id="codex"),
    row("landing", "waiting-person", 30 * SECOND, host="box", agent_id="codex"),
)


PLAIN, AS_USUAL = ListOptions(), Preferences()


def at(rows=FLEET, preferences=AS_USUAL, options=PLAIN):
    roster = Roster(preferences, options, NOW, MIDNIGHT)
    for one in rows:
        roster.put(one)
    roster.settle(NOW)
    return roster


def lines(roster, slots=None) -> list[str]:
    """The list as a reader sees it: headings in capitals, projects, the fold."""
    texts = []
    for slot in roster.slots if slots is None else slots:
        if isinstance(slot, Heading):
            texts.append(f"{slot.title} {slot.rows}")
        elif isinstance(slot, Fold):
            texts.append(f"+{slot.today}+{slot.before}")
        else:
            texts.append(roster.visible[slot].row.build.project_name)
    return texts


def test_the_groups_stand_in_the_order_of_who_needs_the_reader():
    assert lines(at()) == [
        *("WAITS FOR YOU 2", "shop", "landing"),
        *("FAILED 1", "api"),
        *("STUCK 1", "blog"),
        *("WORKING 1", "mobile"),
        *("WAITS FOR A MACHINE 1", "infra"),
        *("IDLE 1", "scripts"),
        "+1+1",
    ]


def test_the_fold_opens_and_a_filter_opens_it_by_itself():
    assert lines(at(options=ListOptions(is_unfolded=True)))[-3:] == ["+1+1", "done", "old"]
    assert lines(at(options=ListOptions(needle="old"))) == ["+0+1", "old"]


def test_every_word_of_a_filter_must_be_there_wherever_it_stands():
    assert lines(at(options=ListOptions(needle="CODEX question"))) == []
    assert lines(at(options=ListOptions(needle="codex permission"))) == ["WAITS FOR YOU 1", "landing"]
    assert lines(at(options=ListOptions(needle="machine"))) == ["WAITS FOR A MACHINE 1", "infra"]


def test_groups_of_projects_agents_and_hosts_begin_with_the_most_urgent():
    agents = at(preferences=Preferences(group_by="agent"))
    assert [line for line in lines(agents) if line[-1].isdigit()][:2] == ["claude-code 5", "codex 2"]
    hosts = at(preferences=Preferences(group_by="host"))
    assert lines(hosts)[:2] == ["box 1", "landing"]


def test_pinned_rows_stand_on_top_and_never_fold():
    pinned = Preferences(pins=(build_name(FLEET[1].build.key),))
    assert lines(at(preferences=pinned))[:3] == ["PINNED 1", "done", "WAITS FOR YOU 2"]


def test_hidden_rows_are_counted_and_shown_on_request():
    hidden = Preferences(hidden=(build_name(FLEET[2].build.key),))
    assert "shop" not in lines(at(preferences=hidden))
    assert at(preferences=hidden).hidden_count == 1
    assert "shop" in lines(at(preferences=hidden, options=ListOptions(shows_hidden=True)))


def test_without_room_there_are_no_headings():
    assert lines(at(options=ListOptions(has_headings=False)))[:3] == ["shop", "landing", "api"]


def test_unread_is_what_changed_since_the_reader_looked():
    working, waiting = FLEET[7], FLEET[2]
    seen = Preferences().with_stamp(build_name(working.build.key), build_stamp(working.build))
    idle = row("mobile", "idle", SECOND, agent_id="codex")
    assert not at((working,), seen).visible[working.key].is_unread
    assert at((idle,), seen).visible[working.key].is_unread
    assert at((waiting,)).visible[waiting.key].is_unread, "a question that nobody saw"
    roster = at((working,))
    assert not roster.visible[working.key].is_unread, "an agent at work is no news by itself"
    roster.put(idle)
    assert roster.visible[working.key].is_unread, "its turn ended while this screen was open"


def test_a_row_that_changes_its_group_stays_where_it_is_while_the_reader_is_at_the_keys():
    roster = at()
    before = lines(roster)
    roster.touch(NOW)
    roster.put(row("shop", "working", 0))
    changes = roster.settle(NOW + REST_MILLIS - 1)
    assert lines(roster) == before
    assert changes.rows == {FLEET[2].key}
    assert roster.settle(NOW + REST_MILLIS).slots
    assert lines(roster)[:2] == ["WAITS FOR YOU 1", "landing"]


def test_a_new_row_joins_its_group_at_once_and_a_gone_one_leaves():
    roster = at()
    roster.touch(NOW)
    roster.remove(FLEET[4].key)
    roster.put(row("new", "waiting-person", SECOND))
    assert roster.settle(NOW).slots
    assert lines(roster)[:5] == ["WAITS FOR YOU 3", "shop", "landing", "new", "STUCK 1"]


def test_a_filter_a_fold_and_a_pin_do_not_wait_for_the_readers_hands():
    roster = at()
    roster.touch(NOW)
    roster.set_options(ListOptions(needle="shop"))
    roster.settle(NOW)
    assert lines(roster) == ["WAITS FOR YOU 1", "shop"]
    roster.set_preferences(Preferences(pins=(build_name(FLEET[2].build.key),)))
    roster.settle(NOW)
    assert lines(roster) == ["PINNED 1", "shop"]


def test_an_agent_that_only_goes_on_changes_its_row_and_no_order():
    roster = at()
    roster.put(row("mobile", "working", 0, agent_id="codex", now="Read README.md", now_since=NOW))
    changes = roster.settle(NOW)
    assert not changes.slots
    assert changes.rows == {FLEET[7].key}
    assert not roster.settle(NOW).rows


def test_silence_makes_an_agent_stuck_without_any_news():
    roster = at()
    roster.tick(NOW + 5 * MINUTE, MIDNIGHT)
    roster.settle(NOW + 5 * MINUTE)
    assert lines(roster)[5:8] == ["STUCK 2", "blog", "mobile"]


def test_a_server_that_comes_back_takes_away_what_it_no_longer_has():
    roster = at()
    roster.replace_server("http://here", [FLEET[0]])
    roster.settle(NOW)
    assert lines(roster) == ["WAITS FOR YOU 1", "landing", "STUCK 1", "blog"]


def test_the_next_that_waits_goes_round():
    roster = at()
    first, second = 1, 2
    waiting = [roster.landmarks.next_waiting(after) for after in (0, first, second, 8)]
    assert waiting == [first, second, first, first]
    assert landmarks_of(roster.slots[3:], roster.visible).next_waiting(0) is None


KINDS = ("working", "waiting-person", "waiting-machine", "idle", "ended")
ROWS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.tuples(st.sampled_from(KINDS), st.integers(0, HOUR)), max_size=8
).map(lambda many: [row(name, kind, ago) for name, (kind, ago) in many.items()])
VIEWS = st.builds(ListOptions, st.sampled_from(["", "a", "edit"]), st.booleans(), st.booleans(), st.booleans())


@given(ROWS, VIEWS, st.sampled_from(["state", "project", "agent", "host"]))
def test_every_row_stands_once_or_is_folded(rows, view, by):
    roster = at(rows, Preferences(group_by=by), view)
    keys = [slot for slot in roster.slots if isinstance(slot, RowKey)]
    folded = [slot for slot in roster.slots if isinstance(slot, Fold)]
    assert len(keys) == len(set(keys))
    ended = [one for one in roster.visible.values() if one.need == "ended"]
    assert len(keys) == len(roster.visible) - (0 if not folded or folded[0].is_open else len(ended))
    assert sum(slot.rows for slot in roster.slots if isinstance(slot, Heading)) == (
        len(roster.visible) - len(ended) if view.has_headings else 0
    )
    assert sum(fold.today + fold.before for fold in folded) == len(ended)


@given(ROWS, ROWS, VIEWS)
def test_held_rows_keep_their_order_and_none_is_lost(rows, later, view):
    view = replace(view, needle="")
    before, now = at(rows, options=view), at(later, options=view)
    kept = stable_slots(before.slots, now.slots, now.visible)
    stand = [slot for slot in kept if isinstance(slot, RowKey)]
    old = [slot for slot in before.slots if isinstance(slot, RowKey) and slot in now.visible]
    assert [slot for slot in stand if slot in old] == old
    assert len(stand) == len(set(stand))
    assert {slot for slot in now.slots if isinstance(slot, RowKey)} <= set(stand) <= set(now.visible)
    assert len([slot for slot in kept if isinstance(slot, Fold)]) == len([s for s in now.slots if isinstance(s, Fold)])


@given(ROWS, ROWS, ROWS)
def test_what_a_roster_shows_after_changes_is_what_it_shows_from_the_start(first, second, third):
    roster = at(first)
    for rows in (second, third):
        roster.replace_server("http://here", rows)
        roster.settle(NOW)
    fresh = at(third)
    assert [slot for slot in roster.slots if isinstance(slot, RowKey)] == [
        slot for slot in fresh.slots if isinstance(slot, RowKey)
    ]
    assert roster.slots == fresh.slots
    assert roster.counts() == fresh.counts()
    assert roster.landmarks == landmarks_of(fresh.slots, fresh.visible)


@given(ROWS, ROWS, st.sets(st.sampled_from("abcdefgh")), st.sampled_from([0, 20 * MINUTE, 24 * HOUR]))
def test_counts_are_the_sum_of_what_is_not_hidden_whatever_changed(first, later, hidden, passed):
    costs = [replace(one, build=replace(one.build, cost_usd=0.1 * at, cost_estimated=at == 7))
             for at, one in enumerate(later)]  # fmt: skip
    roster = at(first)
    roster.set_preferences(Preferences(hidden=tuple(build_name(row(name, "idle", 0).build.key) for name in hidden)))
    for one in (*costs, *costs[::2]):
        roster.put(one)
    for one in first[:2]:
        roster.remove(one.key)
    roster.tick(NOW + passed, MIDNIGHT + passed)
    counted = [one for one in roster.entries.values() if one.row.build.project_name not in hidden]
    today = [one for one in counted if one.row.build.last_event_at >= MIDNIGHT + passed]
    counts = roster.counts()
    assert counts.agents == sum(one.need != "ended" for one in counted)
    assert counts.waits == sum(one.need == "waits" for one in counted)
    assert counts.ended == sum(one.need == "ended" for one in today)
    assert counts.cost_usd == pytest.approx(sum(one.row.build.cost_usd or 0 for one in today), abs=1e-8)
    assert counts.is_estimated == any(one.row.build.cost_estimated for one in today)


@given(ROWS, VIEWS, st.integers(0, 16), st.integers(0, 16))
def test_what_stands_between_two_places(rows, view, begin, end):
    roster = at(rows, options=view)
    there = [slot for slot in roster.slots[begin:end] if not isinstance(slot, Heading)]
    waiting = [slot for slot in there if isinstance(slot, RowKey) and roster.visible[slot].need == "waits"]
    end = min(end, len(roster.slots))
    assert roster.landmarks.between(min(begin, end), end) == (len(there), len(waiting))


@given(ROWS, st.integers(0, 26 * HOUR))
def test_time_alone_puts_every_row_where_it_belongs_then(rows, later):
    roster = at(rows)
    roster.tick(NOW + later, MIDNIGHT)
    roster.settle(NOW + later + REST_MILLIS)
    fresh = Roster(AS_USUAL, PLAIN, NOW + later, MIDNIGHT)
    for one in rows:
        fresh.put(one)
    fresh.settle(NOW + later + REST_MILLIS)
    assert roster.slots == fresh.slots
    assert {key: one.need for key, one in roster.entries.items()} == {
        key: one.need for key, one in fresh.entries.items()
    }


def test_an_agent_that_was_closed_before_it_was_asked_for_anything_has_no_row() -> None:
    began = row("app", "idle", status="active", ended_at=None, now="")
    closed = replace(began, build=replace(began.build, status="interrupted", activity=Activity("ended", NOW)))
    roster = at((began,))
    assert list(roster.visible) == [began.key]
    roster.put(closed)
    roster.settle(NOW)
    assert not roster.visible
    assert roster.counts().ended == 0
    for something in (
        {"title": "go"},
        {"now": "hello"},
        {"tools": 1},
        {"input_tokens": 0},
        {"status": "failed", "error": "no"},
    ):
        roster.put(replace(closed, build=replace(closed.build, **something)))
        assert list(roster.rows) == [began.key]
        roster.put(closed)
