"""The stream: every tool, text and notice of the build in order, and our own lines between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Literal

from ....agents.subject import error_tail, first_line, output_text, subject
from ....model.activity import Request
from ....model.state import Item, Millis, Note, ToolCall, tool_key
from ....model.text import clean_line
from ....report.words import (
    CLOCK_WIDTH,
    DURATION_WIDTH,
    call_mark,
    duration,
    level_tone,
    plural,
    request_words,
    running_time,
    status_mark,
)
from ...context import RenderContext, call, changes, right, role
from ...heights import Heights
from ...lines import Line, cells, cut, fill, highlighted, length, line_text, wrap
from ...prose import prose
from ...widgets.rows import Rows
from ..filters import FILTERS, Filter, Needle, is_error, passes
from ..view import BuildView, Extra

STAMP = CLOCK_WIDTH + 1
"""Cells of the clock before a row, and a space."""

MANY = 100
"""Rows from which one walk over all items is cheaper than to look each of theirs up."""

WRAPPED_LINES = 40
"""Lines that one wrapped line takes at most; the inspector has all of it."""

LONG = 24
"""Lines of a text above which only its beginning is shown until it is expanded."""

DEEPEST = 6
"""Subagents of subagents down to which calls stand further right."""

EXPANDED_LINES = 12
"""Lines of output that an expanded call shows."""

READABLE = 72
"""Cells of a line of words that stand alone, at most."""


class Stream(Rows):
    """Rows are the view's entries that pass the filter; at the end what the agent asks, or how the build ended."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)
        self.view, self.context = view, context
        self.expanded: set[int | Extra] = set()
        self.unseen = 0
        self.filter: Filter = "all"
        self.needle = Needle("")
        self.hits_only = False
        self.verbose = self.wraps = False
        self.stamped = True
        self._matches: list[int] = []
        self._read = 0
        self._shifts = 0
        self._requests: tuple[Request, ...] = ()

    # ----------------------------------------------------------------- following the view

    @property
    def shows(self) -> str:
        """What the reader asked to see: a filter, or everything in full; and whether only what was searched for."""
        kinds = "verbose" if self.filter == "all" and self.verbose else self.filter
        return kinds if not self.hits_only else "hits" if kinds == "all" else f"{kinds} hits"

    @property
    def filtered(self) -> bool:
        return self.filter != "all" or self.hits_only

    def _match(self) -> None:
        """Takes in the entries that came since, if they pass the filter."""
        state = self.view.state
        for at in range(self._read, len(self.view.entries)):
            entry = self.view.entries[at]
            hit = not self.hits_only or isinstance(entry, Extra) or self.needle.is_in(state.timeline[entry])
            if hit and passes(entry, state, self.filter):
                self._matches.append(at)
        self._read = len(self.view.entries)

    def _count(self) -> int:
        state = self.view.state
        rows = len(self._matches) if self.filtered else len(self.view.entries)
        if state.is_active:
            return rows + len(state.requests)
        return rows + bool(state.id and (rows or not self.filtered))

    def _row_of(self, position: int) -> int | None:
        """The row of an item; None when the filter hides it."""
        at = self.view.row_of[position]
        if not self.filtered:
            return at
        row = bisect_left(self._matches, at)
        return row if row < len(self._matches) and self._matches[row] == at else None

    def _rows_of(self, positions: Iterable[int]) -> set[int]:
        return {row for position in positions if (row := self._row_of(position)) is not None}

    def renew(self) -> None:
        """Another build, another end of it, another filter."""
        self.unseen = 0
        self._matches.clear()
        self._read = 0
        self._shifts = self.view.shifts
        self._requests = self.view.state.requests
        if self.filtered:
            self._match()
        self.reset(self._count())

    def update(self, positions: set[int]) -> None:
        """Items at `positions` changed; more may have come at the end."""
        state = self.view.state
        if self.filter == "errors" and any(
            is_error(state.timeline[p]) != (self._row_of(p) is not None) for p in positions
        ):
            self.renew()
            return
        is_shifted, self._shifts = self._shifts != self.view.shifts, self.view.shifts
        if state.requests != self._requests or (is_shifted and self.filtered):
            unseen = self.unseen
            self.renew()
            self.unseen = unseen
            return
        if self.filtered:
            self._match()
        before, rows = len(self.heights), self._count()
        last = range(max(0, before - max(1, len(state.requests))), before if rows > before else 0)
        touched = self._rows_of(positions) | set(last)
        if rows > before and not state.is_active:
            self.renew()
        elif rows > before:
            self.unseen = 0 if self.following else self.unseen + rows - before
            self.forget(touched)
            self.extend(rows)
        elif touched:
            self.changed(touched)

    def tick(self) -> None:
        """A second went by: calls under way show it."""
        state = self.view.state
        rows = len(self.heights)
        requests = set(range(rows - len(self._requests), rows)) if state.is_active else set[int]()
        self.repaint_rows(requests | self._rows_of(state.positions[tool_key(ident)] for ident in state.open_tools))

    def _moved(self) -> None:
        super()._moved()
        if self.following:
            self.unseen = 0

    def action_follow(self) -> None:
        self.unseen = 0
        super().action_follow()

    # ----------------------------------------------------------------- finding

    def show_only(self, kind: Filter, *, hits: bool = False) -> None:
        """Another filter; the cursor stays on its entry, or goes to the next one that is left."""
        entry = self.position_at(self.cursor)
        self.filter, self.hits_only = kind, hits
        self.renew()
        if not self.following and entry is not None:
            at = self.view.row_of[entry]
            self.move(bisect_left(self._matches, at) if self.filtered else at)

    def show_next(self) -> None:
        """All, errors, tools, text, then all of it verbose."""
        if self.filter == "all" and self.verbose:
            self.turn("verbose")
            return
        following = FILTERS[(FILTERS.index(self.filter) + 1) % len(FILTERS)]
        self.verbose = self.verbose or following == "all"
        self.show_only(following, hits=self.hits_only)

    def search(self, text: str) -> None:
        """Marks `text` from now on; an empty one ends the search."""
        self.needle = Needle(text)
        if self.hits_only:
            self.show_only(self.filter, hits=bool(text))
        self.changed(set(range(*self._visible_range())))

    def _visible_range(self) -> tuple[int, int]:
        self._painted.clear()
        top, bottom = self._visible()
        return top, min(bottom + 1, len(self.heights))

    def hits(self) -> list[int]:
        """Rows that hold what is searched for."""
        if not self.needle:
            return []
        return [row for row, item in self._items() if self.needle.is_in(item)]

    def errors(self) -> list[int]:
        return [row for row, item in self._items() if is_error(item)]

    def jump(self, rows: list[int], step: int) -> int | None:
        """To the next (1), previous (-1) or same (0) of `rows`, around the end; its number from 1, None for no rows."""
        if not rows:
            return None
        later = bisect_right(rows, self.cursor) if step > 0 else bisect_left(rows, self.cursor) + min(step, 0)
        place = later % len(rows)
        self.move(rows[place])
        return place + 1

    # ----------------------------------------------------------------- what a row shows

    def turn(self, what: Literal["verbose", "wraps", "stamped"]) -> bool:
        """Turns one of them over, and says what it is now; the cursor stays in view."""
        setattr(self, what, not getattr(self, what))
        self.refit()
        if not self.following:
            self.reveal(self.cursor)
        return bool(getattr(self, what))

    def _is_open(self, entry: int | Extra) -> bool:
        return (entry in self.expanded) != self.verbose

    @property
    def _indent(self) -> int:
        """Cells before a row's text: clock, glyph, space."""
        return (STAMP if self.stamped else 0) + 2

    def _stamp(self, at: Millis | None) -> Line:
        return [self.context.time(at), (" ", "")] if self.stamped else []

    # ----------------------------------------------------------------- rows

    def _entry(self, row: int) -> int | Extra:
        entries = self.view.entries
        if self.filtered:
            if row < len(self._matches):
                return entries[self._matches[row]]
        elif row < len(entries):
            return entries[row]
        state = self.view.state
        if state.is_active:
            request = self._requests[row - len(self.heights)]
            return Extra("request", request_words(request.title, request.tool), request.since)
        return Extra("end", state.status, state.ended_at or state.last_event_at or 0)

    def position_at(self, row: int) -> int | None:
        """The position in the timeline of the item in a row, of a request that of its call; None for lines of ours."""
        entry = self._entry(row) if 0 <= row < len(self.heights) else None
        if isinstance(entry, Extra) and entry.kind == "request":
            call = self._requests[row - len(self.heights)].tool_call_id
            return self.view.state.positions.get(tool_key(call))
        return entry if isinstance(entry, int) else None

    def _items(self) -> Iterator[tuple[int, Item]]:
        """Rows with the items that they show."""
        timeline = self.view.state.timeline
        for row in range(len(self.heights)):
            if isinstance(entry := self._entry(row), int):
                yield row, timeline[entry]

    def instead(self) -> list[Line]:
        width = self.row_width
        lines = [line for text in self._nothing() for line in wrap([(text, "dim")], max(1, min(width, READABLE)))]
        return [[(" " * max(0, (width - length(line)) // 2) + line_text(line), "dim")] for line in lines]

    def _nothing(self) -> tuple[str, ...]:
        """Why there is nothing, and what to do about it."""
        link = self.view.link
        if self.view.state.id:
            return (self._none(), "f shows the next kind, esc everything.") if self.filtered else ()
        if link.phase in ("retrying", "gave-up"):
            reason = clean_line(link.reason, 200) or "no answer"
            return (f"No server yet: {reason}", "`sentryvibe-tui serve` starts one; r tries again at once.")
        if link.phase == "refused":
            return (clean_line(link.reason, 200) or "The server refuses.",)
        prospect = clean_line(link.reason, 600) if link.phase == "waiting" else ""
        return (
            "No build yet.",
            *([prospect] if prospect else []),
            "It appears here by itself as soon as an agent reports.",
        )

    def _none(self) -> str:
        """What the filter looked for and did not find."""
        yet = " yet" if self.view.state.is_active else ""
        kinds = {"errors": "error", "tools": "tool call", "text": "text"}.get(self.filter, "row")
        searched = f" holds “{clean_line(self.needle.text, 60)}”" if self.hits_only else ""
        return f"No {kinds}{searched}{yet}."

    def guesses(self, rows: range, width: int) -> Iterator[int]:
        """Of all rows at once, as there may be very many."""
        state, entries = self.view.state, self.view.entries
        timeline = list(state.items()) if len(rows) > MANY else state.timeline
        stretch = slice(rows.start, rows.stop)
        visible = [entries[at] for at in self._matches[stretch]] if self.filtered else entries[stretch]
        for entry in visible:
            if type(entry) is int and type(item := timeline[entry]) is Note:
                yield self._note_lines(item, entry, width)
            else:
                yield 1
        yield from repeat(1, len(rows) - len(visible))

    def _note_lines(self, note: Note, entry: int | Extra, width: int) -> int:
        if note.kind not in ("text", "prompt"):
            return 1
        lines = 1 + len(note.text) // max(1, width - self._indent) + note.text.count("\n")
        return lines if self._is_open(entry) else min(lines, LONG)

    def exact_height(self, row: int) -> int:
        """Calls take one line unless there is more to say of them."""
        entry = self._entry(row)
        call = None if isinstance(entry, Extra) else self.view.state.timeline[entry]
        is_short = isinstance(call, ToolCall) and call.state != "error" and not self.wraps and not self._is_open(entry)
        return int(is_short)

    def lines_of(self, row: int, width: int) -> list[Line]:
        lines = self._lines_of(row, width)
        return [highlighted(line, self.needle.text) for line in lines] if self.needle else lines

    def frozen(self) -> Stream:
        """Its rows as they are now, on no screen: for another thread to read."""
        stream = Stream(self.view.frozen(), self.context)
        stream.expanded, stream.filter, stream.hits_only = set(self.expanded), self.filter, self.hits_only
        stream.verbose, stream.wraps, stream.stamped = self.verbose, self.wraps, self.stamped
        stream.heights = Heights([1] * len(self.heights))
        stream._matches, stream._requests = list(self._matches), self._requests
        return stream

    def plain_text(self, width: int) -> str:
        """All rows as plain text; of long ones nothing is left out."""
        rows = range(len(self.heights))
        return "\n".join(line_text(line).rstrip() for row in rows for line in self._lines_of(row, width, full=True))

    def _lines_of(self, row: int, width: int, *, full: bool = False) -> list[Line]:
        entry = self._entry(row)
        if isinstance(entry, Extra):
            return self._extra(entry, width)
        item = self.view.state.timeline[entry]
        expanded = self._is_open(entry)
        if isinstance(item, ToolCall):
            return self._tool(item, width, expanded=expanded)
        return self._note(item, width, expanded=expanded or (full and item.kind != "reasoning"))

    def _tool(self, tool: ToolCall, width: int, *, expanded: bool) -> list[Line]:
        mark = call_mark(tool, self._requests, self.context.glyphs)
        about = subject(tool, self.view.state.agent.cwd)
        detail = changes(tool, about) if about.detail and cells(about.detail) <= width // 4 else []
        is_detailed = bool(detail)
        if failed := self.view.failed_below(tool):
            detail = [(f"{self.context.glyphs.failed}{failed}", "bad")]
        left: Line = [
            *self._stamp(tool.started_at),
            *self._inset(tool),
            (mark.glyph + " ", role(mark.tone)),
            *call(tool, about),
        ]
        elapsed = self.context.call_time(tool)
        tail: Line = [*detail, (" ", ""), right(elapsed, DURATION_WIDTH)] if detail or elapsed[0] else []
        lines = self._wrapped(left, tail, width) if self.wraps else [fill(left, tail, width)]
        if expanded:
            body = [line for line in output_text(tool).split("\n")[-EXPANDED_LINES:] if line.strip()]
            for line in body or ([] if tool.is_open else ["no output"]):
                lines += self._below(clean_line(line), width, "dim")
        elif tool.state == "error":
            for line in error_tail(tool, 2, below_detail=is_detailed):
                lines += self._below(line, width, "bad")
        return lines

    def _inset(self, item: Item) -> Line:
        """What a subagent does and says stands further right."""
        depth = self.view.depth(item)
        return [("  " * min(depth, DEEPEST), "")] if depth else []

    def _wrapped(self, left: Line, tail: Line, width: int) -> list[Line]:
        """A call whose words take as many lines as they need, with `tail` at the end of the first."""
        first, *rest = wrap(left, max(1, width - length(tail) - 1))
        below = [part for line in rest[:WRAPPED_LINES] for part in wrap(line, max(1, width - self._indent))]
        return [fill(first, tail, width), *([(" " * self._indent, ""), *line] for line in below)]

    def _below(self, text: str, width: int, text_role: str) -> list[Line]:
        side: Line = [(" " * (self._indent - 2) + self.context.glyphs.side + " ", "faint")]
        if self.wraps:
            return [[*side, *line] for line in wrap([(text, text_role)], max(1, width - self._indent))[:WRAPPED_LINES]]
        return [cut([*side, (text, text_role)], width)]

    def _note(self, note: Note, width: int, *, expanded: bool) -> list[Line]:
        glyphs = self.context.glyphs
        room = max(1, width - self._indent - length(self._inset(note)))
        if note.kind == "reasoning" and not expanded:
            more = note.text.strip().count("\n")
            tail: Line = [(plural(more + 1, "line"), "fold")] if more else []
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
        if len(body) > LONG and not expanded:
            hidden = len(body) - LONG + 4
            if self._grows(note):
                body = [[(f"{glyphs.closed} {plural(hidden, 'earlier line')}", "fold")], *body[hidden:]]
            else:
                body = [*body[:-hidden], [(f"{glyphs.closed} {plural(hidden, 'more line')}", "fold")]]
        return self._noted(note, glyphs.text, "dim", body)

    def _grows(self, note: Note) -> bool:
        """Whether more of a text may come, so that its end matters."""
        timeline = self.view.state.timeline
        return self.view.state.is_active and timeline[len(timeline) - 1] is note

    def _noted(self, note: Note, mark: str, mark_role: str, body: list[Line]) -> list[Line]:
        inset = self._inset(note)
        head: Line = [*self._stamp(note.at or None), *inset, (mark + " ", mark_role)]
        rest: Line = [(" " * self._indent, ""), *inset]
        return [[*(rest if at else head), *line] for at, line in enumerate(body)]

    def _extra(self, extra: Extra, width: int) -> list[Line]:
        glyphs = self.context.glyphs
        if extra.kind == "end":
            return self._end(width)
        if extra.kind == "request":
            return self._request(extra, width)
        if extra.kind in ("gap", "mark", "other"):
            tone = "warn" if extra.kind == "gap" else "accent"
            return [cut([(glyphs.gap * CLOCK_WIDTH + " ", tone), (extra.text, tone)], width)]
        title = self.view.state.agent.title
        text = f"{extra.text} {glyphs.dot} {clean_line(title)}" if title else extra.text
        return [cut([*self._stamp(extra.at), (f"{glyphs.gap * 3} ", "accent"), (text, "accent")], width)]

    def _request(self, extra: Extra, width: int) -> list[Line]:
        """What the agent asks a person, in full, and for how long."""
        mark: Line = [*self._stamp(extra.at), (self.context.glyphs.needs + " ", "alarm")]
        since = right((running_time(self.context.now() - extra.at), "alarm"), DURATION_WIDTH)
        first, *rest = wrap([(clean_line(extra.text), "alarm")], max(1, width - self._indent - DURATION_WIDTH - 1))
        return [
            fill([*mark, *first], [since], width),
            *([(" " * self._indent, ""), *line] for line in rest[:WRAPPED_LINES]),
        ]

    def _end(self, width: int) -> list[Line]:
        state = self.view.state
        mark = status_mark(state.status, self.context.glyphs)
        took = (state.ended_at or 0) - (state.started_at or 0) if state.ended_at and state.started_at else 0
        facts = [mark.word, *([f"after {duration(took)}"] if took > 0 else []), plural(state.tool_count, "tool")]
        if state.error_count:
            facts.append(plural(state.error_count, "error"))
        head: Line = [
            *self._stamp(state.ended_at),
            (mark.glyph + " ", role(mark.tone)),
            (f" {self.context.glyphs.dot} ".join(facts), role(mark.tone)),
        ]
        lines = wrap(head, width)
        for text, base in ((state.error, "bad"), (state.summary, "")):
            if text:
                body = prose(text, width - self._indent, self.context.glyphs, base)
                lines += [[(" " * self._indent, ""), *line] for line in body]
        return lines

    # ----------------------------------------------------------------- keys

    def action_fold(self, is_open: bool | None = None) -> None:
        """Opens (True), closes (False) or turns the row under the cursor."""
        entry = self.position_at(self.cursor)
        if entry is None or (is_open is not None and is_open == (entry in self.expanded)):
            return
        self.expanded ^= {entry}
        self.changed({self.cursor})
        self.reveal(self.cursor)
