"""Scroll bars: of ASCII where nothing else may be drawn, and painted anew only where they look different."""

from __future__ import annotations

from rich.segment import Segment
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget


class AsciiBar(ScrollBarRender):
    """A scroll bar of coloured blanks."""

    VERTICAL_BARS = [" "] * 8


def use_ascii_bar(widget: Widget) -> None:
    """The vertical scroll bar of `widget` is drawn in ASCII."""
    widget.vertical_scrollbar.renderer = AsciiBar  # pyright: ignore[reportAttributeAccessIssue]


class BarPicture:
    """How a scroll bar looks; one that looks as before after a move is not painted anew."""

    def __init__(self) -> None:
        self._drawn: tuple[tuple[float, ...], list[Segment]] = (), []

    def move(self, bar: ScrollBar, window: int, total: int, position: float) -> None:
        """`bar` shows `window` lines of `total` from `position` on."""
        before = self._segments(bar, window)
        bar.set_reactive(ScrollBar.window_virtual_size, total)
        bar.set_reactive(ScrollBar.window_size, window)
        bar.set_reactive(ScrollBar.position, bar.validate_position(position))
        if self._segments(bar, window) != before:
            bar.refresh()

    def _segments(self, bar: ScrollBar, window: int) -> list[Segment]:
        measures = (window, bar.window_virtual_size, bar.window_size, bar.position)
        if self._drawn[0] != measures:
            self._drawn = measures, list(bar.renderer.render_bar(*measures).segments)
        return self._drawn[1]
