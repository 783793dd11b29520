"""Lines of styled text before they are painted: cut, filled and wrapped by terminal cells. Pure.

A `Line` is a list of spans, a span a text without line breaks and the role that styles it
(`widgets.roles.THEME_STYLES`). The texts must be safe already (model.text).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells, set_cell_size

Span = tuple[str, str]
Line = list[Span]

_WORDS = r" +|[^ ]+"
_CLUSTER = re.compile(
    "([^\ufe0e\ufe0f\u200d])(?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d[\u2190-\u2bff\U0001f000-\U0001faff])+"
)
"""A character with what changes its look: presentation selectors, a keycap, skin tones, joined emoji."""


def cells(text: str) -> int:
    """Terminal cells that `text` takes."""
    return len(text) if text.isascii() else cell_len(text)


def steady_width(text: str) -> str:
    """`text` as wide as `cells` says on every terminal: where they disagree about an emoji its plain sign stays."""
    if text.isascii():
        return text
    return _CLUSTER.sub(lambda match: pad(match[1], cell_len(match[0])), text)


def encodable(text: str, encoding: str) -> str:
    """`text` as a terminal of that encoding ("" is UTF-8) takes it: what that lacks is `?`, as wide."""
    if not encoding or text.isascii():
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(one if one.encode(encoding, "ignore") else "?" * cell_len(one) for one in text)
    return text


def length(line: Iterable[Span]) -> int:
    return sum(cells(text) for text, _ in line)


def role_at(line: Iterable[Span], cell: int) -> str:
    """The role of what stands in a cell; "" beyond the end."""
    for text, role in line:
        cell -= cells(text)
        if cell < 0:
            return role
    return ""


def character_at(text: str, cell: int) -> int:
    """How many characters of `text` end before a cell."""
    if text.isascii():
        return min(cell, len(text))
    for at, character in enumerate(text):
        cell -= cells(character)
        if cell < 0:
            return at
    return len(text)


def line_text(line: Iterable[Span]) -> str:
    return "".join(text for text, _ in line)


def cut(line: Line, room: int, mark: str = "…") -> Line:
    """`line` in at most `room` cells; a cut ends in `mark`."""
    if length(line) <= room:
        return line
    room -= cells(mark)
    if room < 0:
        return []
    short: Line = []
    for text, role in line:
        width = cells(text)
        if width > room:
            short.append((_head(text, room) + mark, role))
            break
        short.append((text, role))
        room -= width
    return short


def _head(text: str, room: int) -> str:
    if text.isascii():
        return text[:room]
    return set_cell_size(text, room).rstrip() if room else ""


def cut_middle(text: str, room: int) -> str:
    """`text` in `room` cells; of a longer one the middle goes, as names of files tell most at their end."""
    if cells(text) <= room:
        return text
    half = max(0, room - 1) // 2
    return text[: max(0, room - 1 - half)] + "…" + text[len(text) - half :]


def pad(text: str, room: int) -> str:
    """`text` with spaces up to `room` cells; never cut."""
    return text + " " * (room - cells(text))


def fill(left: Line, right: Line, room: int) -> Line:
    """`left` and `right` at the two ends of exactly `room` cells; `left` is cut, `right` goes when there is no room."""
    right_width = length(right)
    if right_width > max(0, room - 4):
        right, right_width = [], 0
    left = cut(left, room - right_width - (1 if right_width else 0))
    gap = room - right_width - length(left)
    return [*left, (" " * max(0, gap), ""), *right]


def parted(left: list[tuple[int, Line]], right: Line, room: int, gap: str = "  ") -> Line:
    """Parts of falling importance (0 is kept longest) on one line.

    What does not fit is cut if enough of it stays to be read, else it goes, least important first.
    """
    parts = [(rank, part) for rank, part in left if length(part)]
    while len(parts) > 1:
        over = sum(length(part) + len(gap) for _, part in parts) + length(right) - room
        if over <= 0:
            break
        least = max(range(len(parts)), key=lambda at: parts[at][0])
        rank, part = parts.pop(least)
        if length(part) - over >= READABLE:
            parts.insert(least, (rank, cut(part, length(part) - over)))
    line: Line = []
    for _, part in parts:
        line += [(gap, ""), *part] if line else part
    return fill(line, right, room)


READABLE = 16
"""Cells of a part that are worth showing when it is cut."""


def wrap(line: Line, room: int) -> list[Line]:
    """`line` broken at spaces into lines of at most `room` cells; longer words are chopped. At least one line."""
    room = max(1, room)
    if length(line) <= room:
        return [line]
    lines: list[Line] = [[]]
    free = room
    for word in _words(line, room):
        width = length(word)
        if width > free:
            lines.append([])
            free = room
            if word[0][0][0] == " ":
                continue
        lines[-1] += word
        free -= width
    return [joined(part) for part in lines if part] or [[]]


def _words(line: Line, room: int) -> Iterator[Line]:
    """Spaces and words, a word of several spans in one; what is wider than `room` in pieces."""
    word: Line = []
    for text, role in line:
        for part in re.findall(_WORDS, text):
            if part[0] != " ":
                word.append((part, role))
                continue
            yield from _chopped(word, room)
            word = []
            yield from _chopped([(part, role)], room)
    yield from _chopped(word, room)


def _chopped(word: Line, room: int) -> Iterator[Line]:
    if not word:
        return
    if length(word) <= room:
        yield word
        return
    for text, role in word:
        for piece in _pieces(text, room):
            yield [(piece, role)]


def _pieces(word: str, room: int) -> list[str]:
    if word.isascii():
        return [word[start : start + room] for start in range(0, len(word), room)]
    return chop_cells(word, max(2, room))


def joined(line: Line) -> Line:
    """Neighbouring spans of one role made one."""
    short: Line = []
    for text, role in line:
        if short and short[-1][1] == role:
            short[-1] = (short[-1][0] + text, role)
        else:
            short.append((text, role))
    return short


def highlighted(line: Line, needle: str) -> Line:
    """`line` with each occurrence of `needle` (lower case) in the role `hit`."""
    spans: Line = []
    for text, role in line:
        low, end = text.lower(), 0
        start = low.find(needle) if len(low) == len(text) else -1
        while start >= 0:
            spans += [(text[end:start], role), (text[start : start + len(needle)], "hit")]
            end = start + len(needle)
            start = low.find(needle, end)
        spans.append((text[end:], role))
    return [(text, role) for text, role in spans if text]
