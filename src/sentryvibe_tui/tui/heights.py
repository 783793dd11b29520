"""Heights of a long list of rows: a Fenwick tree, so that one change or look-up costs O(log n). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate


class Heights:
    """Rows 0, 1, 2 … of some lines each, stacked."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        above = [0, *accumulate(self._heights)]
        self._tree = [above[end] - above[end & (end - 1)] for end in range(len(above))]
        self.total = above[-1]
        """Lines of all rows together."""

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, row: int) -> int:
        return self._heights[row]

    def append(self, height: int) -> None:
        self._heights.append(height)
        index = len(self._heights)
        lines, below = height, index - 1
        while below > index - (index & -index):
            lines += self._tree[below]
            below -= below & -below
        self._tree.append(lines)
        self.total += height

    def set(self, row: int, height: int) -> int:
        """Returns by how many lines the row grew."""
        grown = height - self._heights[row]
        if grown:
            self._heights[row] = height
            self.total += grown
            index = row + 1
            while index < len(self._tree):
                self._tree[index] += grown
                index += index & -index
        return grown

    def start(self, row: int) -> int:
        """First line of a row; of the row after the last, `total`."""
        lines, index = 0, row
        while index > 0:
            lines += self._tree[index]
            index -= index & -index
        return lines

    def find(self, line: int) -> int:
        """The row that a line belongs to; the last one beyond the end, 0 when there are none."""
        index, step = 0, 1 << len(self._tree).bit_length()
        while step:
            below = index + step
            if below < len(self._tree) and self._tree[below] <= line:
                index = below
                line -= self._tree[below]
            step >>= 1
        return min(index, max(0, len(self._heights) - 1))
