"""Containers of the fold: each version is what a list or dictionary of that moment would be, and stays so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.persistent import Index, Vector

SIZES = [0, 1, 31, 32, 33, 64, 65, 1023, 1024, 1056, 1057, 1088, 1089, 33_000]
"""Around a full leaf, a full node above it, and the next height."""


@pytest.mark.parametrize("size", SIZES)
def test_grown_item_by_item_is_made_at_once(size: int) -> None:
    grown: Vector[int] = Vector()
    for number in range(size):
        grown = grown.set(number, number)
    assert grown == Vector(range(size))
    assert list(grown) == list(range(size))
    assert len(grown) == size
    assert (grown == Vector([*range(size), 7])) is False
    assert (grown.set(0, -1) == Vector([-1, *range(1, size)])) is True


@pytest.mark.parametrize("size", SIZES[:-1])
def test_any_item_is_replaced_in_the_new_version_alone(size: int) -> None:
    vector = Vector(range(size))
    for position in range(size):
        assert list(vector.set(position, -1)) == [*range(position), -1, *range(position + 1, size)]
    assert list(vector) == list(range(size))


@pytest.mark.parametrize("size", [0, 1, 40])
def test_there_is_nothing_before_the_first_and_after_the_last(size: int) -> None:
    vector = Vector(range(size))
    for position in (-1, size, size + 1):
        with pytest.raises(IndexError):
            vector[position]
    for position in (-1, size + 1):
        with pytest.raises(IndexError):
            vector.set(position, 0)


@given(st.integers(0, 1100), st.lists(st.tuples(st.integers(0, 1200), st.integers()), max_size=60))
def test_every_version_of_a_vector_stays_as_it_was(size: int, changes: list[tuple[int, int]]) -> None:
    items = list(range(size))
    versions = [(Vector(items), list(items))]
    for place, value in changes:
        vector, items = versions[place % len(versions)]  # any version may be the one that is changed
        position = place % (len(items) + 1)
        items = [*items[:position], value, *items[position + 1 :]]
        versions.append((vector.set(position, value), items))
    for vector, items in versions:
        assert list(vector) == items
        assert vector == Vector(items)


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(0, 400), st.integers()), max_size=200))
def test_every_version_of_an_index_stays_as_it_was(size: int, changes: list[tuple[int, int]]) -> None:
    places = {str(number): number for number in range(size)}
    versions = [(Index(places), places)]
    for number, position in changes:
        index, places = versions[-1] if number % 3 else versions[number % len(versions)]
        versions.append((index.set(str(number), position), {**places, str(number): position}))
    for index, places in versions:
        assert index == Index(places)
        assert [index.get(str(number)) for number in range(401)] == [places.get(str(number)) for number in range(401)]
        assert all(key in index for key in places)


def test_what_has_no_position() -> None:
    assert "a" not in Index()
    with pytest.raises(KeyError):
        Index()["a"]
    assert Index({"a": 1}) != Index({"a": 2})


def test_a_key_is_copied_once_for_every_doubling() -> None:
    """And looked up in as many dictionaries at most."""
    index = Index()
    for number in range(20_000):
        index = index.set(str(number), number)
        assert len(index._parts) <= 2 + max(1, number // 16).bit_length()
    assert all(index[str(number)] == number for number in range(20_000))
