"""Words that two sources tell: an agent's hooks at once, its session file (or stream) a little later or earlier.

Hooks give them ids that follow from the words, the others ids of their own: neither knows what the other one said.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from .events import BuildEvent, TextAdded
from .state import BuildState, Millis, Note, NoteKind

NEAR: Millis = 60_000
"""Between two moments at which the same words are the same saying."""
WITHIN = 64
"""Items of the timeline among which a hook's words may stand already."""

_BY_HOOK = "told-"


def hook_note_id(kind: NoteKind, words: str, number: int = 1) -> str:
    """The id of a note that a hook tells: the `number`th of these words in its build."""
    own = f"{_BY_HOOK}{kind}-{zlib.crc32(words.strip().encode('utf-8', 'replace')):08x}"
    return own if number == 1 else f"{own}-{number}"


def is_duplicate_of_hook(state: BuildState, event: BuildEvent, at: Millis) -> bool:
    """Whether the other source told these words before."""
    if not isinstance(event, TextAdded) or not event.whole or event.kind not in ("prompt", "text"):
        return False
    if not event.id.startswith(_BY_HOOK):
        return any(abs(note.at - at) < NEAR for note in _by_hook(state, event) if note.id != event.id)
    same = (note for note in _latest(state) if note.kind == event.kind and note.text.strip() == event.text.strip())
    return any(note.at == at if note.id.startswith(_BY_HOOK) else abs(note.at - at) < NEAR for note in same)


def _by_hook(state: BuildState, event: TextAdded) -> Iterator[Note]:
    number = 1
    while (note := state.note(hook_note_id(event.kind, event.text, number))) is not None:
        yield note
        number += 1


def _latest(state: BuildState) -> Iterator[Note]:
    end = len(state.timeline)
    items = (state.timeline[position] for position in range(end - 1, max(-1, end - 1 - WITHIN), -1))
    return (item for item in items if isinstance(item, Note))
