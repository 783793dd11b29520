"""Widgets that paint lines: roles become styles of the theme, lines become strips. Nothing here reads markup."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from ..lines import Line, length

ROLES = (
    "strong",
    "em",
    "verb",
    "subject",
    "dim",
    "faint",
    "good",
    "busy",
    "warn",
    "bad",
    "accent",
    "heading",
    "code",
    "thought",
    "key",
    "bar",
    "bar-bad",
    "bar-done",
    "alarm",
    "hit",
    "cursor",
    "cursor-blurred",
)
"""Names of styles in painted.tcss, as `.role--<name>`. The empty role is plain text."""

COMPONENT = "role--"


class Painted(Widget):
    """A widget whose lines are made of roles; its screen has them as component classes, once for all its widgets."""

    ALLOW_SELECT = False

    _role_styles: dict[tuple[str, str], Style] | None = None

    def notify_style_update(self) -> None:
        self._role_styles = None
        super().notify_style_update()

    def role_style(self, role: str, row: str = "") -> Style:
        """The style of `role`, on the background of the role `row`."""
        if self._role_styles is None:
            self._role_styles = {}
        found = self._role_styles.get((role, row))
        if found is None:
            style = self.rich_style
            if role:
                named = self._of_screen(role)
                style += Style(bgcolor=named.bgcolor) if role == "hit" else Style()
                style += Style(color=named.color, bold=named.bold, italic=named.italic, dim=named.dim)
            if row and role != "hit":
                style += Style(bgcolor=self._of_screen(row).bgcolor)
            found = self._role_styles[role, row] = style
        return found

    def _of_screen(self, role: str) -> Style:
        return self.screen.get_component_rich_style(COMPONENT + role)

    def strip(self, line: Line, width: int, row: str = "") -> Strip:
        """`line` as exactly `width` cells."""
        segments = [Segment(text, self.role_style(role, row)) for text, role in line if text]
        return Strip(segments, length(line)).adjust_cell_length(width, self.role_style("", row))


class Bar(Painted):
    """One line across the screen."""

    _line: Line = []

    def line(self, width: int) -> Line:
        """What to show now, in `width` cells."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Repaints if the line became another."""
        line = self.line(self.content_size.width)
        if line != self._line:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        self._line = self.line(width)
        return self.strip(self._line if y == 0 else [], width)
