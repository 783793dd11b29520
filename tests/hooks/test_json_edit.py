"""JSON changed in places."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.errors import BadSettings
from sentryvibe_tui.hooks.json_edit import added, parse, removed

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)
INDENTS = st.sampled_from([None, 2, 4, "\t"])


@given(OBJECTS, INDENTS, st.sampled_from(["", "\n"]))
def test_what_was_added_and_removed_leaves_no_trace(value: dict[str, Any], indent: Any, end: str) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False) + end
    more = added(text, parse(text), {"x": [1]}, "new name")
    assert json.loads(more) == {**value, "new name": {"x": [1]}}
    assert list(json.loads(more)) == [*value, "new name"]
    node = parse(more)
    assert removed(more, node, len(node.parts) - 1) == text


@given(OBJECTS.filter(lambda value: len(value) > 1), INDENTS, st.data())
def test_one_part_goes_and_the_others_stay(value: dict[str, Any], indent: Any, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent)
    index = data.draw(st.integers(0, len(value) - 1))
    name = list(value)[index]
    assert json.loads(removed(text, parse(text), index)) == {key: item for key, item in value.items() if key != name}


@given(VALUES, INDENTS)
def test_values_are_read_as_json_reads_them(value: Any, indent: Any) -> None:
    assert parse(json.dumps({"v": value}, indent=indent)).value == {"v": value}


def test_comments_and_layout_stay() -> None:
    text = '// mine\n{\n    "a": [1, 2],  // flat\n    /* none */ "b": {}\n}\n'
    node = parse(text)
    array, empty = node.member("a"), node.member("b")
    assert array is not None
    assert empty is not None
    assert added(text, array, 3) == text.replace("[1, 2]", "[1, 2, 3]")
    assert added(text, empty, 1, "c") == text.replace("{}", '{\n        "c": 1}')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "it holds no JSON object"),
        ("", "line 1, column 1"),
        ('{"a": 1', "line 1, column 8: ',' is expected"),
        ('{\n  "a" 1}', "line 2, column 7: ':' is expected"),
        ("{a: 1}", "line 1, column 2: a name in quotes is expected"),
        ('{"a": 1} x', "line 1, column 10: more after the end"),
        ('{"a": "x', "line 1, column 7"),
        ("{" * 3, "a name in quotes"),
        ('{"a":' * 5000, "nested too deep"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, told: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(text)
    assert told in str(caught.value)
