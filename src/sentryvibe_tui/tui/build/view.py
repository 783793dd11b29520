"""What the screen shows: the newest state of a watch, and which parts of it changed since it was last painted.

No widget and no clock here: watch events go in, `take_repaint` says what to repaint.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from ...agents.file_changes import changes_files
from ...client.watching import (
    CaughtUp,
    Changed,
    EndConfirmed,
    LinkChanged,
    LinkStatus,
    SignOfLife,
    Skipped,
    Snapshot,
    WatchEvent,
)
from ...model.facts import BuildEnded, CodexReported
from ...model.persistent import Vector
from ...model.state import PLANNING, BuildState, Item, Millis, Note, ToolCall, note_key, tool_key
from ...model.updates import BuildBegan, Entry, TextChanged, TodoCompleted, TodosChanged, ToolChanged
from ...report import words
from .steps import REWINDABLE, Steps
from .tally import Group, Tally

ExtraKind = Literal["gap", "build", "other", "mark", "request", "end"]

OTHER = "another build of this project runs"

ACTIVITY_STEP = 2_000
"""Milliseconds of the finest stretch of `BuildView.activity`."""


class Extra(Struct, frozen=True):
    """A line of the stream that no agent said: a gap of the link, another build, the reader's mark, the end."""

    kind: ExtraKind
    text: str
    at: Millis


class Repaint(Struct):
    """What was touched since the last painting. `everything`: all of it; `todos`: the rows of the todo tree;
    `positions`: items of the timeline that stay where they are."""

    everything: bool = False
    todos: bool = False
    head: bool = False
    positions: set[int] = set()


