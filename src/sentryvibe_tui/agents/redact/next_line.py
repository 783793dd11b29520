"""Values on the line after a secret's name: a block of YAML (`password: |-`), and what a sign at a line's end promises.

A block is what YAML 1.2 calls a block scalar (section 8.1): `|` or `>`, with an indentation and `-` or `+`.
"""

from __future__ import annotations

import re

from .grammar import ARGUMENT, GAP, VALUE
from .names import STEMS, name_kind, stem_pattern
from .naming import TAIL, whole_name
from .rule import Rule
from .worth import is_literal_secret, is_quoted_secret, is_strong_secret

_END = r"\r?\n"
_EMPTY = rf"(?:[ \t]{{0,64}}{_END}){{0,8}}"
_HEAD = rf"{GAP}:[ \t]{{1,16}}(?:[!&]\S{{1,64}}[ \t]{{1,8}}){{0,2}}[|>](?:[-+]?(?P<digit>[1-9])[-+]?|[-+])?"
_LINE = r"[^\r\n]{1,2048}"
_OUTDENTED = r"(?(digit)[ \t]{1,64}(?!-[ \t]|[\w.\"'-]{1,80}:(?:\s|\Z)|\s)|(?!))"
"""A line may begin before the first one where the indentation was written down; a key of its own is none."""
_BLOCK = (
    rf"[\"']?{_HEAD}{GAP}(?:#[^\r\n]{{0,200}})?{_END}{_EMPTY}(?P<indent>[ \t]{{1,64}}))"
    rf"(?P<block>(?!\s){_LINE}(?:{_END}{_EMPTY}(?:(?P=indent)|{_OUTDENTED}){_LINE}){{0,64}})"
)
_SIGN = r"(?::=|=>|[=:])"
_BREAK = rf"{GAP}{_END}{GAP}"
_APART = rf"\\{{0,3}}[\"'`]?(?:{GAP}{_SIGN}{_BREAK}|{_BREAK}{_SIGN}(?:{_BREAK}|{GAP}))"
_LEAD = re.compile(r"[ \t]*(?:-[ \t]+)*")
_ALONE = re.compile(r"[ \t]*(?:\r?\n|\Z)")


def _is_block(match: re.Match[str]) -> bool:
    """Indented more than the line of its name, or the block is empty and the line is its neighbour's."""
    said, kind = match.string, name_kind(whole_name(match))
    start = said.rfind("\n", 0, match.start()) + 1
    lead = _LEAD.match(said, start, match.start())
    is_inside = len(match["indent"]) > (len(lead[0]) if lead else 0)
    return bool(kind) and is_inside and is_literal_secret(kind, " ".join(match["block"].split()))


def _is_next(match: re.Match[str]) -> bool:
    kind = name_kind(whole_name(match))
    if not kind:
        return False
    if match["quoted"]:
        return is_quoted_secret(kind, match["quoted"])
    return is_strong_secret(kind, match["bare"], bool(_ALONE.match(match.string, match.end())))


NEXT_LINE = (
    Rule(
        "assigned-secret",
        STEMS,
        rf"((?P<name>{stem_pattern()}{TAIL}){_BLOCK}",
        _is_block,
        is_spaced=True,
        is_at_sign=True,
    ),
    Rule(
        "assigned-secret",
        STEMS,
        rf"((?P<name>{stem_pattern()}{TAIL}){_APART}{ARGUMENT}){VALUE}",
        _is_next,
        is_spaced=True,
        prefix=rf"((?P<name>{stem_pattern()}{TAIL}){_APART}{ARGUMENT}){VALUE}{GAP}",
        is_at_sign=True,
    ),
)
