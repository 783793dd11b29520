"""The one function that makes an agent's text safe for a terminal (docs/architecture.md#untrusted-text)."""

from __future__ import annotations

import json
import re

# Patterns as text: compiled when first used, as a status line mostly shows nothing that needs them.
_ESCAPES = (
    r"(?s)\x1b\[[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|\Z)"  # OSC, DCS, SOS, PM, APC up to their terminator
    r"|\x1b[ -/]*[0-~]?"  # other escapes
    r"|\x9b[0-?]*[ -/]*[@-~]?"  # CSI as C1
    r"|[\x90\x98\x9d-\x9f].*?(?:\x07|\x1b\\|\x9c|\Z)"
)
_RETURNS = r"\r\n?"
_UNSAFE = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb"  # bidi, separators, annotations
    "\ud800-\udfff\ufeff\U000e0000-\U000e007f]"  # lone surrogates, byte order mark, tags
)
_BREAKS = r"\s*\n\s*"

REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """`text` with terminal sequences removed and controls visible as U+FFFD; newlines stay, tabs become spaces."""
    if text.isprintable():
        return text
    if "\x1b" in text or not text.isascii():
        text = re.sub(_ESCAPES, "", text)
    text = re.sub(_RETURNS, "\n", text).expandtabs(4)
    return re.sub(_UNSAFE, REPLACEMENT, text)


def escaped(text: str) -> str:
    """The JSON `text` with what a terminal would act on as `\\u` escapes: the same value, safe to print."""
    return text if text.isprintable() else re.sub(_UNSAFE, lambda match: json.dumps(match[0])[1:-1], text)


def clean_line(text: str, limit: int = 500) -> str:
    """`text` as one safe line of at most `limit` characters; line breaks become spaces, a cut ends in `…`."""
    line = clean(text[: 4 * limit]).strip()
    if "\n" in line:
        line = re.sub(_BREAKS, " ", line)
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def clip_end(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; by the `…` of a cut masking knows that it may end in half a secret."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clip_middle(text: str, limit: int) -> str:
    """Head and tail of `text` in at most `limit` characters, with a mark between them of how much is missing."""
    if len(text) <= limit:
        return text
    mark = f"\n… {len(text) - limit:,} characters left out …\n"
    keep = max(2, limit - len(mark))
    return text[: keep - keep // 3] + mark + text[len(text) - keep // 3 :]
