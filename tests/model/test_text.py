"""What an agent says can hold anything; what a terminal gets is harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.text import clean, clean_line, clip_middle

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "clipboard": ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
    "clipboard, string terminator": ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
    "title without an end": ("a\x1b]0;evil", "a"),
    "clear screen": ("\x1b[2Jx", "x"),
    "device control": ("\x1bP1;2|evil\x1b\\x", "x"),
    "C1 introducer": ("\x9b31mx", "x"),
    "C1 operating system command": ("\x9d0;evil\x9cx", "x"),
    "cut escape": ("x\x1b", "x"),
    "bell and backspace": ("a\x07\x08b", "a\ufffd\ufffdb"),
    "right to left override": ("a\u202eb", "a\ufffdb"),
    "lone surrogate": ("a\ud800b", "a\ufffdb"),
    "line separator": ("a\u2028b", "a\ufffdb"),
    "carriage returns": ("a\r\nb\rc", "a\nb\nc"),
    "tab": ("a\tb", "a   b"),
    "markup stays text": ("[/] [@click=app.quit]x[/]", "[/] [@click=app.quit]x[/]"),
    "family emoji stays whole": ("👨‍👩‍👧 ok", "👨‍👩‍👧 ok"),
}


@pytest.mark.parametrize(("dirty", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_clean(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@given(st.text(st.characters(codec=None, categories=None)))
def test_nothing_that_a_terminal_obeys_survives(dirty: str) -> None:
    safe = clean(dirty)
    assert not any(ord(char) < 0x20 and char != "\n" for char in safe)
    assert not any(0x7F <= ord(char) <= 0x9F or 0xD800 <= ord(char) <= 0xDFFF for char in safe)
    assert clean(safe) == safe
    safe.encode()


@given(st.text(st.characters(codec=None)), st.integers(1, 50))
def test_a_line_is_one_line_within_its_limit(dirty: str, limit: int) -> None:
    line = clean_line(dirty, limit)
    assert "\n" not in line
    assert len(line) <= limit


def test_a_huge_line_is_cut_without_reading_it_all() -> None:
    assert clean_line("x" * 200_000, 100) == "x" * 99 + "…"


@given(st.text(min_size=0, max_size=400), st.integers(60, 200))
def test_clipped_text_keeps_head_and_tail(text: str, limit: int) -> None:
    short = clip_middle(text, limit)
    assert len(short) <= max(limit, len(text) if len(text) <= limit else limit)
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]
