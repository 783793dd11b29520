"""Rows that scroll: heights far from view are guesses until they come near, and the end is followed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from textual.geometry import Size
from textual.reactive import var
from textual.widget import Widget

from ..heights import Heights
from .painted_rows import PaintedRows
from .scroll_bar import BarPicture, use_ascii_bar


class ScrolledRows(PaintedRows):
    """Rows with a cursor in view, which goes to the end with what comes as long as `following`."""

    cursor: var[int] = var(0, init=False)

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self._measured: set[int] = set()
        self._bar = BarPicture()
        self._settling = False
        self.following = True

    def on_mount(self) -> None:
        if self.ascii_only:
            use_ascii_bar(self)

    def guesses(self, rows: range, width: int) -> Iterable[int]:
        """How many lines each of `rows` probably has; cheap."""
        return repeat(1, len(rows))

    def exact_height(self, row: int) -> int:
        """How many lines a row has where that is certain before they are made, else 0."""
        return 1

    # ----------------------------------------------------------------- changing

    def reset(self, rows: int, cursor: int | None = None) -> None:
        """All rows anew; the cursor goes to `cursor`, else stays where it is. Off screen none is looked at."""
        guesses = self.guesses(range(rows), self.row_width) if self._viewport else repeat(1, rows)
        self.heights = Heights(guesses)
        self._measured.clear()
        self._painted.clear()
        self._point(self.cursor if cursor is None else cursor)
        self._fit()

    def extend(self, rows: int) -> None:
        """Rows are added at the end until there are `rows`."""
        width = self.row_width
        for height in self.guesses(range(len(self.heights), rows), width):
            self.heights.append(height)
        self._fit()

    def changed(self, rows: set[int]) -> None:
        """Some rows say something else now."""
        self.forget(rows)
        self._fit()

    def forget(self, rows: set[int]) -> None:
        """What was painted of rows that say something else now: `extend` or `changed` fits them in."""
        for row in rows:
            self._painted.pop(row, None)
            self._measured.discard(row)

    def refit(self) -> None:
        """Another width: all heights anew; following finds its place as if nothing had been shown before."""
        self._painted.clear()
        self._measured.clear()
        top = self._visible()[0] if len(self.heights) else 0
        width = self.row_width
        self.heights = Heights(self.guesses(range(len(self.heights)), width))
        self._point(self.cursor)
        self._to(0 if self.following else self.heights.start(top))
        self._fit()
        if not self.following and len(self.heights):
            self.reveal(min(self.cursor, len(self.heights) - 1))

    # ----------------------------------------------------------------- scrolling

    def _fit(self) -> None:
        """Sizes, scroll position and picture after a change."""
        self._settle()
        if self.following:
            self.follow_end()
        self._refresh_changes()

    def follow_end(self) -> None:
        """To where `following` looks at: the last row, unless a subclass knows a better one."""
        self._point(len(self.heights) - 1)
        self._to(self.heights.total)
        self._settle()
        self._to(self.heights.total)

    def reveal(self, row: int) -> None:
        """Scrolls as far as is needed to see a row, where there is one."""
        if row >= len(self.heights):
            return
        start, height = self.heights.start(row), self.heights[row]
        top, room = self.scroll_offset.y, self._viewport
        if start < top:
            self._to(start)
        elif start + height > top + room:
            self._to(min(start, start + height - room))

    def _point(self, row: int) -> None:
        """The cursor to a row without anything else happening."""
        row = max(0, min(row, len(self.heights) - 1))
        if row != self.cursor:
            self._painted.pop(row, None)
            self._painted.pop(self.cursor, None)
            self.set_reactive(ScrolledRows.cursor, row)

    def _to(self, line: int) -> None:
        self.scroll_to(y=max(0, min(line, self._highest)), animate=False, force=True, immediate=True)

    @property
    def _highest(self) -> int:
        return max(0, self.heights.total - self._viewport)

    @property
    def at_end(self) -> bool:
        return self.scroll_offset.y >= self._highest and self.cursor >= len(self.heights) - 1

    def watch_cursor(self, old: int, new: int) -> None:
        self.repaint_rows({old, new})

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """As in ScrollView, but for the bar."""
        if round(old_value) != round(new_value):
            self.refresh(self.size.region)
        if self.show_vertical_scrollbar:
            self._move_bar()
        self._settle()

    def watch_show_vertical_scrollbar(self, is_visible: bool) -> None:
        """A bar that appears shows where the rows stand already."""
        if is_visible:
            self.vertical_scrollbar.position = self.scroll_y

    # ----------------------------------------------------------------- measuring

    def _settle(self) -> None:
        """Makes guesses near the view true; what is on screen keeps its place when a row above it turns out taller."""
        if self._settling or not self._viewport:
            return
        self._settling = True
        try:
            while unmeasured := [row for row in self._near() if row not in self._measured]:
                for row in unmeasured:
                    self._measure(row)
            self._resize()
        finally:
            self._settling = False

    def _measure(self, row: int) -> None:
        self._measured.add(row)
        start = self.heights.start(row)
        grown = self.heights.set(row, self.exact_height(row) or len(self._strips(row)))
        if grown and start < self.scroll_offset.y:
            self._resize()
            self._to(self.scroll_offset.y + grown)

    def _resize(self) -> None:
        """The bar alone follows as long as there is one: nothing else on screen has another size by that."""
        size, before = Size(self.row_width, self.heights.total), self.virtual_size
        if size == before:
            return
        needs_bar = size.height > self._viewport
        if size.width == before.width and needs_bar == (before.height > self._viewport) == self.show_vertical_scrollbar:
            self.set_reactive(Widget.virtual_size, size)  # pyright: ignore[reportArgumentType]
            if needs_bar:
                self._move_bar()
        else:
            self.virtual_size = size

    def _move_bar(self) -> None:
        """The scroll bar stands where the rows do."""
        self._bar.move(self.vertical_scrollbar, self._viewport, self.virtual_size.height, self.scroll_y)
