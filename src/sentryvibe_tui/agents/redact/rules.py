"""All rules, in the order in which they are tried: what shows its kind comes before what only a name tells of."""

from __future__ import annotations

from .assigned import ASSIGNED
from .next_line import NEXT_LINE
from .places import COMMAND_PLACES, HEADERS, KEYS, URLS
from .rule import Rule
from .shapes import SHAPES

REDACTION_RULES: tuple[Rule, ...] = (*KEYS, *SHAPES, *HEADERS, *URLS, *COMMAND_PLACES, *NEXT_LINE, *ASSIGNED)
