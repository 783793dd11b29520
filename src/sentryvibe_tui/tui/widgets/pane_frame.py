"""What is drawn around the rows of a pane, put around each of their lines once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Size
from textual.strip import Strip


class PartedStrip(Strip):
    """A strip that is made of others, and needs not be cut where they meet."""

    __slots__ = ("_ends", "_parts")

    def __init__(self, parts: Sequence[Strip]) -> None:
        self._parts, self._ends = parts, list(accumulate(part.cell_length for part in parts))
        super().__init__([segment for part in parts for segment in part], self._ends[-1])

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        cuts = list(cuts)
        return self._parts if cuts == self._ends else super().divide(cuts)


class PaneFrame(NamedTuple):
    """What is drawn around rows: lines above and below them, and what stands beside each of theirs.

    `right`: in one piece, or where a scroll bar is in those that it leaves.
    """

    size: Size
    above: list[Strip]
    left: Strip
    right: Sequence[Strip]
    below: list[Strip]
    filters: Sequence[LineFilter]
    background: Color

    def line(self, strip: Strip) -> Strip:
        """`strip` with what stands beside it."""
        inner = Strip([*self.left, *strip], self.left.cell_length + strip.cell_length)
        line: Strip = PartedStrip([inner, *self.right])
        for one in self.filters:
            line = line.apply_filter(one, self.background)
        return line
