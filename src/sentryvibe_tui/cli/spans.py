"""Lengths of time as a person writes them: 90s, 30m, 2h, 3d, 1w."""

from __future__ import annotations

import math
import re

import click

from ..model.state import Millis

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def span(text: str) -> Millis | None:
    """Milliseconds of a length of time; None when it is none."""
    parts = re.fullmatch(r"(\d{1,6})\s*([smhdw])", text.strip())
    return int(parts[1]) * _UNITS[parts[2]] if parts else None


class Length(click.ParamType[float]):
    """An option's length of time, in `unit`s (of `_UNITS`): a number of them, or a span in any unit."""

    name = "length"

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        length = span(value)
        if length is not None:
            return length / _UNITS[self._unit]
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"{value!r}: a number, or like 90s, 30m, 2h, 3d, 1w.", param, ctx)
        return number


class Speed(click.ParamType[float]):
    """How many times as fast as it happened."""

    name = "times"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            speed = float(value)
        except ValueError:
            speed = math.nan
        if not 0 < speed < math.inf:
            self.fail(f"{value!r}: a number above 0, like 2, 0.5 or 10.", param, ctx)
        return speed
