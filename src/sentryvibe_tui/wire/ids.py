"""Which ids are taken, and what becomes of an agent's own that are none: every store has to hold them."""

from __future__ import annotations

from zlib import crc32

from ..model.carried import carried
from ..model.events import BuildEvent

MAX_ID = 512
"""Characters of the longest id of a project, session, build, event, tool call, text or todo."""
RULE = f"must be 1 to {MAX_ID} characters, none of them U+0000"

_MARK = 9


def is_id(text: str) -> bool:
    """Whether `text` can be the id of a project, session, build or event."""
    return is_name(text) and not text.isspace()


def is_name(text: str) -> bool:
    """Whether `text` can be what an agent calls a call, a text or a todo: blanks may do."""
    return 0 < len(text) <= MAX_ID and "\0" not in text


def usable(text: str) -> str:
    """`text`, or where it is too long or has U+0000 another id that always stands for it. None stays none."""
    if not text or is_name(text):
        return text
    mark = f"-{crc32(text.encode('utf-8', 'surrogatepass')):08x}"
    return text.replace("\0", "\ufffd")[: MAX_ID - _MARK] + mark


def with_usable_ids(event: BuildEvent) -> BuildEvent:
    """What a reader made of an agent's record, with ids that a server takes; `event` itself where it has them."""
    return carried(event, ident=usable)
