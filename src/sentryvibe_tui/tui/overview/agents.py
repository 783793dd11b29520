"""The list: one line an agent, groups under their headings, what ended in a fold; only what changed is painted."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Region
from textual.message import Message

from ...report.words import plural
from ..actions import list_bindings
from ..context import RenderContext
from ..lines import Line, cut, fill, wrap
from ..widgets.rows import Rows
from .arrangement import Fold, Heading, RosterEntry, Slot
from .columns import COLUMN_GAP, Columns, Extents, extents_of, fit_columns, row_line, widest
from .roster import Roster, RosterChanges
from .triage import RowKey

CLOCKS = ("since", "age")
"""Columns that change by themselves."""


class Agents(Rows, inherit_bindings=False):
    """The slots of a roster. Until the reader moves the cursor it is on the first row."""

    BINDINGS = list_bindings()

    class RowSelected(Message):
        """The reader opens what is under the cursor."""

    def __init__(self, roster: Roster, context: RenderContext, turn_fold: Callable[[], None], **options: str) -> None:
        """`turn_fold` shows those that ended, or folds them away, before the next key is looked at."""
        super().__init__(**options)
        self.roster, self.context, self._turn_fold = roster, context, turn_fold
        self.following = False
        self.is_touched = False
        self.nothing: tuple[Line, ...] = ()
        self.columns = Columns((), 0, ())
        self._extents: Extents = {}
        self._out_of_reach: set[str] = set()
        self._places: dict[RowKey, int] = {}
        self._slots: tuple[Slot, ...] = ()
        self._seconds = 0

    # ----------------------------------------------------------------- the reader's place

    @property
    def slot(self) -> Slot | None:
        """What is under the cursor."""
        return self._slots[self.cursor] if self.cursor < len(self._slots) else None

    @property
    def chosen(self) -> RosterEntry | None:
        """The agent under the cursor."""
        return self.roster.visible.get(self.slot) if isinstance(self.slot, RowKey) else None

    @property
    def window(self) -> tuple[int, int]:
        """The first and the last line of the list on screen."""
        return self._visible() if self._slots else (0, -1)

    def go_to(self, key: RowKey) -> bool:
        """The cursor to a row; whether it stands in the list."""
        place = self._places.get(key)
        if place is not None:
            self.move(place)
        return place is not None

    def move(self, row: int) -> None:
        """Past headings, on which the cursor does not stand."""
        step = -1 if row < self.cursor else 1
        for onward in (step, -step):
            at = max(0, min(row, len(self._slots) - 1))
            while 0 <= at < len(self._slots) and isinstance(self._slots[at], Heading):
                at += onward
            if 0 <= at < len(self._slots):
                self.is_touched = True
                super().move(at)
                if all(isinstance(slot, Heading) for slot in self._slots[:at]):
                    self._to(0)
                return

    @property
    def at_end(self) -> bool:
        return False

    def action_fold(self, is_open: bool | None = None) -> None:
        """Shows those that ended, or folds them away, wherever the cursor is."""
        fold = next((slot for slot in self._slots if isinstance(slot, Fold)), None)
        if fold is not None and fold.is_open != is_open:
            self._turn_fold()

    def on_click(self, event: events.Click) -> None:
        """To the row; a second click on it opens it, and one opens the fold."""
        super().on_click(event)
        if event.chain == 2 or isinstance(self.slot, Fold):
            self.post_message(self.RowSelected())

    def _cursor_into_view(self) -> None:
        super()._cursor_into_view()
        if isinstance(self.slot, Heading):
            self.move(self.cursor)

    # ----------------------------------------------------------------- what changed

    def set_reach(self, server: str, *, is_within: bool) -> None:
        """Rows of a server that is out of reach are as they were last: they stand back."""
        if is_within == (server in self._out_of_reach):
            self._out_of_reach ^= {server}
            self.repaint_rows({place for key, place in self._places.items() if key.server == server})

    def update(self, changes: RosterChanges) -> None:
        extents = widest(self._extents, self._needed(changes))
        if extents != self._extents or changes.slots:
            self._extents = extents
            self._renew()
        else:
            self.repaint_rows({self._places[key] for key in changes.rows if key in self._places})

    def _needed(self, changes: RosterChanges) -> Extents:
        """By the rows that changed or came into the list; a column, once there, stays as wide as it is."""
        slots, before = self.roster.slots, self._places
        keys = [key for key in changes.rows if key in before]
        keys += [slot for slot in slots if isinstance(slot, RowKey) and slot not in before] if changes.slots else []
        visible = self.roster.visible
        return extents_of((visible[key] for key in keys if key in visible), has_hosts=self.roster.has_hosts)

    def _renew(self) -> None:
        """Other lines: the cursor stays on its row, and the row on its line of the screen."""
        slot, top = self.slot, self.scroll_offset.y
        line = self.cursor - top
        self._slots = self.roster.slots
        self._places = {slot: at for at, slot in enumerate(self._slots) if isinstance(slot, RowKey)}
        self.columns = fit_columns(self.row_width, self._extents)
        place = self._place_of(slot)
        self.reset(len(self._slots), place)
        if self.is_touched:
            self._to(place - line)
            self.reveal(place)
        else:
            self._to(0)
        self.post_message(self.Fitted())

    def _place_of(self, slot: Slot | None) -> int:
        """Where it stands now; else what stands in its place."""
        if self.is_touched and isinstance(slot, RowKey) and slot in self._places:
            return self._places[slot]
        if self.is_touched and isinstance(slot, Fold):
            return next((at for at, other in enumerate(self._slots) if isinstance(other, Fold)), 0)
        at = self.cursor if self.is_touched else 0
        there = [place for place, other in enumerate(self._slots) if not isinstance(other, Heading)]
        return min(there, key=lambda place: abs(place - at), default=0)

    def tick(self) -> None:
        """A second went by: only the cells that say how long are painted, and only those on screen."""
        top, bottom = self.window
        spans = list(_spans(self.columns))
        for row in range(top, min(bottom + 1, len(self._slots))):
            if isinstance(self._slots[row], RowKey) and row in self._painted:
                before = self._painted.pop(row)
                if self._strips(row) != before:
                    y = self.heights.start(row) - self.scroll_offset.y
                    for x, width in spans:
                        self.refresh(Region(x + self.gutter.left, y + self.gutter.top, width, 1))

    def refit(self) -> None:
        self.columns = fit_columns(self.row_width, self._extents)
        super().refit()

    # ----------------------------------------------------------------- painting

    def lines_of(self, row: int, width: int) -> list[Line]:
        slot = self._slots[row]
        if isinstance(slot, Heading):
            return [[(slot.title, "dim"), (f"  {slot.rows}", "faint")]]
        if isinstance(slot, Fold):
            return [self._fold(slot, width)]
        entry = self.roster.visible.get(slot)
        if entry is None:
            return [[]]
        line = row_line(entry, self.columns, self.context, width)
        return [[(text, "faint") for text, _ in line] if slot.server in self._out_of_reach else line]

    def _fold(self, fold: Fold, width: int) -> Line:
        glyphs = self.context.glyphs
        mark = glyphs.open if fold.is_open else glyphs.closed
        parts = [f"{fold.today} ended today"] if fold.today else []
        parts += [f"{fold.before} before"] if fold.today and fold.before else []
        parts += [f"{plural(fold.before, 'build')} ended before today"] if not fold.today else []
        summary: Line = [(f"{mark} ", "accent"), (", ".join(parts), "dim")]
        outcomes = ((glyphs.done, fold.completed, "good"), (glyphs.failed, fold.failed, "bad"),
                    (glyphs.stopped, fold.stopped, "warn"))  # fmt: skip
        counts: Line = [span for glyph, n, tone in outcomes if n for span in ((f"  {glyph} ", tone), (str(n), "dim"))]
        return cut([*summary, *counts], width)

    def instead(self) -> list[Line]:
        return [fill(part, [], self.row_width) for line in self.nothing for part in wrap(line, self.row_width)]


def _spans(columns: Columns) -> list[tuple[int, int]]:
    """Where the cells stand that change by themselves."""
    spans: list[tuple[int, int]] = []
    x = 0
    for column in columns.first:
        if column.name in CLOCKS:
            spans.append((x, column.width))
        x += column.width + len(COLUMN_GAP)
    x += columns.what
    for column in columns.last:
        x += len(COLUMN_GAP)
        if column.name in CLOCKS:
            spans.append((x, column.width))
        x += column.width
    return spans
