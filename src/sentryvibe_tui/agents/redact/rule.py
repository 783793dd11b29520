"""One kind of secret in a text: what it looks like, and what of it stays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import regex  # pyright: ignore[reportMissingTypeStubs]

SLOW = 0.25
"""Seconds that an own pattern may take for a text; what it could not look through is masked whole."""

_LONG = 256
"""Characters of a match that is no secret in which no other one is looked for."""
NO_REGEX = "redaction patterns of your own need the package `regex`, which is not installed"


def always(match: re.Match[str]) -> bool:
    """A shape that needs no second look."""
    return True


class Rule(Struct, frozen=True):
    """`source`: a regular expression, whose group 1, where there is one, is kept; compiled when it is first needed.

    `signs`: text without any of them cannot match. `judge` has the last word on a match. `is_spaced`: white space may
    stand between its parts, so that a text that grows word by word may have to wait for the rest; `begun` then is what
    may become a match, where that is simpler than `source`. `is_at_sign`: a match begins where a sign does.
    """

    kind: str
    signs: tuple[str, ...]
    source: str
    judge: Callable[[re.Match[str]], bool] = always
    is_spaced: bool = False
    prefix: str = ""
    is_at_sign: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        return _compiled(self.source)

    def replacement(self, text: str, counts: Counter[str]) -> str:
        """`said` without what is to be hidden; how often that was found is counted."""

        def mask(match: re.Match[str]) -> str:
            if not self.judge(match):
                return match[0]
            counts[self.kind] += 1
            return masked(match, self.kind)

        return self.pattern.sub(mask, text)

    def masked_at(self, places: Iterable[int], text: str, counts: Counter[str]) -> str:
        """As `masked`, of a text in which it can match at `places` only, which are in order."""
        parts: list[str] = []
        end = after = 0
        fit = self.pattern.match
        for place in places:
            match = fit(text, place) if place >= after else None
            if match is None:
                continue
            if self.judge(match):
                counts[self.kind] += 1
                parts += text[end:place], masked(match, self.kind)
                end = after = match.end()
            elif match.end() - place > _LONG:
                after = match.end()
        return "".join((*parts, text[end:])) if parts else text


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


class OwnRule(Struct, frozen=True):
    """A pattern that a user wrote: one that takes for ever must not hold up what it looks through, nor let it pass."""

    pattern: regex.Pattern[str]

    @property
    def prefix(self) -> str:
        return self.pattern.pattern

    @property
    def source(self) -> str:
        return self.pattern.pattern

    def redact(self, text: str, counts: Counter[str]) -> str:
        """As with Rule."""
        try:
            text, count = self.pattern.subn(lambda match: masked(match, "own"), text, timeout=SLOW + len(text) / 1e6)
        except TimeoutError:
            counts[f"{self.pattern.pattern!r}, too slow"] += 1
            return f"<redacted: {self.pattern.pattern!r} took too long>"
        if count:
            counts["own"] += count
        return text


AnyRule = Rule | OwnRule


def masked(match: re.Match[str] | regex.Match[str], kind: str) -> str:
    """What is put in the place of a match."""
    kept = match[1] if match.re.groups and match[1] else ""
    return f"{kept}{mask(kind)}"


def mask(kind: str) -> str:
    """`<redacted kind>`."""
    return f"<redacted {kind}>"


def own_rule(pattern: str) -> OwnRule:
    """Raises ValueError for a pattern that is of no use."""
    try:
        import regex  # pyright: ignore[reportMissingTypeStubs]  # few have patterns of their own
    except ImportError:
        raise ValueError(NO_REGEX) from None
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"redaction pattern {pattern!r} is no regular expression: {error}") from None
    if compiled.search(""):
        raise ValueError(f"redaction pattern {pattern!r} fits nothing at all, and so everywhere")
    return OwnRule(compiled)
