"""The stream: every tool, text and notice of the build in order, and our own lines between them."""

from __future__ import annotations

from ...model.state import Note, ToolCall
from ...model.text import clean_line
from ...report.subject import error_tail, first_line, output_text, subject
from ...report.words import CLOCK_WIDTH, DURATION_WIDTH, duration, level_tone, plural, status_mark, tool_mark
from ..lines import Line, cells, cut, fill, wrap
from ..look import Look, call, changes, right, role
from ..prose import prose
from ..view import Extra, View
from .rows import Rows

INDENT = CLOCK_WIDTH + 3
"""Cells before a row's text: clock, space, glyph, space."""

LONG = 24
"""Lines of a text above which only its beginning is shown until it is opened."""

OPENED_LINES = 12
"""Lines of output that an opened call shows."""


class Stream(Rows):
    """Rows are the view's entries, and one at the end for how an ended build ended."""

    def __init__(self, view: View, look: Look, **options: str) -> None:
        super().__init__(**options)
        self.view, self.look = view, look
        self.opened: set[int | Extra] = set()
        self.unseen = 0

    # ----------------------------------------------------------------- following the view

    def _rows(self) -> int:
        state = self.view.shown
        return len(self.view.entries) + bool(state.id and not state.is_active)

    def renew(self) -> None:
        """Another build, or another end of it."""
        self.unseen = 0
        self.reset(self._rows())

    def update(self, positions: set[int]) -> None:
        """Items at `positions` changed; more may have come at the end."""
        known, rows = len(self.heights), self._rows()
        touched = {self.view.row_of[position] for position in positions}
        if touched:
            self.changed(touched)
        if rows < known or (rows > known and rows > len(self.view.entries)):
            self.renew()
        elif rows > known:
            self.unseen = 0 if self.following else self.unseen + rows - known
            self.extend(rows)

    def tick(self) -> None:
        """A second went by: calls under way show it."""
        state = self.view.shown
        self.repaint_rows({self.view.row_of[state.positions["t:" + ident]] for ident in state.open_tools})

    def _moved(self) -> None:
        super()._moved()
        if self.following:
            self.unseen = 0

    def action_follow(self) -> None:
        self.unseen = 0
        super().action_follow()

    # ----------------------------------------------------------------- rows

    def _entry(self, row: int) -> int | Extra:
        if row < len(self.view.entries):
            return self.view.entries[row]
        state = self.view.shown
        return Extra("end", state.status, state.ended_at or state.last_event_at or 0)

    def guess(self, row: int, width: int) -> int:
        entry = self._entry(row)
        item = None if isinstance(entry, Extra) else self.view.shown.timeline[entry]
        if isinstance(item, Note) and item.kind in ("text", "prompt"):
            lines = 1 + len(item.text) // max(1, width - INDENT) + item.text.count("\n")
            return lines if entry in self.opened else min(lines, LONG)
        return 1

    def lines_of(self, row: int, width: int) -> list[Line]:
        entry = self._entry(row)
        if isinstance(entry, Extra):
            return self._extra(entry, width)
        item = self.view.shown.timeline[entry]
        if isinstance(item, ToolCall):
            return self._tool(item, width, opened=entry in self.opened)
        return self._note(item, width, opened=entry in self.opened)

    def _tool(self, tool: ToolCall, width: int, *, opened: bool) -> list[Line]:
        mark = tool_mark(tool.state, self.look.glyphs)
        said = subject(tool, self.view.shown.agent.cwd)
        nested = self.view.is_nested(tool)
        detail = changes(tool, said) if said.detail and cells(said.detail) <= width // 4 else []
        left: Line = [
            self.look.time(tool.started_at),
            (" ", ""),
            ("  " if nested else "", ""),
            (mark.glyph + " ", role(mark.tone)),
            *call(tool, said),
        ]
        lines = [fill(left, [*detail, (" ", ""), right(self.look.taken(tool), DURATION_WIDTH)], width)]
        if opened:
            body = [line for line in output_text(tool).split("\n")[-OPENED_LINES:] if line.strip()]
            lines += [self._below(clean_line(line), width, "dim") for line in body or ["no output"]]
        elif tool.state == "error":
            lines += [self._below(line, width, "bad") for line in error_tail(tool, 2)]
        return lines

    def _below(self, text: str, width: int, text_role: str) -> Line:
        return cut([(" " * (CLOCK_WIDTH + 1) + self.look.glyphs.side + " ", "faint"), (text, text_role)], width)

    def _note(self, note: Note, width: int, *, opened: bool) -> list[Line]:
        glyphs = self.look.glyphs
        room = width - INDENT
        if note.kind == "reasoning" and not opened:
            more = note.text.strip().count("\n")
            tail: Line = [(plural(more + 1, "line"), "faint")] if more else []
            line = fill([(first_line(note.text), "thought")], tail, room)
            return self._noted(note, glyphs.thought, "faint", [line])
        if note.kind == "notice":
            tone = role(level_tone(note.level))
            mark = "!" if note.level != "info" else glyphs.dot
            return self._noted(note, mark, tone, prose(note.text, room, glyphs, tone))
        if note.kind == "prompt":
            return self._noted(note, glyphs.into, "accent", prose(note.text, room, glyphs, "accent"))
        base = "thought" if note.kind == "reasoning" else ""
        body = prose(note.text, room, glyphs, base)
        if len(body) > LONG and not opened:
            hidden = len(body) - LONG + 4
            body = [*body[:-hidden], [(f"{glyphs.closed} {plural(hidden, 'more line')}", "faint")]]
        return self._noted(note, glyphs.text, "dim", body)

    def _noted(self, note: Note, mark: str, mark_role: str, body: list[Line]) -> list[Line]:
        head: Line = [self.look.time(note.at or None), (" ", ""), (mark + " ", mark_role)]
        rest: Line = [(" " * INDENT, "")]
        return [[*(rest if at else head), *line] for at, line in enumerate(body)]

    def _extra(self, extra: Extra, width: int) -> list[Line]:
        glyphs = self.look.glyphs
        if extra.kind == "end":
            return self._end(width)
        if extra.kind == "gap":
            return [cut([(glyphs.gap * CLOCK_WIDTH + " ", "warn"), (extra.text, "warn")], width)]
        title = self.view.shown.agent.title
        text = f"{extra.text} {glyphs.dot} {clean_line(title)}" if title else extra.text
        return [cut([self.look.time(extra.at), (f" {glyphs.gap * 3} ", "accent"), (text, "accent")], width)]

    def _end(self, width: int) -> list[Line]:
        state = self.view.shown
        mark = status_mark(state.status, self.look.glyphs)
        took = (state.ended_at or 0) - (state.started_at or 0) if state.ended_at and state.started_at else 0
        told = [mark.word, *([f"after {duration(took)}"] if took > 0 else []), plural(state.tool_count, "tool")]
        if state.error_count:
            told.append(plural(state.error_count, "error"))
        head: Line = [
            self.look.time(state.ended_at),
            (" ", ""),
            (mark.glyph + " ", role(mark.tone)),
            (f" {self.look.glyphs.dot} ".join(told), role(mark.tone)),
        ]
        lines = wrap(head, width)
        for text, base in ((state.error, "bad"), (state.summary, "")):
            if text:
                body = prose(text, width - INDENT, self.look.glyphs, base)
                lines += [[(" " * INDENT, ""), *line] for line in body]
        return lines

    # ----------------------------------------------------------------- keys

    def action_open(self) -> None:
        """Unfolds or folds the row under the cursor."""
        if self.cursor >= len(self.view.entries):
            return
        entry = self.view.entries[self.cursor]
        self.opened ^= {entry}
        self.changed({self.cursor})
        self.reveal(self.cursor)
