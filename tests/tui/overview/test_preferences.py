"""What the reader set and saw, kept over overviews."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from operator import methodcaller

from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.summary import BuildKey
from sentryvibe_tui.tui.overview.preferences import MAX_MARKS, Preferences, PreferencesFile, build_name


def test_nothing_kept_and_nothing_readable_are_the_defaults(tmp_path):
    path = tmp_path / "overview.json"
    assert PreferencesFile(path).read() == Preferences()
    for rubbish in (b"", b"{", b"[]", b'{"groupBy": 3}', b'{"group_by": "moon"}', b"\xff\xfe"):
        path.write_bytes(rubbish)
        assert PreferencesFile(path).read() == Preferences()


def test_what_cannot_be_read_is_set_aside_not_written_over(tmp_path):
    path = tmp_path / "overview.json"
    path.write_bytes(b'{"group_by": "moon", "pinned": ["a"]}')
    PreferencesFile(path).change(lambda kept: kept.toggle_pin("b"))
    assert PreferencesFile(path).read().pins == ("b",)
    assert (tmp_path / "overview.json.bad").read_bytes() == b'{"group_by": "moon", "pinned": ["a"]}'


def test_a_change_is_kept_for_the_reader_alone(tmp_path):
    file = PreferencesFile(tmp_path / "state" / "overview.json")
    file.change(lambda kept: kept.toggle_pin("a").with_name("a", "the shop").with_next_grouping())
    again = PreferencesFile(tmp_path / "state" / "overview.json").read()
    assert again == Preferences("project", ("a",), (), {"a": "the shop"})
    assert stat.S_IMODE(os.stat(tmp_path / "state" / "overview.json").st_mode) == 0o600
    assert os.listdir(tmp_path / "state") == ["overview.json"]


def test_two_overviews_lose_nothing_of_each_other(tmp_path):
    one, other = (PreferencesFile(tmp_path / "overview.json") for _ in range(2))
    one.change(lambda kept: kept.toggle_pin("a"))
    other.change(lambda kept: kept.toggle_hidden("b"))
    assert one.change(lambda kept: kept.with_stamp("c", "idle")) == Preferences(
        "state", ("a",), ("b",), {}, {"c": "idle"}
    )


def test_overviews_that_change_at_the_same_time_lose_nothing(tmp_path):
    """A file handle a thread, as two programs have: each reads, changes and writes as one."""
    names = [f"b{number}" for number in range(40)]

    def pin(some: list[str]) -> None:
        file = PreferencesFile(tmp_path / "overview.json")
        for name in some:
            file.change(methodcaller("toggle_pin", name))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pin, (names[start::4] for start in range(4))))
    assert sorted(PreferencesFile(tmp_path / "overview.json").read().pins) == sorted(names)


def test_an_own_name_is_given_and_taken_back():
    named = Preferences().with_name("a", "shop").with_name("b", "blog")
    assert named.with_name("a", "").names == {"b": "blog"}


def test_old_marks_go():
    kept = Preferences()
    for number in range(MAX_MARKS + 3):
        kept = kept.with_stamp(f"b{number}", "idle")
    assert len(kept.stamps) == MAX_MARKS
    assert "b2" not in kept.stamps
    assert kept.with_stamp(f"b{MAX_MARKS}", "idle") is kept


def test_the_ways_to_group_come_round():
    kept = Preferences()
    ways = [kept, *(kept := kept.with_next_grouping() for _ in range(4))]
    assert [one.group_by for one in ways] == ["state", "project", "agent", "host", "state"]


NAMES = st.sampled_from("abc")


@given(st.lists(st.tuples(st.sampled_from(["toggle_pin", "toggle_hidden"]), NAMES)))
def test_twice_is_as_before(steps):
    kept = Preferences()
    for step, name in steps:
        twice = getattr(getattr(kept, step)(name), step)(name)
        assert (set(twice.pins), set(twice.hidden)) == (set(kept.pins), set(kept.hidden))
        kept = getattr(kept, step)(name)
        assert len(set(kept.pins)) == len(kept.pins)


def test_builds_have_names_of_their_own():
    assert build_name(BuildKey("a", "b", "c")) != build_name(BuildKey("a", "b\nc", ""))
