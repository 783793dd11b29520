"""Containers of which every older version stays as it was; a change costs the same however much is in them.

Plain Python, as measured by `tests/bench/fold_maps.py`: maps of `rpds-py` make the fold an eighth to a fifth slower.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")

_BITS = 5
_WIDTH = 1 << _BITS
"""Items of a leaf, and children of a node."""


class Vector(Generic[T]):
    """Items by position 0, 1, 2 …: a tree of nodes of 32, and a tail that takes what is new."""

    __hash__ = None  # pyright: ignore[reportAssignmentType]
    __slots__ = ("_root", "_shift", "_size", "_tail")

    def __init__(self, items: Sequence[T] = ()) -> None:
        self._size, self._shift = 0, _BITS
        self._root: list[Any] = []
        self._tail: list[T] = []
        for start in range(0, len(items), _WIDTH):
            if start:
                self._root, self._shift = self._grown()
            self._tail = list(items[start : start + _WIDTH])
            self._size += len(self._tail)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, position: int) -> T:
        """Raises IndexError, also for a negative position."""
        start = self._size - len(self._tail)
        if start <= position < self._size:
            return self._tail[position - start]
        if not 0 <= position < start:
            raise IndexError(position)
        node = self._root
        for shift in range(self._shift, 0, -_BITS):
            node = node[(position >> shift) & (_WIDTH - 1)]
        return cast("T", node[position & (_WIDTH - 1)])

    def __iter__(self) -> Iterator[T]:
        items: Iterable[Any] = self._root
        for _ in range(self._shift // _BITS):
            items = chain.from_iterable(items)
        return chain(items, self._tail)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vector):
            return NotImplemented
        there = cast("Vector[T]", other)
        return self is there or (len(self) == len(there) and all(a == b for a, b in zip(self, there, strict=True)))

    def set(self, position: int, item: T) -> Vector[T]:
        """The items with `item` at `position`, which may be the first free one. Raises IndexError."""
        start = self._size - len(self._tail)
        if not 0 <= position <= self._size:
            raise IndexError(position)
        if position < start:
            return self._of(self._size, self._shift, _replaced(self._root, self._shift, position, item), self._tail)
        if position < self._size:
            tail = self._tail.copy()
            tail[position - start] = item
            return self._of(self._size, self._shift, self._root, tail)
        if len(self._tail) < _WIDTH:
            return self._of(self._size + 1, self._shift, self._root, [*self._tail, item])
        root, shift = self._grown()
        return self._of(self._size + 1, shift, root, [item])

    def _grown(self) -> tuple[list[Any], int]:
        """The tree with the tail as its last leaf, and its height in bits."""
        start = self._size - len(self._tail)
        root, shift = self._root, self._shift
        if start == 1 << (shift + _BITS):
            root, shift = [root], shift + _BITS
        return _extended(root, shift, start, self._tail), shift

    @staticmethod
    def _of(size: int, shift: int, root: list[Any], tail: list[T]) -> Vector[T]:
        fresh = cast("Vector[T]", object.__new__(Vector))
        fresh._size, fresh._shift, fresh._root, fresh._tail = size, shift, root, tail
        return fresh


def _replaced(node: list[Any], shift: int, position: int, item: object) -> list[Any]:
    fresh, index = node.copy(), (position >> shift) & (_WIDTH - 1)
    fresh[index] = _replaced(node[index], shift - _BITS, position, item) if shift else item
    return fresh


def _extended(node: list[Any], shift: int, start: int, leaf: list[Any]) -> list[Any]:
    """`node` with a leaf whose first position is `start`."""
    if shift == _BITS:
        return [*node, leaf]
    index = (start >> shift) & (_WIDTH - 1)
    child: list[Any] = node[index] if index < len(node) else []
    return [*node[:index], _extended(child, shift - _BITS, start, leaf)]


class Index:
    """Positions by key.

    Dictionaries, the newest first and each older one larger: a full one is joined with those that are no larger, so
    that a key is copied once for every doubling.
    """

    __hash__ = None  # pyright: ignore[reportAssignmentType]
    __slots__ = ("_parts",)

    def __init__(self, positions: Mapping[str, int] | None = None) -> None:
        self._parts: tuple[dict[str, int], ...] = ({}, dict(positions or {}))

    def get(self, key: str) -> int | None:
        for part in self._parts:
            if key in part:
                return part[key]
        return None

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __getitem__(self, key: str) -> int:
        """Raises KeyError."""
        position = self.get(key)
        if position is None:
            raise KeyError(key)
        return position

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Index):
            return NotImplemented
        return self is other or self._joined() == other._joined()

    def _joined(self) -> dict[str, int]:
        return {key: position for part in reversed(self._parts) for key, position in part.items()}

    def set(self, key: str, position: int) -> Index:
        """The positions with that of `key`."""
        newest, *older = self._parts
        fresh = Index.__new__(Index)
        if len(newest) < _WIDTH:
            fresh._parts = ({**newest, key: position}, *older)
            return fresh
        while older and len(older[0]) <= len(newest):
            newest = {**older.pop(0), **newest}
        fresh._parts = ({key: position}, newest, *older)
        return fresh
