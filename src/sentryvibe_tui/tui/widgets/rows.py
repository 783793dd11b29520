"""A long list of rows as the reader handles it: keys and mouse move its cursor, and it says so."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message

from ..actions import bindings
from ..lines import role_at
from .scrolled_rows import ScrolledRows

WHEEL_LINES = 4
"""Lines that a notch of the mouse wheel scrolls."""


class Rows(ScrolledRows, can_focus=True):
    """Rows under the reader's hand."""

    BINDINGS = bindings("rows")

    _room: Size | None = None
    """What the rows were fitted in last."""

    class Moved(Message):
        """The reader moved the cursor or scrolled in `rows`."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

    class Fitted(Message):
        """The rows have another width now, or stand for something else by themselves: so does what the frame says."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Rows.Fitted)

    # ----------------------------------------------------------------- for subclasses

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

    def unfolds(self, row: int) -> bool:
        """Whether enter folds and unfolds a row rather than showing it in full."""
        return False

    def action_fold(self, is_open: bool | None = None) -> None:
        """Opens (True), closes (False) or turns the row under the cursor, where rows can be folded."""

    def row_role(self, row: int) -> str:
        if row != self.cursor:
            return ""
        return "cursor" if self.has_focus else "cursor-blurred" if not self.following else ""

    def on_resize(self) -> None:
        """Sizes are told when the last of them is there already: that is fitted in once."""
        room = self.scrollable_content_region.size
        if room != self._room:
            self._room = room
            self.refit()
            self.post_message(self.Fitted())

    @property
    def is_fitted(self) -> bool:
        return self._room is not None

    def on_hide(self) -> None:
        """What changes meanwhile is fitted in when it comes back."""
        self._room = Size()

    def on_focus(self) -> None:
        self.repaint_rows({self.cursor})

    def on_blur(self) -> None:
        self.repaint_rows({self.cursor})

    # ----------------------------------------------------------------- moving

    def move(self, row: int) -> None:
        """The cursor to a row, which comes into view."""
        if not len(self.heights):
            return
        self.cursor = max(0, min(row, len(self.heights) - 1))
        self.reveal(self.cursor)
        self._moved()

    def _moved(self) -> None:
        """The reader took over: following goes on only at the end."""
        self.following = self.at_end
        self.repaint_rows({self.cursor})
        self.post_message(self.Moved(self))

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
