"""How much of a text that grows can be shown: what may be the beginning of a secret waits for its rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from .rule import AnyRule, Rule

if TYPE_CHECKING:
    import regex  # pyright: ignore[reportMissingTypeStubs]

TAIL_LIMIT = 4096
"""Characters that wait at most."""
HELD_KEY = 32 * 1024
"""The same for a private key: it has many words."""
SLOW = 0.01
"""Seconds in which it shows whether something has begun; else it is taken to have."""

_BEGUN_KEY = re.compile(r"-{4,5} ?BEGIN (?=[A-Z0-9 ]{0,40}(?:PRIVATE KEY|\Z))")
_ENDED_KEY = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}-{4,5}")
_NO_TEXT = "\U0010fffe"
"""Stands in no text: a pattern that goes on with it never fits, but tells where it could, with more text."""


def settled_end(text: str, rules: Iterable[AnyRule]) -> int:
    """Characters of `said` that no rest can make part of a secret, by the rules whose signs are in its last HELD.

    The last word grows; before it may stand what says that it is a secret, like `password =`.
    """
    key = _key(text)
    if key is not None:
        return key
    start, last = window(text), word_start(text, len(text))
    tail = text[start:]
    spaced = [rule for rule in rules if not isinstance(rule, Rule) or rule.is_spaced]
    end = min((_partial_match(rule, tail) for rule in spaced), default=len(tail))
    end = start + _outside(spaced, tail, word_start(tail, end))
    if len(text) - end <= TAIL_LIMIT:
        return end
    return last if len(text) - last <= TAIL_LIMIT else len(text)


def _outside(rules: Sequence[AnyRule], text: str, end: int) -> int:
    """`end`, or where the words of a match begin that it would cut."""
    while cut := [at for rule in rules if (at := _cut(rule, text, end)) < end]:
        end = word_start(text, min(cut))
    return end


def _cut(rule: AnyRule, text: str, end: int) -> int:
    return next((match.start() for match in rule.pattern.finditer(text) if match.start() < end < match.end()), end)


def window(text: str) -> int:
    """Where the words begin of which any may wait."""
    return word_start(text, len(text) - TAIL_LIMIT - 1) if len(text) > TAIL_LIMIT else 0


def word_start(text: str, at: int) -> int:
    """Where the word begins that `at` lies in."""
    return max(text.rfind(space, 0, at) for space in " \n\t\r") + 1


def _key(text: str) -> int | None:
    """Where a private key begins that has not ended."""
    for match in _BEGUN_KEY.finditer(text, max(0, len(text) - HELD_KEY)):
        if _ENDED_KEY.search(text, match.end()) is None:
            return word_start(text, match.start())
    return None


def _partial_match(rule: AnyRule, text: str) -> int:
    """Where in `said` a match begins that more text could complete or lengthen."""
    pattern = half_pattern(rule.prefix or rule.source)
    if pattern is None:
        return _last_lines(text)
    try:
        match = pattern.search(text, partial=True, timeout=SLOW)
    except TimeoutError:
        return 0
    return len(text) if match is None else match.start()


def _last_lines(text: str) -> int:
    """Where the last four lines begin: a name, a sign, a value, and the beginning of what follows."""
    at = len(text)
    for _ in range(4):
        at = max(0, text.rfind("\n", 0, at))
    return at + 1 if at else 0


@cache
def half_pattern(pattern: str) -> regex.Pattern[str] | None:
    """What finds the half of a match at an end; None without the package that can."""
    try:
        import regex  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        return None
    return regex.compile(f"(?:{pattern}){_NO_TEXT}")
