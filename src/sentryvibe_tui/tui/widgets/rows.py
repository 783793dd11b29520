"""A long list of rows of differing heights that paints only what is visible, and follows its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from typing import Any, NamedTuple, Self

from rich.segment import Segment
from textual import events
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from .. import internals
from ..actions import bindings
from ..heights import Heights
from ..lines import Line, cells, character_at, role_at
from .painted import Painted

KEPT_ROWS = 512
"""Painted rows that are kept; a few screens full."""

WHEEL_LINES = 4
"""Lines that a notch of the mouse wheel scrolls."""

FRAME_SECONDS = 1 / 60
"""Between two paints of Textual's own."""

BLANK = -1
"""The row that stands below the last one."""


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


class AsciiBar(ScrollBarRender):
    """A scroll bar of coloured blanks."""

    VERTICAL_BARS = [" "] * 8


class SelectableScreen(Screen[Any]):
    """A screen on which the mouse selects text of rows.

    They say themselves what stands where: with an offset in the style of every piece no two of them would be alike.
    """

    _is_hurried = False
    _hurried_at = 0.0

    def hurry(self) -> None:
        """What a key did is painted once all widgets have told of it; the rest has time until the next frame."""
        self._is_hurried = True

    def on_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._is_hurried and now - self._hurried_at >= FRAME_SECONDS and internals.paint(self):
            self._is_hurried, self._hurried_at = False, now

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        widget, offset = super().get_widget_and_offset_at(x, y)
        return widget, widget.offset_at(x, y) if isinstance(widget, Rows) else offset


