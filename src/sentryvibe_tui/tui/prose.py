"""Text of an agent as lines: light Markdown, line by line, never a document tree. Pure."""

from __future__ import annotations

import re

from ..model.text import clean
from ..report.markdown import FENCE, HEADING, THEMATIC_BREAK, spans
from ..report.words import Glyphs
from .lines import Line, wrap

LIMIT = 20_000
"""Characters of one note that are laid out."""

_ITEM = r"(\s*)([-*+]|\d{1,3}[.)])\s+(.*)"


def prose(text: str, width: int, glyphs: Glyphs, base: str = "", limit: int = LIMIT) -> list[Line]:
    """`text` (as the agent gave it) in lines of `width` cells, single blank lines inside."""
    lines: list[Line] = []
    fenced = False
    for raw in clean(text[:limit]).strip("\n").split("\n"):
        if re.match(FENCE, raw):
            fenced = not fenced
            continue
        if fenced:
            lines += wrap([(raw.rstrip() or " ", "code")], width)
        elif raw.strip():
            lines += _paragraph(raw.rstrip(), width, glyphs, base)
        elif lines and lines[-1]:
            lines.append([])
    while lines and not lines[-1]:
        lines.pop()
    if len(text) > limit:
        lines.append([(f"… {len(text) - limit:,} more characters", "faint")])
    return lines or [[]]


def _paragraph(line: str, width: int, glyphs: Glyphs, base: str) -> list[Line]:
    if heading := re.match(HEADING, line):
        return wrap([(heading[2].strip("#* "), "heading")], width)
    if re.match(THEMATIC_BREAK, line):
        return [[(glyphs.rule * min(width, 24), "faint")]]
    if item := re.match(_ITEM, line):
        indent = min(len(item[1]), 8)
        mark = glyphs.dot if item[2] in "-*+" else item[2]
        lead = " " * indent + mark + " "
        wrapped = wrap(inline(item[3], base), width - len(lead))
        return [[(lead if not at else " " * len(lead), "dim"), *part] for at, part in enumerate(wrapped)]
    if line.lstrip().startswith(">"):
        return [[(glyphs.side + " ", "faint"), *part] for part in wrap([(line.lstrip("> "), "dim")], width - 2)]
    return wrap(inline(line, base), width)


def inline(text: str, base: str = "") -> Line:
    """Code, strong and emphasised words of a line as spans."""
    return [(part, emphasis or base) for part, emphasis in spans(text)] or [(text, base)]
