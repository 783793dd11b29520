"""All agents of the overview as they stand now: what changed is placed anew, and the order is made when it has to be.

No clock, no widget: cost follows the change.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from ...model.state import Millis
from .arrangement import (
    Landmarks,
    ListOptions,
    RosterEntry,
    Slots,
    entry_of,
    is_in_sight,
    landmarks_of,
    slots_of,
    stable_slots,
)
from .counting import AgentCounts, Counting
from .preferences import Preferences, build_name
from .triage import AgentRow, RowKey, build_stamp, need

REST_MILLIS = 2_000
"""Milliseconds after the reader's last key during which no row changes its place."""


class RosterChanges(Struct, frozen=True):
    """What to paint: the rows of `rows`, or everything if the `slots` are others."""

    slots: bool = False
    rows: frozenset[RowKey] = frozenset()


class Roster:
    """`visible` are the entries in sight, `slots` the list in the order in which it stands on screen."""

    def __init__(self, preferences: Preferences, options: ListOptions, now: Millis, midnight: Millis) -> None:
        self.preferences, self.options = preferences, options
        self.rows: dict[RowKey, AgentRow] = {}
        self.entries: dict[RowKey, RosterEntry] = {}
        self.visible: dict[RowKey, RosterEntry] = {}
        self.slots: Slots = ()
        self.landmarks = Landmarks()
        self._counting = Counting()
        self._servers = Counter[str]()
        self._first_stamps: dict[RowKey, str] = {}
        self._now: Millis = now
        self._midnight: Millis = midnight
        self._touched_at: Millis = 0
        self._changed: set[RowKey] = set()
        self._is_disordered = self._is_due_now = False

    # ----------------------------------------------------------------- what happens

    def put(self, row: AgentRow) -> None:
        """A new row, or one as it stands now."""
        key = row.key
        if row.build.is_blank:
            self.remove(key)
            return
        if key not in self.rows:
            self._servers[key.server] += 1
        self.rows[key] = row
        self._first_stamps.setdefault(key, build_stamp(row.build))
        self._place(key)

    def remove(self, key: RowKey) -> None:
        if self.rows.pop(key, None) is not None:
            self.entries.pop(key)
            self._counting.remove(key)
            self._servers[key.server] -= 1
            self._servers += Counter()  # drops those without rows
            self._is_disordered |= self.visible.pop(key, None) is not None

    def replace_server(self, server: str, rows: list[AgentRow]) -> None:
        """All rows of a server anew: those that it does not tell of any more go."""
        keys = {row.key for row in rows}
        for key in [key for key in self.rows if key.server == server and key not in keys]:
            self.remove(key)
        for row in rows:
            self.put(row)

    def touch(self, now: Millis) -> None:
        """The reader is at the keys."""
        self._touched_at = now

    def set_preferences(self, preferences: Preferences) -> None:
        """Other preferences; only marks of what was seen leave the order to come by itself."""
        regrouped = preferences.group_by != self.preferences.group_by or preferences.hidden != self.preferences.hidden
        self._is_due_now |= regrouped or preferences.pins != self.preferences.pins
        self.preferences = preferences
        for key in self.rows:
            self._place(key)

    def set_options(self, options: ListOptions) -> None:
        """Another filter or fold: at once."""
        self.options, self._is_due_now = options, True
        for key in self.rows:
            self._place(key)

    def tick(self, now: Millis, midnight: Millis) -> None:
        """Time went by: what is quiet for long is stuck."""
        self._now = now
        if midnight != self._midnight:
            self._is_disordered, self._midnight = True, midnight
            for key in self.entries:
                self._count(key)
        for key, entry in self.entries.items():
            if need(entry.row.build, now, is_seen=entry.need != "failed") != entry.need:
                self._place(key)

    def _place(self, key: RowKey) -> None:
        before = self.entries.get(key)
        entry = entry_of(self.rows[key], self.preferences, self._first_stamps[key], self._now)
        self.entries[key] = entry
        self._count(key)
        was_shown, is_shown = key in self.visible, is_in_sight(entry, self.preferences, self.options)
        if is_shown:
            self.visible[key] = entry
        elif was_shown:
            del self.visible[key]
        if was_shown != is_shown or before is None or _standing(before) != _standing(entry):
            self._is_disordered |= was_shown or is_shown
        if entry != before or is_shown != was_shown:
            self._changed.add(key)

    def _count(self, key: RowKey) -> None:
        """Whatever the filter leaves of them, but not what is hidden."""
        if self.preferences.hidden and build_name(key.build) in self.preferences.hidden:
            self._counting.remove(key)
        else:
            entry = self.entries[key]
            self._counting.put(entry.row, entry.need, self._midnight)

    # ----------------------------------------------------------------- what is to be seen

    def settle(self, now: Millis) -> RosterChanges:
        """Brings the order up to date, as far as the reader's hands allow, and says what to paint."""
        rows, self._changed = frozenset(self._changed & self.visible.keys()), set()
        if not self._is_disordered and not self._is_due_now:
            return RosterChanges(rows=rows)
        slots = slots_of(self.visible.values(), self.preferences.group_by, self.options, self._midnight)
        is_resting = now - self._touched_at >= REST_MILLIS or self._is_due_now
        painted = slots if is_resting else stable_slots(self.slots, slots, self.visible)
        self._is_disordered, self._is_due_now = painted != slots, False
        changed, self.slots = painted != self.slots, painted
        self.landmarks = landmarks_of(painted, self.visible)
        return RosterChanges(changed, rows)

    @property
    def has_hosts(self) -> bool:
        """Whether the rows are of more than one server."""
        return len(self._servers) > 1

    @property
    def hidden_count(self) -> int:
        """How many rows the reader has hidden."""
        names = frozenset(self.preferences.hidden)
        return sum(build_name(key.build) in names for key in self.rows) if names else 0

    def counts(self) -> AgentCounts:
        """Of all that are not hidden, whatever the filter leaves."""
        return self._counting.counts


def _standing(entry: RosterEntry) -> tuple[object, ...]:
    """What decides about its place."""
    build = entry.row.build
    return entry.order, entry.is_pinned, build.project_name, build.agent_id, entry.row.host, build.status