class BuildView:
    """The build on screen, the link, and the indexes that the lists on the screen need."""

    def __init__(self) -> None:
        self.link = LinkStatus("connecting")
        self.life: SignOfLife | None = None
        self.live = BuildState()
        self.state = self.live
        self.pinned = False
        self.is_followed = True
        """Whether the reader stays with the newest build: said by who shows it."""
        self.skipped = 0
        self._lost_row: int | None = None
        self._repaint = Repaint(everything=True, positions=set())
        self._restart([])

    # ----------------------------------------------------------------- what happens

    def take(self, event: WatchEvent) -> None:
        self._repaint.head = True
        match event:
            case Changed(state, entry):
                self._changed(state, entry)
            case Snapshot(state):
                self._snapshot(state)
            case LinkChanged(status):
                self.link = status
                if status.lost_at is not None and self._lost_row is None:
                    self._lost_row = len(self.entries)
            case CaughtUp(back_at=at):
                self._gap(Extra("gap", words.caught_up(event), at))
            case SignOfLife():
                self.life = event
            case Skipped(count):
                self.skipped += count
            case EndConfirmed():
                pass

    def _gap(self, gap: Extra) -> None:
        """Above what was missed, as far as that stands on screen."""
        row, self._lost_row = self._lost_row, None
        if row is None or row >= len(self.entries):
            self._add(gap)
            return
        extras = [(at + (at >= row), entry) for at, entry in enumerate(self.entries) if isinstance(entry, Extra)]
        self._restart(sorted([*extras, (row, gap)], key=lambda placed: placed[0]))

    def take_repaint(self) -> Repaint:
        """What to repaint; from now on nothing is."""
        if self._is_disordered:
            self._restart(self._extras())
        repaint, self._repaint = self._repaint, Repaint(positions=set())
        return repaint

    @property
    def is_replaced(self) -> bool:
        """Whether rows on screen may speak of what is no longer there, until they are painted anew."""
        return self._repaint.everything

    def mark(self, text: str, at: Millis) -> None:
        """A line of the reader's own after what came so far."""
        self._add(Extra("mark", text, at))

    def show(self, state: BuildState | None) -> None:
        """Another build on screen, as it is now; None: the newest one, live."""
        self.pinned = state is not None
        self.state = self.live if state is None else state
        self._lost_row = None
        self._restart([])

    def _snapshot(self, state: BuildState) -> None:
        """A newer state of the same build keeps our own lines where they stand; another build announces itself.

        A build on screen is left for it only when it has ended and is followed; else a line tells of the other one.
        """
        old, self.live = self.live, state
        if not self.pinned and old.id and old.id != state.id and (old.is_active or not self.is_followed):
            self.pinned = True
            self._add(Extra("other", f"{OTHER}: L goes to it", state.started_at or state.last_event_at or 0))
        if self.pinned:
            return
        self.state = state
        if old.id == state.id:
            self._restart(self._extras())
        elif old.id:
            self._lost_row = None
            self._restart([(0, Extra("build", "new build", state.started_at or state.last_event_at or 0))])
        else:
            self._restart([])

    def _changed(self, state: BuildState, entry: Entry) -> None:
        if state.id != self.live.id:
            self._snapshot(state)
            return
        old, self.live = self.live, state
        if self.pinned:
            return
        self.state = state
        for position in range(len(old.timeline), len(state.timeline)):
            self._append(position, state.timeline[position])
        touched = set[int | None]()
        for update in entry.updates:
            match update:
                case ToolChanged(id=ident):
                    touched.add(state.positions.get(tool_key(ident)))
                case TextChanged(id=ident):
                    touched.add(state.positions.get(note_key(ident)))
                case TodosChanged() | TodoCompleted() | CodexReported():
                    self._repaint.todos = True
                case BuildEnded() | BuildBegan():
                    self._repaint.everything = True
                    self._tally = None  # the end of calls left open is told by no update of theirs
                case _:
                    pass
        for position in touched:
            if position is not None and position < len(old.timeline):
                self._touch(position, old)
        if self._is_regrouped:
            self._restart(self._extras())

    def _extras(self) -> list[tuple[int, Extra]]:
        """Our own lines with their rows."""
        return [(row, entry) for row, entry in enumerate(self.entries) if isinstance(entry, Extra)]

    def _touch(self, position: int, old: BuildState) -> None:
        self._repaint.positions.add(position)
        now, before = self.state.timeline[position], old.timeline[position]
        if not isinstance(now, ToolCall) or not isinstance(before, ToolCall):
            return
        if self._tally is not None and now.name == before.name and now.input == before.input:
            self._tally.change(position, now, before)
        else:
            self._tally = None
        self._is_regrouped |= (now.parent_id, now.todo) != (before.parent_id, before.todo)
        if now.state != before.state:
            errors = (now.state == "error") - (before.state == "error")
            self.last_error = position if errors > 0 else self.last_error
            self.steps.count_errors(position, errors)
            if changes_files(now):
                self.edits.append(position)
            for group in self._groups_of(now):
                group.errors += errors
            self._repaint.todos = True

    def _add(self, extra: Extra) -> None:
        self.entries.append(extra)

    # ----------------------------------------------------------------- indexes

    def _restart(self, extras: list[tuple[int, Extra]]) -> None:
        """Everything anew from the state on screen; `extras`: our own lines with their rows."""
        self._repaint.everything = self._repaint.head = True
        self._tally: Tally | None = None
        self.groups: defaultdict[int, Group] = defaultdict(Group)
        """Calls by the key of their todo."""
        self.top: defaultdict[int, Group] = defaultdict(Group)
        """Those of them that stand below no call of a subagent."""
        self.children: defaultdict[str, Group] = defaultdict(Group)
        """Calls by the call of their subagent."""
        self._is_regrouped = False
        """Whether a call turned out to belong elsewhere: what came before it may stand in the wrong group."""
        self._activity: tuple[tuple[str, int, int], list[int]] = ("", 0, 0), []
        self._is_disordered = False
        self.shifts = 0
        """How often an item came that belongs above others."""
        self._times: list[Millis] = []
        items = list(self.state.items())
        for item in items:
            self._times.append(self._time(item))
        in_order = sorted(range(len(self._times)), key=self._times.__getitem__)
        self.entries: list[int | Extra] = [*in_order]
        for row, extra in extras:
            self.entries.insert(row, extra)
        self.steps = Steps()
        self.edits: list[int] = []
        """Positions of the calls that changed files."""
        self.last_text: int | None = None
        self.last_error: int | None = None
        self.row_of = [0] * len(in_order)
        for row, entry in enumerate(self.entries):
            if isinstance(entry, int):
                self.row_of[entry] = row
        begins = [item.started_at for item in items if isinstance(item, ToolCall)]
        self._starts = sorted(at for at in begins if at is not None)
        """When calls began."""
        self._index(0, items)
        self._take_steps(in_order, items)

    def _time(self, item: Item) -> Millis:
        """When the next item of the timeline happened; one that does not say, with the one before it."""
        at = item.started_at if isinstance(item, ToolCall) else item.at
        return at or (self._times[-1] if self._times else 0)

    def _append(self, position: int, item: Item) -> None:
        """At the end, or where it belongs by its time: of an agent's sources some are slower than others."""
        self._times.append(self._time(item))
        row = self._row_for(position)
        self.entries.insert(row, position)
        self.row_of.append(row)
        later = [entry for entry in self.entries[row + 1 :] if isinstance(entry, int)]
        self.steps.rewind(later)
        for entry in later:
            self.row_of[entry] += 1
        self.shifts += bool(later)
        if self._lost_row is not None and row < self._lost_row:
            self._lost_row += 1
        self._repaint.positions.update(later)
        self._repaint.todos |= isinstance(item, ToolCall) or not self.has_todos
        if isinstance(item, ToolCall):
            self._is_regrouped |= item.id in self.children
            if item.started_at is not None:
                insort(self._starts, item.started_at)
            if self._tally is not None:
                self._tally.add({position: item})
        self._index(position, (item,))
        self._take_steps((position, *later), self.state.timeline)

    def _row_for(self, position: int) -> int:
        """Of a new item; nothing goes above a line of ours. What is much too late is put in order with the painting."""
        at, end = self._times[position], len(self.entries)
        row = end
        while row and isinstance(entry := self.entries[row - 1], int) and self._times[entry] > at:
            if end - row == REWINDABLE:
                self._is_disordered = True
                return end
            row -= 1
        return row

    def _take_steps(self, positions: Iterable[int], items: Sequence[Item] | Vector[Item]) -> None:
        """The next ones of `items` in order of time; calls of todos are passed over, as there may be very many."""
        for position in positions:
            if isinstance(item := items[position], Note) or item.todo == PLANNING:
                self.steps.take(position, item, self._root(item))

    def _index(self, first: int, items: Sequence[Item]) -> None:
        """Items of the timeline from position `first` on: one that is new, or very many."""
        for at, item in enumerate(items, first):
            if isinstance(item, Note):
                self._index_note(at, item)
                continue
            self.groups[item.todo].positions.append(at)
            if item.parent_id:
                self.children[item.parent_id].positions.append(at)
            if not item.parent_id or not self.is_nested(item):
                self.top[item.todo].positions.append(at)
            if item.state == "error":
                self.last_error = at
                for group in self._groups_of(item):
                    group.errors += 1
            elif changes_files(item):
                self.edits.append(at)

    def _index_note(self, at: int, note: Note) -> None:
        if note.kind == "text" and not note.parent_id:
            is_last = self.last_text is None or self._times[at] >= self._times[self.last_text]
            self.last_text = at if is_last else self.last_text

    def _groups_of(self, call: ToolCall) -> Iterator[Group]:
        yield self.groups[call.todo]
        if call.parent_id:
            yield self.children[call.parent_id]
        if not self.is_nested(call):
            yield self.top[call.todo]

    # ----------------------------------------------------------------- questions

    def frozen(self) -> BuildView:
        """As it is now, whatever happens to this one: for another thread to read."""
        view = copy(self)
        view.entries = list(self.entries)
        view.children = defaultdict(Group, {ident: copy(group) for ident, group in self.children.items()})
        return view

    @property
    def has_todos(self) -> bool:
        """Whether the agent wrote down what there is to do; else its prompts and words say it."""
        state = self.state
        return bool(state.todos or state.template_todos or state.dropped or state.codex is not None)

    @property
    def tally(self) -> Tally:
        """The calls of the build on screen, counted; made when it is first asked for, kept up from then on."""
        if self._tally is None:
            self._tally = Tally(self.state, self.groups)
        return self._tally

    def group(self, key: int = PLANNING) -> Group:
        return self.groups.get(key) or Group()

    def depth(self, item: Item) -> int:
        """How many calls of subagents an item stands below; a circle ends where it began."""
        return len(self._above(item))

    def is_nested(self, item: Item) -> bool:
        """Whether an item stands below the call of its subagent."""
        return bool(item.parent_id) and tool_key(item.parent_id) in self.state.positions

    def _above(self, item: Item) -> list[str]:
        """Ids of the calls that it stands below, the nearest first."""
        above: list[str] = []
        while item.parent_id and item.parent_id not in above and (parent := self.state.tool(item.parent_id)):
            above.append(item.parent_id)
            item = parent
        return above

    def _root(self, item: Item) -> int | None:
        """The position of the agent's own call that a subagent's item stands below."""
        above = self._above(item)
        return self.state.positions[tool_key(above[-1])] if above else None

    def failed_below(self, tool: ToolCall) -> int:
        """How many calls of a subagent failed."""
        return self.children[tool.id].errors if tool.id in self.children else 0

    def as_of(self, now: Millis) -> Millis:
        """The time up to which the screen is true: now, or when the link was lost."""
        lost = self.link.lost_at
        return now if lost is None or self.link.phase in ("live", "waiting") else min(now, lost)

    def activity(self, buckets: int, until: Millis) -> list[int]:
        """Calls begun per stretch of time from the build's start to `until`, in at most `buckets` equal stretches.

        Counted anew once a second of `until`.
        """
        key = (self.state.id, buckets, until // 1000)
        if self._activity[0] != key:
            self._activity = key, self._count_starts(buckets, until)
        return self._activity[1]

    def _count_starts(self, buckets: int, until: Millis) -> list[int]:
        begin = self.state.started_at
        if begin is None or buckets < 1 or until <= begin:
            return []
        first, span = begin // ACTIVITY_STEP, (until - begin) // ACTIVITY_STEP + 1
        places = min(buckets, span)
        edges = [(first - -place * span // places) * ACTIVITY_STEP for place in range(places + 1)]
        return [end - start for start, end in pairwise(bisect_left(self._starts, edge) for edge in edges)]
