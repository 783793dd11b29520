"""Characters that nobody sees: they must not hide a secret by standing in it."""

from __future__ import annotations

import re

_UNSEEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef"
)
UNSEEN = re.compile(
    rf"[{_UNSEEN}](?:"
    r"(?<=\x1b)(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~]?)"
    r"|(?<=\x9b)[0-?]*[ -/]*[@-~]?)?"
)
"""Terminal sequences and characters of no width."""
SIGNS = (
    *(bytes([code]) for code in (*range(9), 11, 12, *range(14, 32), 127)),
    *("\u00ad\u034f\u061c\u180e\ufeff".encode()[at : at + 2] for at in (0, 2, 4)),
    *(bytes((0xC2, code)) for code in range(0x80, 0xA0)), b"\xe1\xa0\x8e", b"\xef\xbb\xbf", b"\xe2\x81",
    *(bytes((0xE2, 0x80, code)) for code in (*range(0x8B, 0x90), *range(0xAA, 0xAF))),
    *(bytes((0xEF, 0xB8, code)) for code in range(0x80, 0x90)),
    b"\xf3\xa0",
)  # fmt: skip
"""Bytes of UTF-8 without which there is none of them."""
JSON_SIGNS = (rb"\u00", rb"\b", rb"\f")
"""The same in JSON."""


def bare(text: str) -> str:
    """`said` as it looks."""
    return UNSEEN.sub("", text)


def bare_places(text: str) -> tuple[str, list[int]]:
    """`said` as it looks, and for each of its characters (and its end) where that stands in `said`."""
    visible: list[int] = []
    at = 0
    for match in UNSEEN.finditer(text):
        visible.extend(range(at, match.start()))
        at = match.end()
    visible.extend(range(at, len(text)))
    return "".join(text[place] for place in visible), [*visible, len(text)]
