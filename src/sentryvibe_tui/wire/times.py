"""Dates on the wire: ISO 8601 text, or epoch milliseconds, or nothing (docs/protocol.md#dates)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ..model.state import Millis

Time = str | int | float | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = 64

LATEST: Millis = 253_370_764_799_999
"""The end of the year 9998: the last moment that every time zone can show."""


def iso(at: Millis | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, of a moment from 1970 to LATEST; of another one the nearest of these."""
    if at is None:
        return None
    second, rest = divmod(min(max(at, 0), LATEST), 1000)
    return f"{_second(second)}.{rest:03}Z"


@lru_cache(256)
def _second(at: int) -> str:
    """What is reported together happened in the same seconds."""
    return (_EPOCH + timedelta(seconds=at)).isoformat()[:19]


def millis(time: Time) -> Millis | None:
    """Epoch milliseconds of a date in either form; None for what is no date, or none of the years 1970 to 9998."""
    if isinstance(time, str):
        return _parsed(time) if len(time) <= _LONGEST else None
    return int(time) if time is not None and 0 <= time <= LATEST else None


@lru_cache(256)
def _parsed(time: str) -> Millis | None:
    """What is reported together has the same time."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    at = (moment - _EPOCH) // _MILLISECOND
    return at if 0 <= at <= LATEST else None
