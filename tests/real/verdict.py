"""What a monitor said of an agent beside what was so: how late each change was told, and where it was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LIMIT = 1.0
"""Seconds within which a change must be told, on a machine that has time for it."""
EARLY = 0.6
"""Seconds that a monitor may be ahead: agents' own words come 60 to 340 ms after the fact, and both are sampled."""


class Moment(NamedTuple):
    """Times are Unix seconds. `truth` may allow several kinds, `idle|ended`; it is empty while nobody knows."""

    at: float
    truth: str
    changed: float
    """Since when that is the truth, by its source."""
    ours: str
    since: float


class Stretch(NamedTuple):
    truth: str
    start: float
    end: float
    moments: tuple[Moment, ...]


class Delay(NamedTuple):
    truth: str
    seconds: float | None
    """None when it was never told."""


def stretches(moments: Sequence[Moment]) -> list[Stretch]:
    """Of one truth each; its start is what the truth's source says, and never before the one before began."""
    parts: list[list[Moment]] = []
    for moment in moments:
        if not parts or parts[-1][-1].truth != moment.truth:
            parts.append([])
        parts[-1].append(moment)
    starts = [
        max(part[0].changed, before[-1].at if before else 0.0)
        for part, before in zip(parts, [[], *parts], strict=False)
    ]
    ends = [*starts[1:], float("inf")]
    return [Stretch(part[0].truth, *span, tuple(part)) for part, *span in zip(parts, starts, ends, strict=True)]


def delays(moments: Sequence[Moment]) -> list[Delay]:
    """Seconds until each change was told; 0 for what was told ahead."""
    told: list[Delay] = []
    for stretch in stretches(moments):
        right = (moment.at for moment in stretch.moments if fits(moment))
        first = next(right, None)
        told.append(Delay(stretch.truth, None if first is None else max(0.0, first - stretch.start)))
    return told


def fits(moment: Moment) -> bool:
    return moment.ours in moment.truth.split("|")


def faults(moments: Sequence[Moment], slow: float) -> list[str]:
    """One for each stretch in which anything else was said, on a machine so many times slower than it could be."""
    found: list[str] = []
    limit, early = LIMIT * slow, EARLY * slow
    parts = stretches(moments)
    for number, stretch in enumerate(parts):
        due = [one for one in stretch.moments if stretch.start + limit < one.at < stretch.end - early]
        wrong = next((one for one in due if one.truth and not fits(one)), None)
        if wrong is not None:
            late = wrong.at - stretch.start
            found.append(f"{wrong.ours or 'nothing'} was said {late:.1f} s after it was {stretch.truth}")
        elif due and stretch.truth and abs(off := due[-1].since - _begin(parts[: number + 1], due[-1].ours)) > limit:
            found.append(f"{stretch.truth} was said to be so since {off:+.1f} s")
    return found


def _begin(parts: Sequence[Stretch], kind: str) -> float:
    """Since when it is so at the end of `parts`: idle stays idle where it may have ended meanwhile."""
    begin = parts[-1].start
    for part in reversed(parts):
        if kind not in part.truth.split("|"):
            break
        begin = part.start
    return begin
