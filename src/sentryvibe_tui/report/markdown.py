"""Light Markdown, line by line, never a document tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Emphasis = Literal["", "code", "strong", "em"]

# Patterns as text: compiled when first used. Underscores mark nothing: `__init__.py`.
INLINE = r"`([^`\n]+)`|\*\*(?=\S)([^*\n]+)\*\*|(?<![\w*])\*(?=[^\s*])([^*\n]+)\*(?![\w*])"
HEADING = r"(#{1,6})\s+(.*)"
THEMATIC_BREAK = r"\s*([-*_])(\s*\1){2,}\s*$"
FENCE = r"\s*(```|~~~)"


def spans(line: str) -> Iterator[tuple[str, Emphasis]]:
    """The parts of a line without their marks."""
    end = 0
    for match in re.finditer(INLINE, line):
        if match.start() > end:
            yield line[end : match.start()], ""
        marked: tuple[tuple[str | None, Emphasis], ...] = ((match[1], "code"), (match[2], "strong"), (match[3], "em"))
        for text, emphasis in marked:
            if text:
                yield text.replace("`", "") or text, emphasis
        end = match.end()
    if end < len(line):
        yield line[end:], ""


def unmarked(text: str) -> str:
    """`text` as it is read aloud: without marks of headings, emphasis and code, without fences and rules."""
    if not any(mark in text for mark in "`*_#-~"):
        return text
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if re.match(FENCE, line):
            fenced = not fenced
        elif fenced:
            lines.append(line)
        elif heading := re.match(HEADING, line):
            lines.append(_plain(heading[2].rstrip("# ")))
        elif not re.match(THEMATIC_BREAK, line):
            lines.append(_plain(line))
    return "\n".join(lines)


def _plain(line: str) -> str:
    return "".join(text for text, _ in spans(line))
