"""A screen of rows: the mouse selects their text, and what a key did is painted at once."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget

from .. import internals
from .painted_rows import PaintedRows

FRAME_SECONDS = 1 / 60
"""Between two paints of Textual's own."""


class RowsScreen(Screen[Any]):
    """A screen of rows.

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
        return widget, widget.offset_at(x, y) if isinstance(widget, PaintedRows) else offset
