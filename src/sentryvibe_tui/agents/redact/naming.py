"""The name that a stem of one is found in."""

from __future__ import annotations

import re

TAIL = r"[A-Za-z0-9]{0,24}+(?:[_-][A-Za-z0-9]{1,24}+){0,6}+(?=[\s\"'`\\\]:=+?]|\Z)"
"""What may follow a stem up to the end of its name."""
_BEFORE = re.compile(r"(?:.*[^\w.-])?([\w.-]*)", re.DOTALL)


def whole_name(match: re.Match[str]) -> str:
    """The whole name that a stem is part of: what stands before it may make it another."""
    said, start = match.string, match.start("name")
    before = _BEFORE.fullmatch(said, max(0, start - 64), start)
    return ((before[1] if before else "") + match["name"]).strip("-.")
