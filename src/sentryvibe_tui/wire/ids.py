"""Which ids are taken, and what becomes of an agent's own that are none: every store has to hold them."""

from __future__ import annotations

from zlib import crc32

from msgspec.structs import replace

from ..model.events import BuildEvent, TextAdded, TodosReported, ToolEnded, ToolStarted
from ..model.facts import BackgroundMoved, RequestOpened, RequestResolved

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
    match event:
        case ToolStarted() | ToolEnded() | BackgroundMoved() if not (is_name(event.id) and _fits(event.parent_id)):
            return replace(event, id=usable(event.id), parent_id=usable(event.parent_id))
        case TextAdded() if not (_fits(event.id) and _fits(event.parent_id)):
            return replace(event, id=usable(event.id), parent_id=usable(event.parent_id))
        case RequestOpened(request) if not is_name(request.id):
            return RequestOpened(replace(request, id=usable(request.id)))
        case RequestResolved() if not is_name(event.id):
            return replace(event, id=usable(event.id))
        case TodosReported() if not all(map(_fits, (event.call_id, *(todo.id for todo in event.todos)))):
            todos = tuple(replace(todo, id=usable(todo.id)) for todo in event.todos)
            return replace(event, todos=todos, call_id=usable(event.call_id))
        case _:
            return event


def _fits(text: str) -> bool:
    return not text or is_name(text)
