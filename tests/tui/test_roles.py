"""Roles in the colours of each theme."""

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from sentryvibe_tui.tui.themes import CONTRAST, THEMES, theme_names
from sentryvibe_tui.tui.widgets.roles import ROLES, role_styles


def _variables(theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


@pytest.mark.parametrize("theme", [*THEMES, *BUILTIN_THEMES.values()], ids=lambda theme: theme.name)
def test_every_theme_has_every_role(theme) -> None:
    styles = role_styles(_variables(theme), ansi=theme.ansi)
    assert styles.keys() == ROLES.keys()
    assert bool(styles["dim"].dim) == theme.ansi


def test_words_of_the_contrast_theme_are_7_to_1() -> None:
    for name, style in role_styles(_variables(CONTRAST)).items():
        if name != "hit":
            ratio = Color.from_rich_color(style.bgcolor).get_contrast_ratio(Color.from_rich_color(style.color))
            assert ratio >= 7, name


def test_names_of_themes() -> None:
    assert theme_names()[:3] == ["sentry", "sentry-light", "sentry-contrast"]
    assert {"ansi-dark", "nord"} < set(theme_names())
