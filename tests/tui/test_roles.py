"""Roles in the colours of each theme."""

import pytest
from textual.theme import BUILTIN_THEMES

from sentryvibe_tui.tui.themes import CONTRAST, THEMES, theme_names
from sentryvibe_tui.tui.widgets.roles import ROLES, role_styles


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
    assert styles.keys() == ROLES.keys()
    assert bool(styles["dim"].dim) == theme.ansi


def test_words_of_the_contrast_theme_are_7_to_1() -> None:
    for name, style in role_styles(_variables(CONTRAST)).items():
        if name != "hit":
            dark, light = sorted(_luminance(color.get_truecolor()) for color in (style.color, style.bgcolor))
            assert (light + 0.05) / (dark + 0.05) >= 7, name


def test_names_of_themes() -> None:
    assert theme_names()[:3] == ["sentry", "sentry-light", "sentry-contrast"]
    assert {"ansi-dark", "nord"} < set(theme_names())
