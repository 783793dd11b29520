"""Large values travel clipped (docs/protocol.md#large-values)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.facts import RequestOpened
from sentryvibe_tui.wire.activity import request_of, wire_request
from sentryvibe_tui.wire.clip import VALUE_LIMIT, clip, clipped
from sentryvibe_tui.wire.json import plain, raw


def test_a_small_value_stays_as_it_is() -> None:
    value = Raw(b'{"a": 1}')
    assert clip(value) == (value, 0)
    assert clip(None) == (None, 0)


def test_an_object_keeps_its_keys_and_the_ends_of_its_strings() -> None:
    value = raw({"file_path": "src/app.py", "content": "first" + "x" * 200_000 + "last"})
    short, size = clip(value)
    assert size == len(bytes(value))
    assert len(bytes(short)) <= VALUE_LIMIT
    read = plain(short)
    assert read["file_path"] == "src/app.py"
    assert read["content"].startswith("first")
    assert read["content"].endswith("last")


@pytest.mark.parametrize(
    "value", [list(range(5000)), {str(i): i for i in range(2000)}, "é" * 9000, [["x" * 50] * 90] * 9]
)
def test_every_shape_fits(value: object) -> None:
    short, size = clip(raw(value))
    assert size > VALUE_LIMIT
    assert len(bytes(short)) <= VALUE_LIMIT
    plain(short)


@given(st.text(st.characters(codec="utf-8"), min_size=0, max_size=300), st.integers(200, 600))
def test_a_clipped_value_is_json_within_the_limit(text: str, limit: int) -> None:
    short, size = clip(raw(text), limit)
    assert len(bytes(short)) <= limit
    assert (size == 0) == (len(bytes(raw(text))) <= limit)
    plain(short)


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 5000], ids=["inf", "-inf", "5000 digits"])
def test_a_number_out_of_all_bounds_is_no_obstacle(number: bytes) -> None:
    value = Raw(b'{"n":' + number + b',"text":"' + b"x" * VALUE_LIMIT + b'"}')
    short, size = clip(value)
    assert (size, len(bytes(short)) <= VALUE_LIMIT) == (len(bytes(value)), True)
    assert plain(short)["n"][:5] == number[:5].decode()


def test_a_value_of_very_many_parts_is_clipped_as_text() -> None:
    value = Raw(b"[" + b"[]," * 80_000 + b"[]]")
    short, size = clip(value)
    assert size == len(bytes(value))
    assert plain(short).startswith("[[],[],")
    assert len(bytes(short)) <= VALUE_LIMIT


def test_commas_in_a_text_are_no_parts() -> None:
    short, _ = clip(raw({"file": "a.csv", "content": "1,2,3\n" * 20_000}))
    assert plain(short)["file"] == "a.csv"


def test_what_a_request_shows_is_clipped_with_its_size_beside_it() -> None:
    value = raw({"file_path": "/a", "content": "x" * 20_000})
    small = RequestOpened(Request("r", input=raw({"a": 1}), suggestions=value))
    assert clipped(small) is small
    request = clipped(RequestOpened(Request("r", input=value))).request
    assert len(bytes(request.input)) <= VALUE_LIMIT
    assert plain(request.input)["file_path"] == "/a"
    assert request.input_bytes == len(bytes(value))
    assert request_of(wire_request(request)) == request
