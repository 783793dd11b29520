"""All agents of the overview as they stand now: what changed is placed anew, and the order is made when it has to be.

No clock, no widget: cost follows the change.
"""

from __future__ import annotations

from msgspec import Struct

from ...model.state import Millis
from .arrangement import Placed, Slots, View, arranged, held, is_in_sight, next_waiting, placed
from .preferences import Preferences, build_name
from .triage import AgentRow, RowKey, need, stamp
from .words import Counts, counted

REST = 2_000
"""Milliseconds after the reader's last key during which no row changes its place."""


class Changes(Struct, frozen=True):
    """What to paint: the rows of `rows`, or everything if the `slots` are others."""

    slots: bool = False
    rows: frozenset[RowKey] = frozenset()


class Roster:
    """`shown` are the rows in sight, `slots` the list in the order in which it stands on screen."""

    def __init__(self, wanted: Preferences, view: View, now: Millis, midnight: Millis) -> None:
        self.preferences, self.view = wanted, view
        self.rows: dict[RowKey, AgentRow] = {}
        self.placed: dict[RowKey, Placed] = {}
        self.shown: dict[RowKey, Placed] = {}
        self.slots: Slots = ()
        self._first_stamps: dict[RowKey, str] = {}
        self._now, self._midnight = now, midnight
        self._touched_at: Millis = 0
        self._changed: set[RowKey] = set()
        self._is_disordered = self._is_due_now = False

    # ----------------------------------------------------------------- what happens

    def put(self, row: AgentRow) -> None:
        """A new row, or one as it stands now."""
        key = row.key
        self.rows[key] = row
        self._first_stamps.setdefault(key, stamp(row.build))
        self._place(key)

    def remove(self, key: RowKey) -> None:
        if self.rows.pop(key, None) is not None:
            self.placed.pop(key)
            self._is_disordered |= self.shown.pop(key, None) is not None

    def replace_server(self, server: str, rows: list[AgentRow]) -> None:
        """All rows of a server anew: those that it does not tell of any more go."""
        told = {row.key for row in rows}
        for key in [key for key in self.rows if key.server == server and key not in told]:
            self.remove(key)
        for row in rows:
            self.put(row)

    def touch(self, now: Millis) -> None:
        """The reader is at the keys."""
        self._touched_at = now

    def prefer(self, wanted: Preferences) -> None:
        """Other preferences; only marks of what was seen leave the order to come by itself."""
        regrouped = wanted.group_by != self.preferences.group_by or wanted.hidden != self.preferences.hidden
        self._is_due_now |= regrouped or wanted.pins != self.preferences.pins
        self.preferences = wanted
        for key in self.rows:
            self._place(key)

    def look(self, view: View) -> None:
        """Another filter or fold: at once."""
        self.view, self._is_due_now = view, True
        for key in self.rows:
            self._place(key)

    def tick(self, now: Millis, midnight: Millis) -> None:
        """Time went by: what is quiet for long is stuck."""
        self._now = now
        self._is_disordered |= midnight != self._midnight
        self._midnight = midnight
        for key, one in self.placed.items():
            if need(one.row.build, now, is_seen=one.need != "failed") != one.need:
                self._place(key)

    def _place(self, key: RowKey) -> None:
        before = self.placed.get(key)
        one = placed(self.rows[key], self.preferences, self._first_stamps[key], self._now)
        self.placed[key] = one
        was_shown, is_shown = key in self.shown, is_in_sight(one, self.preferences, self.view)
        if is_shown:
            self.shown[key] = one
        elif was_shown:
            del self.shown[key]
        if was_shown != is_shown or before is None or _standing(before) != _standing(one):
            self._is_disordered |= was_shown or is_shown
        if one != before:
            self._changed.add(key)

    # ----------------------------------------------------------------- what is to be seen

    def settle(self, now: Millis) -> Changes:
        """Brings the order up to date, as far as the reader's hands allow, and says what to paint."""
        rows, self._changed = frozenset(self._changed & self.shown.keys()), set()
        if not self._is_disordered and not self._is_due_now:
            return Changes(rows=rows)
        wanted = arranged(self.shown.values(), self.preferences.group_by, self.view, self._midnight)
        is_resting = now - self._touched_at >= REST or self._is_due_now
        slots = wanted if is_resting else held(self.slots, wanted, self.shown)
        self._is_disordered, self._is_due_now = slots != wanted, False
        changed, self.slots = slots != self.slots, slots
        return Changes(changed, rows)

    @property
    def hidden(self) -> int:
        """How many rows the reader has hidden."""
        names = frozenset(self.preferences.hidden)
        return sum(build_name(key.build) in names for key in self.rows) if names else 0

    def counts(self) -> Counts:
        """Of all that are not hidden, whatever the filter leaves."""
        hidden = frozenset(self.preferences.hidden)
        return counted(
            ((one.row, one.need) for one in self.placed.values() if build_name(one.row.build.key) not in hidden),
            self._midnight,
        )

    def next_waiting(self, after: int) -> int | None:
        return next_waiting(self.slots, self.shown, after)


def _standing(one: Placed) -> tuple[object, ...]:
    """What decides about its place."""
    build = one.row.build
    return one.order, one.is_pinned, build.project_name, build.agent_id, one.row.host, build.status
