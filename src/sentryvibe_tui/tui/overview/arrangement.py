"""Which rows stand where: groups, filter, pins, the fold of what ended; and nothing jumps under the cursor. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from ...model.state import Millis
from ...model.text import clean_line
from .preferences import Grouping, Preferences, build_name
from .triage import NEEDS, AgentRow, Need, RowKey, build_stamp, need, precedence
from .words import NEED_TITLES, state_word

PINNED = "PINNED"
ALWAYS_NEWS = frozenset[Need]({"waits", "failed"})
"""What is unread also in a row that the reader never saw."""


class Heading(Struct, frozen=True):
    """Stands over the rows of a group."""

    title: str
    rows: int


class Fold(Struct, frozen=True):
    """Stands for the builds that ended: so many `today`, so many before."""

    today: int
    before: int
    completed: int
    failed: int
    stopped: int
    is_open: bool


class RosterEntry(Struct, frozen=True):
    """An agent of the list: its row, and what the reader's marks say of it.

    `order` sorts rows; it is equal while an agent only goes on.
    """

    row: AgentRow
    need: Need
    order: tuple[int, int, str, str]
    is_unread: bool = False
    is_pinned: bool = False
    own_name: str = ""
    is_hidden: bool = False


Slot = Heading | Fold | RowKey
Slots = tuple[Slot, ...]


class ListOptions(Struct, frozen=True):
    """How the reader wants to see it now."""

    needle: str = ""
    is_unfolded: bool = False
    shows_hidden: bool = False
    has_headings: bool = True


def entry_of(row: AgentRow, preferences: Preferences, first_stamp: str, now: Millis) -> RosterEntry:
    """`first_stamp`: how the build stood when this overview saw it first."""
    name, now_stamp = build_name(row.build.key), build_stamp(row.build)
    last = preferences.stamps.get(name)
    what = need(row.build, now, is_seen=last == now_stamp)
    if last is None and what not in ALWAYS_NEWS:
        last = first_stamp
    return RosterEntry(
        row,
        what,
        precedence(row.build, what),
        is_unread=last != now_stamp,
        is_pinned=name in preferences.pins,
        own_name=preferences.names.get(name, ""),
        is_hidden=name in preferences.hidden,
    )


def is_in_sight(entry: RosterEntry, preferences: Preferences, options: ListOptions) -> bool:
    """Whether it is in the list: not hidden, and every word of the filter stands somewhere in it."""
    if preferences.hidden and not options.shows_hidden and build_name(entry.row.build.key) in preferences.hidden:
        return False
    words = options.needle.lower().split()
    return not words or all(word in _text(entry) for word in words)


def _text(entry: RosterEntry) -> str:
    """All that the filter looks at."""
    build = entry.row.build
    state = state_word(build, entry.need)
    request_title = build.requests[0].title if build.requests else ""
    parts = (
        *(entry.own_name, build.project_name, build.project_id, build.title, build.agent_id, build.model),
        *(build.branch, build.cwd, build.host, build.now, build.todo, request_title, state, NEED_TITLES[entry.need]),
    )
    return "\n".join(parts).lower()


def slots_of(entries: Iterable[RosterEntry], by: Grouping, options: ListOptions, midnight: Millis) -> Slots:
    """The lines of the list; `midnight`: when today began, epoch milliseconds."""
    everything = list(entries)
    ended = [entry for entry in everything if entry.need == "ended" and not entry.is_pinned]
    slots: list[Slot] = []
    for title, group in _groups([entry for entry in everything if entry.need != "ended" or entry.is_pinned], by):
        if options.has_headings:
            slots.append(Heading(title, len(group)))
        slots += (entry.row.key for entry in group)
    if ended:
        is_open = options.is_unfolded or bool(options.needle)
        slots.append(_fold(ended, midnight, is_open))
        slots += (entry.row.key for entry in sorted(ended, key=_order)) if is_open else ()
    return tuple(slots)


def _order(entry: RosterEntry) -> tuple[int, int, str, str]:
    return entry.order


def _groups(entries: Sequence[RosterEntry], by: Grouping) -> list[tuple[str, list[RosterEntry]]]:
    """Title and rows: what is pinned, then the groups in the order of their most urgent row."""
    pinned = sorted((entry for entry in entries if entry.is_pinned), key=_order)
    others = [entry for entry in entries if not entry.is_pinned]
    title = _TITLES[by]
    urgent = dict[str, int]()
    for entry in others:
        name = title(entry)
        urgent[name] = min(urgent.get(name, len(NEEDS)), NEEDS.index(entry.need))
    others.sort(key=lambda entry: (urgent[title(entry)], title(entry), _order(entry)))
    groups = [(name, list(group)) for name, group in groupby(others, title)]
    return [(PINNED, pinned), *groups] if pinned else groups


_TITLES: Mapping[Grouping, Callable[[RosterEntry], str]] = {
    "state": lambda entry: NEED_TITLES[entry.need],
    "project": lambda entry: clean_line(entry.row.build.project_name or entry.row.build.project_id, 60),
    "agent": lambda entry: clean_line(entry.row.build.agent_id, 40) or "unknown agent",
    "host": lambda entry: clean_line(entry.row.host, 60),
}


def _fold(ended: Sequence[RosterEntry], midnight: Millis, is_open: bool) -> Fold:
    builds = [entry.row.build for entry in ended]
    today = sum((build.ended_at or build.last_event_at or 0) >= midnight for build in builds)
    completed = sum(build.status == "completed" and not build.damaged for build in builds)
    failed = sum(build.status == "failed" or bool(build.damaged) for build in builds)
    return Fold(today, len(builds) - today, completed, failed, len(builds) - completed - failed, is_open)


# --------------------------------------------------------------------------- stability


def stable_slots(before: Slots, now: Slots, visible: Mapping[RowKey, RosterEntry]) -> Slots:
    """`now` in the order of `before`, while the reader's hands are on the keys: what is gone is left out, and what is
    new stands at the end of its group, or of the list."""
    old = {slot for slot in before if isinstance(slot, RowKey)}
    folds: list[Slot] = [slot for slot in now if isinstance(slot, Fold)]
    slots: list[Slot] = []
    for slot in before:
        if isinstance(slot, Fold):
            slots += folds
        elif isinstance(slot, Heading) or slot in visible:
            slots.append(slot)
    slots += [fold for fold in folds if fold not in slots]
    for slot in now:
        if isinstance(slot, RowKey) and slot not in old:
            slots.insert(_end_of_group(slots, visible, slot), slot)
    return tuple(_without_empty(slots))


def _end_of_group(slots: Sequence[Slot], visible: Mapping[RowKey, RosterEntry], key: RowKey) -> int:
    """Behind the last row that wants the same as `key`; else before the fold, or behind it for what ended."""
    what = visible[key].need
    same = [at for at, slot in enumerate(slots) if isinstance(slot, RowKey) and visible[slot].need == what]
    if same:
        return same[-1] + 1
    folds = (at for at, slot in enumerate(slots) if isinstance(slot, Fold))
    return len(slots) if what == "ended" else next(folds, len(slots))


def _without_empty(slots: Sequence[Slot]) -> list[Slot]:
    """Without headings over nothing; their counts follow."""
    remaining = list[Slot]()
    for at, slot in enumerate(slots):
        if isinstance(slot, Heading):
            rows = 0
            for below in slots[at + 1 :]:
                if not isinstance(below, RowKey):
                    break
                rows += 1
            if rows:
                remaining.append(Heading(slot.title, rows))
        else:
            remaining.append(slot)
    return remaining


class Landmarks(Struct, frozen=True):
    """Places in the list, in order: of headings, and of the rows that wait for the reader."""

    headings: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()

    def between(self, begin: int, end: int) -> tuple[int, int]:
        """How many lines but headings stand at places `begin` … `end` - 1, and how many of them wait."""
        headings, waiting = (bisect_left(at, end) - bisect_left(at, begin) for at in (self.headings, self.waiting))
        return max(0, end - begin) - headings, waiting

    def next_waiting(self, after: int) -> int | None:
        """The next that waits behind place `after`, around the end; None: there is none."""
        return next((at for at in self.waiting if at > after), self.waiting[0] if self.waiting else None)


def landmarks_of(slots: Slots, visible: Mapping[RowKey, RosterEntry]) -> Landmarks:
    """`slots` may still have rows that are gone."""
    rows = ((at, visible.get(slot)) for at, slot in enumerate(slots) if isinstance(slot, RowKey))
    return Landmarks(
        tuple(at for at, slot in enumerate(slots) if isinstance(slot, Heading)),
        tuple(at for at, row in rows if row is not None and row.need == "waits"),
    )
