"""Roles in the colours of each theme."""

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from sentryvibe_tui.tui.themes import CONTRAST, THEMES, theme_names
from sentryvibe_tui.tui.widgets.roles import THEME_STYLES, role_styles


def _variables(theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def _luminance(color) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (part / 255 for part in color)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [*THEMES, *BUILTIN_THEMES.values()], ids=lambda theme: theme.name)
def test_every_theme_has_every_role(theme) -> None:
    styles = role_styles(_variables(theme), ansi=theme.ansi)
    assert styles.keys() == THEME_STYLES.keys()
    assert bool(styles["dim"].dim) == theme.ansi


def _contrast(one, other) -> float:
    dark, light = sorted(_luminance(color) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


DRAWN = {"bar", "bar-done", "bar-bad"}
"""Roles of strokes, of which 3:1 is asked (WCAG 2.2, 1.4.11)."""


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", THEME_STYLES)
def test_words_stand_out_from_their_ground(theme, name) -> None:
    """On the background, on the bars above and below, under the cursor."""
    variables = _variables(theme)
    styles = role_styles(variables)
    grounds = [styles[name].bgcolor, styles["cursor"].bgcolor, styles["cursor-blurred"].bgcolor]
    if name == "hit":
        grounds = grounds[:1]
    least = 3 if name in DRAWN else 7 if theme is CONTRAST else 4.5
    triplets = [ground.get_truecolor() for ground in grounds] + [Color.parse(variables["panel"]).rgb]
    assert min(_contrast(styles[name].color.get_truecolor(), ground) for ground in triplets) >= least


def test_names_of_themes() -> None:
    assert theme_names()[:3] == ["sentry", "sentry-light", "sentry-contrast"]
    assert {"ansi-dark", "nord"} < set(theme_names())
