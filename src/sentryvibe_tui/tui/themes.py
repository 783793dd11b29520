"""Our own looks: calm, few colours, much contrast where it counts."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="sentry",
    primary="#7aa2f7",
    secondary="#5a6fa8",
    accent="#d8a657",
    success="#7fbf7a",
    warning="#e0af68",
    error="#ef6f7b",
    foreground="#d3d7e3",
    background="#14161c",
    surface="#1a1d25",
    panel="#1d212b",
    dark=True,
    variables={"text-disabled": "#8f94a2"},
)

LIGHT = Theme(
    name="sentry-light",
    primary="#2f5fc4",
    secondary="#6d84bd",
    accent="#9a6200",
    success="#2c7a33",
    warning="#95600a",
    error="#c0303f",
    foreground="#22262f",
    background="#fbfaf7",
    surface="#f3f1ec",
    panel="#ebe8e1",
    dark=False,
    variables={"text-muted": "#4a4f59", "text-disabled": "#5e636d"},
)

CONTRAST = Theme(
    name="sentry-contrast",
    primary="#6cb6ff",
    secondary="#9ecbff",
    accent="#ffd33d",
    success="#56ff7a",
    warning="#ffd33d",
    error="#ff7b72",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    variables={"text-muted": "#d8d8d8", "text-disabled": "#b8b8b8", "boost": "#2b2b2b"},
)
"""Words are at least 7:1 on their ground (WCAG 2.2, 1.4.6); in the other two 4.5:1 (1.4.3), also under the cursor."""

AUTO = "auto"
"""Dark or light, as the terminal's background is (terminal_background.py)."""

THEMES = (DARK, LIGHT, CONTRAST)


def theme_names() -> list[str]:
    """All there are: our own first, then `auto`, then Textual's."""
    from textual.theme import BUILTIN_THEMES

    return [*(theme.name for theme in THEMES), AUTO, *sorted(BUILTIN_THEMES)]
