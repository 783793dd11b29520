"""Which columns there is room for, and that no state is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.overview.conftest import HOUR, MINUTE, NOW, SECOND, row

from sentryvibe_tui.model.summary import OpenRequest
from sentryvibe_tui.report.words import ASCII, UNICODE
from sentryvibe_tui.tui.context import RenderContext
from sentryvibe_tui.tui.lines import length, line_text
from sentryvibe_tui.tui.overview.arrangement import entry_of
from sentryvibe_tui.tui.overview.columns import (
    BEFORE_WHAT,
    OPTIONAL,
    extents_of,
    fit_columns,
    head_line,
    row_line,
)
from sentryvibe_tui.tui.overview.preferences import Preferences
from sentryvibe_tui.tui.overview.words import STATE_WIDTH, state_word, what_words

ALL = {column.name: column.width for column in OPTIONAL} | {"project": 22}
"""Every column says something, as long as it may be."""
ROWS = (
    row("shop", "waiting-person", 4 * MINUTE, todos_done=3, todos_total=8, tools=41, errors=1, cost_usd=1.12),
    row("漢字のプロジェクト名がとても長い", "working", SECOND, now="Edit " + "路" * 90),
    row("api", "ended", MINUTE, status="failed", ended_at=NOW - MINUTE, error="API Error: 529 overloaded"),
    row("blog", "working", 7 * MINUTE, model="claude-sonnet-4-5", context_percent=100.0, branch="feature/x"),
    row("gone", "ended", HOUR, status="interrupted", title="A title", cost_usd=123.4, cost_estimated=True),
    row("infra", "waiting-machine", 3 * HOUR, input_tokens=812_000, output_tokens=41_000, tools=123_456, errors=999),
    row("bad", "ended", HOUR, damaged="cannot be read"),
)
CONTEXT = RenderContext(lambda: NOW)
PLACED = {one.key: entry_of(one, Preferences(), "", NOW) for one in ROWS}


def some(*names: str):
    return {name: ALL[name] for name in (*names, "project")}


def names(width: int, told=ALL) -> list[str]:
    them = fit_columns(width, told)
    return [column.name for column in (*them.first, *them.last)]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (40, ["mark", "since", "project"]),
        (60, ["mark", "since", "project"]),
        (80, ["state", "since", "agent", "project"]),
        (120, ["state", "since", "agent", "project", "todos", "tools", "context", "cost"]),
    ],
)
def test_what_matters_stays(width, wanted):
    assert names(width, some(*(ALL.keys() - {"host", "project"}))) == wanted


def test_at_80_columns_there_are_the_agent_and_the_host_of_several():
    """Names as people have them: a column needs no more than its longest."""
    short = ALL | {"project": 7, "host": 5, "agent": 8}
    assert names(78, short) == ["state", "since", "agent", "host", "project"]
    del short["host"]
    assert names(78, short) == ["state", "since", "agent", "project", "cost"]


def test_a_column_of_names_is_as_wide_as_its_longest():
    them = fit_columns(200, extents_of([PLACED[ROWS[0].key], PLACED[ROWS[3].key]], has_hosts=True))
    width = {column.name: column.width for column in them.first}
    assert (width["project"], width["agent"], width["host"], width["model"]) == (7, 6, 12, 10)


def test_a_wide_screen_shows_everything():
    assert set(names(240)) == {"since", *ALL}


def test_a_column_in_which_nobody_says_anything_leaves_its_room():
    assert "todos" not in names(200, some(*(ALL.keys() - {"todos", "project"})))
    assert extents_of([PLACED[ROWS[2].key]], has_hosts=False).keys() == {"state", "age", "agent", "project"}


@given(st.integers(40, 260), st.sets(st.sampled_from(sorted(ALL))), st.sampled_from([UNICODE, ASCII]))
def test_rows_fill_their_width_exactly_and_say_their_state_whole(width, told, glyphs):
    them = fit_columns(width, some(*told))
    context = RenderContext(lambda: NOW, glyphs)
    assert len(head_line(them)) <= width
    assert them.what >= 12
    for one in PLACED.values():
        line = row_line(one, them, context, width)
        assert length(line) == width
        word = state_word(one.row.build, one.need)
        assert len(word) <= STATE_WIDTH
        if "state" in [column.name for column in them.first]:
            assert f" {word} " in line_text(line)


@given(st.integers(40, 259), st.sets(st.sampled_from(sorted(ALL))))
def test_more_room_never_takes_a_column_away(width, told):
    assert set(names(width, some(*told))) - {"mark"} <= set(names(width + 1, some(*told)))


def test_columns_stand_before_and_behind_what():
    them = fit_columns(240, ALL)
    assert all(column.name in BEFORE_WHAT for column in them.first)
    assert not any(column.name in BEFORE_WHAT for column in them.last)
    assert head_line(them).index("PROJECT") < head_line(them).index("WHAT") < head_line(them).index("COST")


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("permission prompt: Bash touch x", "Bash touch x"),
        ("permission: exec_command touch x", "exec_command touch x"),
        ("permission prompt", "permission prompt"),
        ("Which question: this?", "Which question: this?"),
    ],
)
def test_what_is_asked_does_not_say_the_state_again(title, said):
    asked = row("shop", "waiting-person", requests=(OpenRequest("r", title=title),)).build
    assert what_words(asked, "waits") == said


@pytest.mark.parametrize(
    ("tool", "title", "said"),
    [
        ("Bash", "permission: Bash: touch x", "Bash touch x"),
        ("exec_command", "permission: exec_command touch x", "Shell touch x"),
        ("exec_command", "May this be done?", "May this be done?"),
    ],
)
def test_a_call_that_waits_is_named_as_in_the_build(tool, title, said):
    asked = row("shop", "waiting-person", requests=(OpenRequest("r", title=title, tool=tool),)).build
    assert what_words(asked, "waits") == said


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_that_there_is_more_of_it_is_never_cut(width):
    """Calls beside the one that began last, questions behind the first one."""
    ask = OpenRequest("r", "permission", "Bash " + "rm -rf node_modules " * 30, "Bash", since=NOW)
    for one, more in (
        (row("api", "working", SECOND, now="Shell " + "long-word " * 30 + " +3 more", open_calls=4), " +3 more"),
        (row("shop", "waiting-person", MINUTE, requests=(ask, ask, ask)), " +2 more"),
    ):
        entry = entry_of(one, Preferences(), "", NOW)
        columns = fit_columns(width, extents_of([entry], has_hosts=False))
        line = line_text(row_line(entry, columns, CONTEXT, width))
        assert "…" + more in line
        assert length([(line, "")]) == width


@pytest.mark.parametrize("width", range(14, 40))
def test_where_there_is_no_room_for_what_it_does_the_project_has_it(width):
    entry = entry_of(row("landing", "working"), Preferences(), "", NOW)
    columns = fit_columns(width, extents_of([entry], has_hosts=False))
    line = line_text(row_line(entry, columns, CONTEXT, width))
    assert length([(line, "")]) == width
    assert columns.what == 0 or columns.what >= 4
    assert "……" not in line
    assert width < 20 or "lan" in line


@pytest.mark.parametrize("width", range(60, 140, 5))
def test_what_is_usual_stands_beside_a_stuck_call_whole_or_not_at_all(width):
    quiet = {"now_since": NOW - 400_000, "p95_ms": 58_000, "usual_ms": 22_000, "open_calls": 1}
    entry = entry_of(row("blog", "working", 400 * SECOND, now="Bash npm test", **quiet), Preferences(), "", NOW)
    columns = fit_columns(width, extents_of([entry], has_hosts=False))
    line = line_text(row_line(entry, columns, CONTEXT, width))
    assert "Bash npm test" in line
    assert "usual" not in line or "usual 22s, p95 58s" in line
