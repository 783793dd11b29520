"""Widgets that paint lines: roles become styles of the theme, lines become strips. Nothing here reads markup."""

from __future__ import annotations

from typing import ClassVar, Self, cast

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..lines import Line, encodable, length, steady_width
from .roles import role_styles

ASCII_MARKS = str.maketrans("…“”↑↓←→·", '~""^v<>-')
"""What our own words use beside the glyphs of `report.words`."""


class Painted(Widget):
    """A widget whose lines are made of roles (`roles.THEME_STYLES`; the empty one is plain text)."""

    ALLOW_SELECT = False

    _role_styles: dict[tuple[str, str], Style] | None = None
    _styles: ClassVar[dict[str, Style]] = {}
    _styles_of: ClassVar[dict[str, str] | None] = None

    def notify_style_update(self) -> None:
        self._role_styles = None
        super().notify_style_update()

    def role_style(self, role: str, row: str = "") -> Style:
        """The style of `role`, on the background of the role `row`."""
        if self._role_styles is None:
            self._role_styles = {}
        style = self._role_styles.get((role, row))
        if style is None:
            style = self._role_styles[role, row] = self._mixed_style(role, row)
        return style

    def _mixed_style(self, role: str, row: str) -> Style:
        style, theme_styles = self.rich_style, self._theme_styles()
        if role:
            own = theme_styles[role]
            style += Style(bgcolor=own.bgcolor) if role == "hit" else Style()
            style += Style(color=own.color, bold=own.bold, italic=own.italic, dim=own.dim)
            style += Style(underline=own.underline)
        if row and role != "hit":
            style += Style(bgcolor=theme_styles[row].bgcolor, reverse=theme_styles[row].reverse)
            if theme_styles[row].reverse:  # a faint word would be a patch in the bar
                style += Style(color=theme_styles[row].color, dim=False)
        return style

    def _theme_styles(self) -> dict[str, Style]:
        """All roles in the colours of the theme; made once for all widgets."""
        variables = self.app.theme_variables  # pyright: ignore[reportUnknownMemberType]
        if Painted._styles_of is not variables:
            Painted._styles_of = variables
            Painted._styles = role_styles(variables, ansi=self.app.native_ansi_color, plain=self.app.no_color)  # pyright: ignore[reportUnknownMemberType]
        return Painted._styles

    @property
    def ascii_only(self) -> bool:
        return bool(getattr(cast("object", self.app), "ascii_only", False))  # pyright: ignore[reportUnknownMemberType]

    def strip(self, line: Line, width: int, row: str = "") -> Strip:
        """`line` as exactly `width` cells."""
        if self.ascii_only:
            encoding = str(getattr(cast("object", self.app), "encoding", ""))  # pyright: ignore[reportUnknownMemberType]
            line = [(encodable(text.translate(ASCII_MARKS), encoding), role) for text, role in line]
        segments = [Segment(steady_width(text), self.role_style(role, row)) for text, role in line if text]
        return Strip(segments, length(line)).adjust_cell_length(width, self.role_style("", row))

    def with_line_filters(self, strip: Strip) -> Strip:
        """`strip` as a screen without colours shows it, where this is one."""
        for one in self.get_line_filters():
            strip = strip.apply_filter(one, self.background_colors[1])
        return strip


class Bar(Painted):
    """One line across the screen."""

    _line: Line = []
    _width = -1
    _drawn: Strip | None = None

    def line(self, width: int) -> Line:
        """What to show now, in `width` cells."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Repaints if the line became another."""
        width = self.content_size.width
        line = self.line(width)
        if line != self._line or width != self._width:
            self._line, self._width = line, width
            self.refresh()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self._drawn = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        self._drawn = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The line, drawn once for as long as it says the same; nothing stands around it."""
        if crop.size != self.size or crop.height != 1:
            return super().render_lines(crop)
        if self._drawn is None or self._drawn.cell_length != crop.width:
            self._drawn = self.with_line_filters(self.render_line(0))
        return [self._drawn]

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if width != self._width:
            self._line, self._width = self.line(width), width
        return self.strip(self._line if y == 0 else [], width)
