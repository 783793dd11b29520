"""What rules for texts are made of: quotes, gaps, values with and without quotes."""

from __future__ import annotations

import re
from collections.abc import Callable

from .rule import Rule, always

QUOTE = r"\\{0,3}(?:\"{3}|'{3}|[\"'`])"
GAP = r"[ \t]{0,16}+"
_IN_QUOTES = r"(?:(?!(?P=quote))(?:\\.|[^\n])){1,2048}"
_UNQUOTED = r"(?:[^\s\"'`,;<>|\\&]|&(?![\w.-]{1,40}=)){1,2048}"
ARGUMENT = rf"(?P<quote>{QUOTE})?"
"""The quote of a value, if it has one; stands at the end of what is kept."""
VALUE = rf"(?(quote)(?P<quoted>{_IN_QUOTES})|(?P<bare>{_UNQUOTED}))"
"""What follows ARGUMENT. A quote that never closes ends with its line."""


def spaced_rule(
    kind: str, signs: str, pattern: str, judge: Callable[[re.Match[str]], bool] = always, prefix: str = ""
) -> Rule:
    """A rule whose parts white space may stand between. `signs` are separated by spaces."""
    return Rule(kind, tuple(signs.split()), pattern, judge, is_spaced=True, prefix=prefix)


def at_sign(kind: str, signs: str, pattern: str, judge: Callable[[re.Match[str]], bool] = always) -> Rule:
    """The same of one that begins with its sign."""
    return Rule(kind, tuple(signs.split()), pattern, judge, is_spaced=True, is_at_sign=True)