class Rows(Painted, ScrollView, can_focus=True):
    """Rows 0 … n-1, each made of lines by `lines_of`. Heights far from view are guesses until they come near."""

    BINDINGS = bindings("rows")
    ALLOW_SELECT = True

    cursor: var[int] = var(0, init=False)

    class Moved(Message):
        """The reader moved the cursor or scrolled in `rows`."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    class Fitted(Message):
        """The rows have another width now, so have the columns that the frame names."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Rows.Fitted)

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.heights = Heights()
        self._measured: set[int] = set()
        self._painted: dict[int, list[Strip]] = {}
        self._framed: dict[int, tuple[list[Strip], list[Strip]]] = {}
        self._frame: PaneFrame | None = None
        self._on_screen: list[Strip] = []
        self._bar: tuple[tuple[float, ...], list[Segment]] = (), []
        self._settling = False
        self._width_at = (Size(-1, -1), 1)
        self.following = True

    def on_mount(self) -> None:
        if self.ascii_only:
            self.vertical_scrollbar.renderer = AsciiBar  # pyright: ignore[reportAttributeAccessIssue]

    # ----------------------------------------------------------------- for subclasses

    def lines_of(self, row: int, width: int) -> list[Line]:
        """The lines of a row in `width` cells; at least one."""
        raise NotImplementedError

    def guesses(self, rows: range, width: int) -> Iterable[int]:
        """How many lines each of `rows` probably has; cheap."""
        return repeat(1, len(rows))

    def instead(self) -> list[Line]:
        """What stands in the middle when there are no rows."""
        return []

    def heads(self, width: int) -> str:
        """What stands over the columns of the rows, in the frame."""
        return ""

    def foot(self) -> str:
        """What stands in the frame below the rows."""
        return ""

    def come_back(self) -> None:
        """It is on screen again, and made up to date if it was left behind meanwhile."""

    def position_at(self, row: int) -> int | None:
        """The position in the build's timeline of the item in a row, where it shows one."""
        return None

    # ----------------------------------------------------------------- changing

    def reset(self, rows: int, cursor: int | None = None) -> None:
        """All rows anew; the cursor goes to `cursor`, else stays where it is."""
        width = self.row_width
        self.heights = Heights(self.guesses(range(rows), width))
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

    def repaint_rows(self, rows: set[int]) -> None:
        """Rows of unchanged height say something else now: only those on screen cost anything."""
        top, bottom = self._visible()
        for row in rows:
            self._painted.pop(row, None)
            if top <= row <= bottom and row < len(self.heights):
                self.refresh_lines(self.heights.start(row), self.heights[row])

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

    def _point(self, row: int) -> None:
        """The cursor to a row without anything else happening."""
        row = max(0, min(row, len(self.heights) - 1))
        if row != self.cursor:
            self._painted.pop(row, None)
            self._painted.pop(self.cursor, None)
            self.set_reactive(Rows.cursor, row)

    def _to(self, line: int) -> None:
        self.scroll_to(y=max(0, min(line, self._highest)), animate=False, force=True, immediate=True)

    @property
    def _highest(self) -> int:
        return max(0, self.heights.total - self._viewport)

    @property
    def _viewport(self) -> int:
        return self.scrollable_content_region.height

    @property
    def row_width(self) -> int:
        """Cells of a row; off screen as many as before."""
        if self._width_at[0] != self.outer_size and (width := self.scrollable_content_region.width):
            self._width_at = self.outer_size, width
        return max(1, self._width_at[1])

    # ----------------------------------------------------------------- measuring

    def _visible(self) -> tuple[int, int]:
        """First and last row on screen."""
        top = self.scroll_offset.y
        return self.heights.find(top), self.heights.find(top + max(0, self._viewport - 1))

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

    def _near(self) -> range:
        top, bottom = self._visible()
        return range(top, min(bottom + 1, len(self.heights)))

    def _measure(self, row: int) -> None:
        self._measured.add(row)
        start = self.heights.start(row)
        grown = self.heights.set(row, len(self._strips(row)))
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
        """The scroll bar stands where the rows do; it is painted anew only where it looks different then."""
        bar, room = self.vertical_scrollbar, self._viewport
        before = self._bar_picture(bar)
        bar.set_reactive(ScrollBar.window_virtual_size, self.virtual_size.height)
        bar.set_reactive(ScrollBar.window_size, room)
        bar.set_reactive(ScrollBar.position, bar.validate_position(self.scroll_y))
        if self._bar_picture(bar) != before:
            bar.refresh()

    def _bar_picture(self, bar: ScrollBar) -> list[Segment]:
        measures = (self._viewport, bar.window_virtual_size, bar.window_size, bar.position)
        if self._bar[0] != measures:
            self._bar = measures, list(bar.renderer.render_bar(*measures).segments)
        return self._bar[1]

    # ----------------------------------------------------------------- painting

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if not regions:
            self._frame = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

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
        if not len(self.heights) or self.text_selection is not None:
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
            mark = self._row_role(row)
            lines: list[Line] = [[]] if row == BLANK else self.lines_of(row, width)
            strips = [self.strip(line, width, mark) for line in lines]
            self._painted[row] = strips
        return strips

    def _row_role(self, row: int) -> str:
        if row != self.cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred" if not self.following else ""

    def render_line(self, y: int) -> Strip:
        line = self.scroll_offset.y + y
        width = self.row_width
        if not 0 <= line < self.heights.total:
            placeholder = self.instead() if not len(self.heights) else []
            at = y - max(0, (self._viewport - len(placeholder)) // 2)
            return self.strip(placeholder[at] if 0 <= at < len(placeholder) else [], width)
        row = self.heights.find(line)
        strips = self._strips(row)
        within = line - self.heights.start(row)
        strip = strips[within] if within < len(strips) else Strip.blank(width, self.role_style(""))
        return self._selected(strip, line)

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

    def notify_style_update(self) -> None:
        self._painted = {}
        self._frame = None
        self._width_at = Size(-1, -1), self._width_at[1]
        super().notify_style_update()

    # ----------------------------------------------------------------- moving

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

    def on_resize(self) -> None:
        self.refit()
        self.post_message(self.Fitted())

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

    def on_focus(self) -> None:
        self.repaint_rows({self.cursor})

    def on_blur(self) -> None:
        self.repaint_rows({self.cursor})

    def watch_cursor(self, old: int, new: int) -> None:
        self.repaint_rows({old, new})

    def move(self, row: int) -> None:
        """The cursor to a row, which comes into view."""
        if not len(self.heights):
            return
        self.cursor = max(0, min(row, len(self.heights) - 1))
        self.reveal(self.cursor)
        self._moved()

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

    def _moved(self) -> None:
        """The reader took over: following goes on only at the end."""
        self.following = self.at_end
        self.repaint_rows({self.cursor})
        self.post_message(self.Moved(self))

    @property
    def at_end(self) -> bool:
        return self.scroll_offset.y >= self._highest and self.cursor >= len(self.heights) - 1

    def unfolds(self, row: int) -> bool:
        """Whether enter folds and unfolds a row rather than showing it in full."""
        return False

    def action_fold(self, is_open: bool | None = None) -> None:
        """Opens (True), closes (False) or turns the row under the cursor, where rows can be folded."""

    def action_up(self) -> None:
        self.move(self.cursor - 1)

    def action_down(self) -> None:
        self.move(self.cursor + 1)

    def action_page(self, pages: float) -> None:
        line = self.heights.start(self.cursor) + int(pages * max(1, self._viewport))
        self.move(self.heights.find(max(0, line)) if line < self.heights.total else len(self.heights) - 1)

    def action_first(self) -> None:
        self.move(0)

    def action_last(self) -> None:
        self.move(len(self.heights) - 1)
        self._to(self.heights.total)

    def action_follow(self) -> None:
        self.following = True
        if self.display:
            self._fit()
        self.post_message(self.Moved(self))

    def on_click(self, event: events.Click) -> None:
        """To the row; what says that there is more of it opens and closes it."""
        line = self.scroll_offset.y + event.y - self.gutter.top
        if not 0 <= line < self.heights.total:
            return
        row = self.heights.find(line)
        lines, within = self.lines_of(row, self.row_width), line - self.heights.start(row)
        is_fold = within < len(lines) and role_at(lines[within], event.x - self.gutter.left) == "fold"
        self.move(row)
        if is_fold:
            self.action_fold()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL_LINES)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        """The wheel takes the cursor along."""
        event.prevent_default().stop()
        if not (event.ctrl or event.shift):
            self.scroll_relative(y=lines, animate=False, immediate=True)
        self.call_after_refresh(self._cursor_into_view)

    def _cursor_into_view(self) -> None:
        top, bottom = self._visible()
        self.cursor = bottom if self.scroll_offset.y >= self._highest else max(top, min(self.cursor, bottom))
        self._moved()
