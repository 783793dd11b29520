"""Texts of the agent and notices of the machinery: what is added to them, and how they stand in the timeline."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .events import TextAdded
from .state import PLANNING, AutoFix, BuildState, Level, Millis, Note, note_key, with_item
from .todos import todo_at
from .updates import TextChanged, Update

NOTE_LIMIT = 64 * 1024
"""Characters of one note; longer text goes on in a next one, so that adding to it stays cheap."""


def text_added(state: BuildState, event: TextAdded) -> Iterable[Update]:
    index = state.active_todo if event.todo_index is None else event.todo_index
    phase, parent, parts = state.phase, event.parent_id, _parts(state, event.id)
    chunks = [event.text[start : start + NOTE_LIMIT] for start in range(0, len(event.text), NOTE_LIMIT)]
    if event.whole:
        for number, chunk in enumerate(chunks):
            known = state.note(_part(event.id, number))
            if known is None or known.text != chunk:
                yield TextChanged(_part(event.id, number), chunk, index, event.kind, True, phase, parent)
        for number in range(len(chunks), parts):
            yield TextChanged(_part(event.id, number), "", index, event.kind, True, phase, parent)
        return
    last = state.note(_part(event.id, max(0, parts - 1)))
    at = parts if last is None or len(last.text) + len(event.text) > NOTE_LIMIT else parts - 1
    for number, chunk in enumerate(chunks, start=at):
        yield TextChanged(_part(event.id, number), chunk, index, event.kind, False, phase, parent)


def _parts(state: BuildState, note_id: str) -> int:
    count = 0
    while note_key(_part(note_id, count)) in state.positions:
        count += 1
    return count


def _part(note_id: str, number: int) -> str:
    return note_id if number == 0 else f"{note_id}~{number + 1}"


def apply_text(state: BuildState, update: TextChanged, at: Millis) -> BuildState:
    known = state.note(update.id)
    if known is None:
        todo = todo_at(state, update.phase, update.todo_index)
        note = Note(update.id, update.kind, update.text, todo, at, parent_id=update.parent_id)
    else:
        text = update.text if update.whole else known.text + update.text
        note = replace(known, text=text, parent_id=known.parent_id or update.parent_id)
    return with_item(state, note_key(update.id), note)


def with_notice(state: BuildState, message: str, level: Level, at: Millis) -> BuildState:
    note = Note(f"notice-{len(state.timeline)}", "notice", message, PLANNING, at, level)
    return with_item(state, note_key(note.id), note)


def autofix_words(autofix: AutoFix) -> str:
    """`auto-fix, attempt 2 of 3: the error`."""
    of = f" of {autofix.attempts}" if autofix.attempts else ""
    attempt = f", attempt {autofix.attempt}{of}" if autofix.attempt else ""
    return f"auto-fix{attempt}" + (f": {autofix.error}" if autofix.error else "")
