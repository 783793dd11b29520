"""Rows of differing heights as strips: only what is visible is painted, and each line is put into its frame once."""

from __future__ import annotations

from typing import Self

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset, Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ..heights import Heights
from ..lines import Line, cells, character_at
from .painted import Painted
from .pane_frame import PaneFrame

KEPT_ROWS = 512
"""Painted rows that are kept; a few screens full."""

BLANK = -1
"""The row that stands below the last one."""


class PaintedRows(Painted, ScrollView):
    """Rows 0 … n-1, each made of lines by `lines_of`; the mouse selects text of them."""

    ALLOW_SELECT = True

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.heights = Heights()
        self._painted: dict[int, list[Strip]] = {}
        self._framed: dict[int, tuple[list[Strip], list[Strip]]] = {}
        self._frame: PaneFrame | None = None
        self._on_screen: list[Strip] = []
        self._colours: tuple[Style, dict[str, Style]] | None = None
        self._width_at = (Size(-1, -1), 1)

    # ----------------------------------------------------------------- for subclasses

    def lines_of(self, row: int, width: int) -> list[Line]:
        """The lines of a row in `width` cells; at least one."""
        raise NotImplementedError

    def instead(self) -> list[Line]:
        """What stands in the middle when there are no rows."""
        return []

    def row_role(self, row: int) -> str:
        """The role on whose background a row stands."""
        return ""

    @property
    def is_fitted(self) -> bool:
        """Whether it is known which rows are in view; before, none is painted."""
        return True

    # ----------------------------------------------------------------- what is in view

    @property
    def _viewport(self) -> int:
        return self.scrollable_content_region.height

    @property
    def row_width(self) -> int:
        """Cells of a row; off screen as many as before."""
        if self._width_at[0] != self.outer_size and (width := self.scrollable_content_region.width):
            self._width_at = self.outer_size, width
        return max(1, self._width_at[1])

    def _visible(self) -> tuple[int, int]:
        """First and last row on screen."""
        top = self.scroll_offset.y
        return self.heights.find(top), self.heights.find(top + max(0, self._viewport - 1))

    def _near(self) -> range:
        top, bottom = self._visible()
        return range(top, min(bottom + 1, len(self.heights)))

    # ----------------------------------------------------------------- painting

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if not regions:
            self._frame = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def repaint_rows(self, rows: set[int]) -> None:
        """Rows of unchanged height say something else now: only those on screen cost anything."""
        top, bottom = self._visible()
        for row in rows:
            self._painted.pop(row, None)
            if top <= row <= bottom and row < len(self.heights):
                self.refresh_lines(self.heights.start(row), self.heights[row])

    def _refresh_changes(self) -> None:
        """Of the lines on screen those that became others."""
        lines, shown = self._picture(self._frame) if self._frame is not None else [], self._on_screen
        if not lines or len(lines) != len(shown):
            self.refresh(self.size.region)
            return
        differing = [y for y, (line, before) in enumerate(zip(lines, shown, strict=True)) if line is not before]
        if differing:
            self.refresh(Region(0, differing[0], self.size.width, differing[-1] - differing[0] + 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows in their frame, which Textual draws; each of their lines is put into it once."""
        size = self.outer_size
        if crop != size.region:
            return super().render_lines(crop)
        if self._frame is None or self._frame.size != size:
            self._framed.clear()
            self._frame = self._drawn_frame(size)
        self._on_screen = self._picture(self._frame)
        return [*self._frame.above, *self._on_screen, *self._frame.below]

    def _drawn_frame(self, size: Size) -> PaneFrame:
        gutter, width = self.gutter, size.width
        *above, line = super().render_lines(Region(0, 0, width, gutter.top + 1))
        below = super().render_lines(Region(0, size.height - gutter.bottom, width, gutter.bottom))
        left, right = line.crop(0, gutter.left), line.crop(gutter.left + self.row_width, width)
        bar = self.scrollbar_size_vertical
        parts = right.divide([bar, right.cell_length]) if bar < right.cell_length else [right]
        return PaneFrame(size, above, left, parts, below, self.get_line_filters(), self.background_colors[1])

    def _picture(self, frame: PaneFrame) -> list[Strip]:
        """The lines on screen within `frame`."""
        room, top = self._viewport, self.scroll_offset.y
        if not (len(self.heights) and self.is_fitted) or self.text_selection is not None:
            return [frame.line(self.render_line(y)) for y in range(room)]
        lines = list[Strip]()
        row = self.heights.find(top)
        above = top - self.heights.start(row)
        while len(lines) < room and row < len(self.heights):
            lines += self._framed_strips(row, frame)[above : above + room - len(lines)]
            row, above = row + 1, 0
        return lines + self._framed_strips(BLANK, frame) * (room - len(lines))

    def _framed_strips(self, row: int, frame: PaneFrame) -> list[Strip]:
        strips = self._strips(row)
        framed = self._framed.get(row)
        if framed is None or framed[0] is not strips:
            if len(self._framed) >= KEPT_ROWS:
                self._framed.clear()
            width = self.row_width
            framed = strips, [frame.line(strip.adjust_cell_length(width)) for strip in strips]
            self._framed[row] = framed
        return framed[1]

    def _strips(self, row: int) -> list[Strip]:
        strips = self._painted.get(row)
        if strips is None:
            if len(self._painted) >= KEPT_ROWS:
                self._painted = {near: self._painted[near] for near in self._near() if near in self._painted}
            width = self.row_width
            mark = self.row_role(row)
            lines: list[Line] = [[]] if row == BLANK else self.lines_of(row, width)
            strips = [self.strip(line, width, mark) for line in lines]
            self._painted[row] = strips
        return strips

    def render_line(self, y: int) -> Strip:
        line = self.scroll_offset.y + y
        width = self.row_width
        if not (self.is_fitted and 0 <= line < self.heights.total):
            placeholder = self.instead() if self.is_fitted and not len(self.heights) else []
            at = y - max(0, (self._viewport - len(placeholder)) // 2)
            return self.strip(placeholder[at] if 0 <= at < len(placeholder) else [], width)
        row = self.heights.find(line)
        strips = self._strips(row)
        within = line - self.heights.start(row)
        strip = strips[within] if within < len(strips) else Strip.blank(width, self.role_style(""))
        return self._selected(strip, line)

    def notify_style_update(self) -> None:
        """The frame may be another; rows are painted anew in other colours only, not for the focus."""
        super().notify_style_update()
        self._frame = None
        self._width_at = Size(-1, -1), self._width_at[1]
        colours = self.rich_style, self._theme_styles()
        if colours != self._colours:
            self._colours = colours
            self._painted = {}

    # ----------------------------------------------------------------- selecting

    def offset_at(self, x: int, y: int) -> Offset:
        """Character and line, counted from the first, of what stands at a cell of the screen."""
        region = self.content_region
        line = self.scroll_offset.y + max(0, min(y - region.y, region.height - 1))
        if not self.heights.total:
            return Offset(0, 0)
        line = min(line, self.heights.total - 1)
        row = self.heights.find(line)
        strips, within = self._strips(row), line - self.heights.start(row)
        text = strips[within].text if within < len(strips) else ""
        return Offset(character_at(text, max(0, x - region.x)), line)

    def _selected(self, strip: Strip, line: int) -> Strip:
        """`strip` with what the mouse selected of it; Textual counts characters there, a strip counts cells."""
        selection = self.text_selection
        span = selection.get_span(line) if selection is not None else None
        if span is None:
            return strip
        text = strip.text
        start, end = cells(text[: span[0]]), strip.cell_length if span[1] == -1 else cells(text[: span[1]])
        marked = self.screen.get_component_rich_style("screen--selection")
        chosen = Strip(Segment.apply_style(strip.crop(start, end), post_style=marked), end - start)
        return Strip.join([strip.crop(0, start), chosen, strip.crop(end)])

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text; lines without the spaces that fill them."""
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self.heights.total - 1
        last = min(last, self.heights.total - 1)
        lines = list[str]()
        for line in range(first, last + 1):
            row = self.heights.find(line)
            strips, within = self._strips(row), line - self.heights.start(row)
            text = strips[within].text if within < len(strips) else ""
            start = selection.start.x if selection.start is not None and line == first else 0
            end = selection.end.x if selection.end is not None and line == selection.end.y else None
            lines.append(text[start:end].rstrip())
        return "\n".join(lines), "\n"
