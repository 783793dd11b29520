"""Cutting, filling, wrapping by cells; heights of long lists; light Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.text import clean
from sentryvibe_tui.report.words import UNICODE
from sentryvibe_tui.tui.heights import Heights
from sentryvibe_tui.tui.lines import (
    cells,
    cut,
    encodable,
    fill,
    highlighted,
    length,
    line_text,
    parted,
    steady_width,
    wrap,
)
from sentryvibe_tui.tui.prose import inline, prose

SAFE = st.text(st.sampled_from("ab c日本🎉é—  "), max_size=60) | st.text(max_size=30).map(
    lambda text: clean(text).replace("\n", " ")
)
LINES = st.lists(st.tuples(SAFE, st.sampled_from(["", "dim"])), max_size=5)


@given(LINES, st.integers(0, 40))
def test_a_cut_line_fits(line, room) -> None:
    assert length(cut(line, room)) <= max(room, 0)


@given(LINES, LINES, st.integers(0, 60))
def test_a_filled_line_is_exactly_as_wide_as_its_room(left, right, room) -> None:
    assert length(fill(left, right, room)) == room


@given(LINES, st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_only_spaces(line, room) -> None:
    lines = wrap(line, room)
    assert all(length(one) <= room for one in lines)
    assert "".join(line_text(one) for one in lines).replace(" ", "") == line_text(line).replace(" ", "")


def test_less_important_parts_go_first() -> None:
    parts = [(0, [("name", "")]), (2, [("x" * 30, "")]), (1, [("model", "")])]
    assert line_text(parted(parts, [("live", "")], 24)).split() == ["name", "model", "live"]


def test_a_part_that_says_nothing_takes_no_room() -> None:
    assert (
        line_text(parted([(0, [("name", "")]), (1, [("", "dim")]), (2, [("model", "")])], [], 20)).rstrip()
        == "name  model"
    )


@pytest.mark.parametrize(
    ("text", "painted"),
    [
        ("⚠️ care", "⚠  care"),
        ("✔️", "✔ "),
        ("1️⃣ one", "1  one"),
        ("👍🏽!", "👍!"),
        ("👩‍👩‍👧‍👦 all", "👩 all"),
        ("❤️‍🔥", "❤ "),
        ("🇩🇪 ログ क्‍ष plain", "🇩🇪 ログ क्‍ष plain"),
    ],
)
def test_emoji_that_terminals_disagree_about_are_painted_plain_and_as_wide(text, painted) -> None:
    assert steady_width(text) == painted
    assert cells(painted) == cells(text)


def test_hits_are_marked_in_any_case() -> None:
    line = highlighted([("Abc ab", "dim")], "ab")
    assert line == [("Ab", "hit"), ("c ", "dim"), ("ab", "hit")]


@given(
    st.lists(st.integers(1, 9)),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9))),
    st.lists(st.integers(1, 9)),
)
def test_heights_agree_with_a_plain_list(begin, changes, more) -> None:
    heights, told = Heights(begin), list(begin)
    for row, height in changes:
        if told:
            heights.set(row % len(told), height)
            told[row % len(told)] = height
    for height in more:
        heights.append(height)
        told.append(height)
    assert heights.total == sum(told)
    assert [heights.start(row) for row in range(len(told) + 1)] == [sum(told[:row]) for row in range(len(told) + 1)]
    lines = [row for row, height in enumerate(told) for _ in range(height)]
    assert [heights.find(line) for line in range(heights.total)] == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# Title\n\n\n\ntext", ["Title", "", "text"]),
        ("- one\n  * two\n3. three", ["· one", "  · two", "3. three"]),
        ("```py\n# no title\n```\nafter", ["# no title", "after"]),
        ("> said", ["│ said"]),
        ("a\n---\nb", ["a", "─" * 24, "b"]),
        ("**`x.py`:**", ["x.py:"]),
        ("\n\nplain\n\n", ["plain"]),
        ("", [""]),
        ("2 * 3 * 4 and **open", ["2 * 3 * 4 and **open"]),
    ],
)
def test_prose(text, lines) -> None:
    assert [line_text(line) for line in prose(text, 40, UNICODE)] == lines


def test_inline_marks() -> None:
    spans = inline("run `npm test`, **now**, *please*")
    assert [span for span in spans if span[1]] == [("npm test", "code"), ("now", "strong"), ("please", "em")]


@given(st.text(max_size=200), st.integers(1, 50))
def test_prose_is_always_safe_and_fits(text, width) -> None:
    for line in prose(text, width, UNICODE):
        assert line_text(line) == clean(line_text(line))
        assert length(line) <= max(width, 14)


@pytest.mark.parametrize(
    ("text", "encoding", "painted"),
    [
        ("日本 é …", "", "日本 é …"),
        ("日本 é …", "ascii", "???? ? ?"),
        ("日本 é …", "latin-1", "???? é ?"),
        ("e\u0301", "ascii", "e"),
        ("ls", "ascii", "ls"),
    ],
)
def test_what_a_terminal_cannot_show_is_a_question_mark_as_wide(text, encoding, painted) -> None:
    assert encodable(text, encoding) == painted
    assert cells(painted) == cells(text)
