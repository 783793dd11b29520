"""A usage limit of the user's plan, which ends a turn until it is reset: Claude Code may then go on by itself.

Other refusals with `rate_limit` (a server that is busy, a key's own rate) end a turn and nothing waits for them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from ...model.state import Millis
from ..common.values import Record, number, obj, text

WORDS = "rate limit"
"""What is waited for, in a few words."""
CONTINUE = "Continue from where you left off."
"""What the program says to the model, in a person's place, when the limit is reset."""
OPTIONS = ("/rate-limit-options",)
"""The program's own question what to do: whoever comes to answer it does not wait."""

_REACHED = re.compile(r"\bhit your\b.{0,60}\blimit\b|\blimit reached\b", re.IGNORECASE)
_EPOCH = re.compile(r"\|(\d{10})\b")
_RESET = re.compile(
    r"\bresets?(?: at)? (?:(?P<month>[a-z]{3}) (?P<day>\d{1,2})(?:, (?P<year>\d{4}))?(?:,| at)? )?"
    r"(?P<hour>1[0-2]|0?[1-9])(?::(?P<minute>\d\d))? ?(?P<half>[ap])m\b(?: \((?P<zone>[^)]+)\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Limit(Struct, frozen=True):
    """`until`: when it is reset, epoch milliseconds; None where that is not said."""

    until: Millis | None = None


def limit_in(record: Record, said: str, at: Millis | None) -> Limit | None:
    """The limit that a record of a failed request or a hook tells, `said` in words. `at`: when it did."""
    kind = text(record, "apiError")
    if (kind and kind != "usage_limit_reached") or not (kind or _REACHED.search(said[:1000])):
        return None
    resets = number(obj(obj(record, "apiErrorParams"), "rate_limit_info"), "resetsAt")
    return Limit(int(resets * 1000) if resets else reset_in(said[:1000], at))


def reset_in(text: str, at: Millis | None) -> Millis | None:
    """When `said` says that the limit is reset: a time of the day, with a date if it is far off; without a named zone
    in this machine's."""
    epoch, match = _EPOCH.search(text), _RESET.search(text)
    if epoch is not None:
        return int(epoch[1]) * 1000
    if match is None or at is None:
        return None
    try:
        zone = ZoneInfo(match["zone"]) if match["zone"] else None
        return int(_next(match, at, zone).timestamp() * 1000)
    except (ValueError, OSError, LookupError, OverflowError):  # no such zone, hour or day
        return None


def _next(match: re.Match[str], at: Millis, zone: tzinfo | None) -> datetime:
    now = datetime.fromtimestamp(at / 1000, zone)
    hour = int(match["hour"]) % 12 + (12 if match["half"].lower() == "p" else 0)
    reset = now.replace(hour=hour, minute=int(match["minute"] or 0), second=0, microsecond=0)
    if match["month"] is None:
        return reset if reset > now else reset + timedelta(days=1)
    month = _MONTHS.index(match["month"].lower()) + 1
    reset = reset.replace(month=month, day=int(match["day"]), year=int(match["year"] or now.year))
    return reset.replace(year=now.year + 1) if not match["year"] and reset < now else reset
