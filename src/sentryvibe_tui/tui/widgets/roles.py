"""Roles of painted lines as styles of the theme. Colour only supports what glyphs and words say.

They are read from the theme's variables: component classes would cost a stylesheet and a style per role and screen.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from rich.style import Style
from textual.color import Color


class ThemeStyle(Struct, frozen=True):
    """`color` and `background` are a variable of the theme, with a percentage if only part of it shows."""

    color: str = "foreground"
    background: str = ""
    bold: bool | None = None
    italic: bool | None = None
    fades: bool = False
    """Where colours are the terminal's own, fainter is said by the dim attribute."""


THEME_STYLES: Mapping[str, ThemeStyle] = {
    "strong": ThemeStyle(bold=True),
    "em": ThemeStyle(italic=True),
    "verb": ThemeStyle("foreground 85%"),
    "subject": ThemeStyle("foreground 75%"),
    "dim": ThemeStyle("text-muted", fades=True),
    "faint": ThemeStyle("text-disabled", fades=True),
    "fold": ThemeStyle("text-disabled", fades=True),
    "good": ThemeStyle("text-success"),
    "busy": ThemeStyle("text-primary"),
    "warn": ThemeStyle("text-warning"),
    "bad": ThemeStyle("text-error"),
    "accent": ThemeStyle("text-accent"),
    "heading": ThemeStyle("text-primary", bold=True),
    "code": ThemeStyle("text-accent"),
    "thought": ThemeStyle("text-muted", italic=True),
    "key": ThemeStyle("text-primary", bold=True),
    "bar": ThemeStyle("primary"),
    "bar-done": ThemeStyle("success"),
    "bar-bad": ThemeStyle("error"),
    "alarm": ThemeStyle("text-warning", bold=True),
    "hit": ThemeStyle(background="warning 38%", bold=True),
    "cursor": ThemeStyle(background="primary 16%"),
    "cursor-blurred": ThemeStyle(background="boost"),
}


def role_styles(variables: Mapping[str, str], *, ansi: bool = False, plain: bool = False) -> dict[str, Style]:
    """Every role as a style on the theme's background, from the theme's variables (`App.theme_variables`).

    `plain`: no colours are shown, so the cursor is in reverse and hits are underlined.
    """
    base = Color.parse(variables["background"])
    styles = dict[str, Style]()
    for name, style in THEME_STYLES.items():
        background = base + _color(style.background, variables, base) if style.background else base
        color = background + _color(style.color, variables, background)
        dim = True if style.fades and ansi else None
        attributes = Style(bold=style.bold, italic=style.italic, dim=dim)
        styles[name] = attributes + Style.from_color(color.rich_color, background.rich_color)
    if plain:
        styles["cursor"] += Style(reverse=True)
        styles["hit"] += Style(underline=True)
    return styles


def _color(named: str, variables: Mapping[str, str], background: Color) -> Color:
    """`text-muted`, `primary 16%`; a variable's own value may be `auto 60%`, what contrasts with `background`."""
    name, _, part = named.partition(" ")
    value, _, share = variables[name].partition(" ")
    color = background.get_contrast_text(1.0) if value == "auto" else Color.parse(value)
    for percentage in (share, part):
        if percentage:
            color = color.multiply_alpha(float(percentage.removesuffix("%")) / 100)
    return color
