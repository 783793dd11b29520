"""The border takes what sloppy agents write, and names what it cannot take."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.errors import BadJson
from sentryvibe_tui.wire import json
from sentryvibe_tui.wire.json import MAX_DEPTH, decode, depth, encode, plain, raw


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"\ud800x"', "\ufffdx"),
        (rb'"\udc00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d\ude00\ud83d"', "😀\ufffd"),
        (rb'"\\ud800 \ud800"', "\\ud800 \ufffd"),
        (b'"a\xffb"', "a\ufffdb"),
        ('"a\u2028b"'.encode(), "a\u2028b"),
        (rb'"a\u0000b"', "a\0b"),
    ],
)
def test_strings_no_other_reader_takes(text: bytes, value: str) -> None:
    assert decode(text, str) == value
    assert plain(raw(value)) == value


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b"nul", b'{"a":1}x', b"[" * 100_000, b'"\x01"'])
def test_what_is_no_json_is_said(text: bytes) -> None:
    with pytest.raises(BadJson):
        decode(text, Any)


def test_a_value_with_a_number_out_of_all_bounds_is_read_with_its_numbers_as_text() -> None:
    assert plain(Raw(b'{"a":[1e400,2],"b":"c"}')) == {"a": ["1e400", "2"], "b": "c"}
    with pytest.raises(BadJson):
        plain(Raw(b'{"a":1e400'))


def test_depth_counts_brackets_outside_of_strings() -> None:
    assert depth(b"[" * 200 + b"]" * 200) == 200
    assert depth(b'{"a":"' + b"[" * 200 + b'"}') <= MAX_DEPTH
    assert depth(b'{"a":"\\"' + b"[" * 200 + b'"}') <= MAX_DEPTH
    assert depth(b'{"a\\\\":' + b"[" * 200 + b"]" * 200 + b"}") == 201
    assert depth(b"[" * 150 + b",".join([b'{"a":[{}]}'] * 99) + b"]" * 150) == 153


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(_json)
def test_any_value_can_be_written_and_read(value: object) -> None:
    assert encode(decode(encode(value), Any)) == encode(value)


def openers(text: str) -> int:
    """Counted sign by sign."""
    found, inside, escaped = 0, False, False
    for sign in text:
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = inside
        elif sign == '"':
            inside = not inside
        else:
            found += not inside and sign in "[{,"
    return found


_knotty = st.recursive(
    st.integers(0, 9) | st.text('"\\,[{a', max_size=6),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('"\\,a', max_size=3), inner, max_size=4),
)


@given(_knotty, st.integers(1, 7))
def test_values_are_counted_outside_of_strings_however_the_text_is_cut(value: object, piece: int) -> None:
    text = encode(value)
    count = openers(text.decode())
    assert not json.has_more_values(text, count, piece)
    assert not count or json.has_more_values(text, count - 1, piece)
