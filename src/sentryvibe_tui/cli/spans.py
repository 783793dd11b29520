"""Lengths of time as a person writes them: 90s, 30m, 2h, 3d, 1w."""

from __future__ import annotations

import re

from ..model.state import Millis

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def span(text: str) -> Millis | None:
    """Milliseconds of a length of time; None when it is none."""
    parts = re.fullmatch(r"(\d{1,6})\s*([smhdw])", text.strip())
    return int(parts[1]) * _UNITS[parts[2]] if parts else None
