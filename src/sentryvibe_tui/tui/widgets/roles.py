"""Roles of painted lines as styles of the theme. Colour only supports what glyphs and words say.

They are read from the theme's variables: component classes would cost a stylesheet and a style per role and screen.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from rich.style import Style
from textual.color import Color


class Role(Struct, frozen=True):
    """`color` and `ground` are a variable of the theme, with a percentage if only part of it shows."""

    color: str = "foreground"
    ground: str = ""
    bold: bool | None = None
    italic: bool | None = None
    fades: bool = False
    """Where colours are the terminal's own, fainter is said by the dim attribute."""


ROLES: Mapping[str, Role] = {
    "strong": Role(bold=True),
    "em": Role(italic=True),
    "verb": Role("foreground 85%"),
    "subject": Role("foreground 75%"),
    "dim": Role("text-muted", fades=True),
    "faint": Role("text-disabled", fades=True),
    "fold": Role("text-disabled", fades=True),
    "good": Role("text-success"),
    "busy": Role("text-primary"),
    "warn": Role("text-warning"),
    "bad": Role("text-error"),
    "accent": Role("text-accent"),
    "heading": Role("text-primary", bold=True),
    "code": Role("text-accent"),
    "thought": Role("text-muted", italic=True),
    "key": Role("text-primary", bold=True),
    "bar": Role("primary"),
    "bar-done": Role("success"),
    "bar-bad": Role("error"),
    "alarm": Role("text-warning", bold=True),
    "hit": Role(ground="warning 38%", bold=True),
    "cursor": Role(ground="primary 16%"),
    "cursor-blurred": Role(ground="boost"),
}


def role_styles(variables: Mapping[str, str], *, ansi: bool = False, plain: bool = False) -> dict[str, Style]:
    """Every role as a style on the theme's background, from the theme's variables (`App.theme_variables`).

    `plain`: no colours are shown, so the cursor is in reverse and hits are underlined.
    """
    base = Color.parse(variables["background"])
    styles = dict[str, Style]()
    for name, role in ROLES.items():
        ground = base + _color(role.ground, variables, base) if role.ground else base
        color = ground + _color(role.color, variables, ground)
        dim = True if role.fades and ansi else None
        said = Style(bold=role.bold, italic=role.italic, dim=dim)
        styles[name] = said + Style.from_color(color.rich_color, ground.rich_color)
    if plain:
        styles["cursor"] += Style(reverse=True)
        styles["hit"] += Style(underline=True)
    return styles


def _color(named: str, variables: Mapping[str, str], ground: Color) -> Color:
    """`text-muted`, `primary 16%`; a variable's own value may be `auto 60%`, what contrasts with `ground`."""
    name, _, part = named.partition(" ")
    value, _, share = variables[name].partition(" ")
    color = ground.get_contrast_text(1.0) if value == "auto" else Color.parse(value)
    for percentage in (share, part):
        if percentage:
            color = color.multiply_alpha(float(percentage.removesuffix("%")) / 100)
    return color
