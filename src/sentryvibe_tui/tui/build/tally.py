"""A build's calls counted by kind, todo and file, kept up call by call, never read again from the start. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec
from msgspec import Struct

from ...agents.file_changes import changes_files
from ...agents.kinds import verb_of
from ...agents.subject import subject
from ...model.state import BuildState, Millis, ToolCall
from ...model.text import clean_line

LATEST = 30
"""Calls of a kind that are shown in the order they ended."""

NEAR: Millis = 2_000
"""Stretches of work this close are drawn as one."""


class Group(Struct):
    """Calls that belong together: their positions in order, and how many failed."""

    positions: list[int] = []
    errors: int = 0


class Spans:
    """Stretches of time (`start` ≤ `end`) in order; those at most `near` ms apart are one. `total`: all their ms."""

    def __init__(self, near: Millis = NEAR) -> None:
        self.starts: list[Millis] = []
        self.ends: list[Millis] = []
        self.total = 0
        self._near = near

    def add(self, start: Millis, end: Millis) -> None:
        starts, ends = self.starts, self.ends
        if not starts or start > ends[-1] + self._near:
            starts.append(start)
            ends.append(end)
            self.total += end - start
        elif start >= starts[-1]:
            if end > ends[-1]:
                self.total += end - ends[-1]
                ends[-1] = end
        else:
            self._insert(start, end)

    def _insert(self, start: Millis, end: Millis) -> None:
        """Before the last stretch, which is rare: only calls side by side end in another order."""
        at = bisect_right(self.starts, start) - 1
        if at >= 0 and start <= self.ends[at] + self._near:
            self._lengthen(at, end)
        else:
            at += 1
            self.starts.insert(at, start)
            self.ends.insert(at, end)
            self.total += end - start
        while at + 1 < len(self.starts) and self.starts[at + 1] <= self.ends[at] + self._near:
            later = self.starts.pop(at + 1), self.ends.pop(at + 1)
            self.total -= later[1] - later[0]
            self._lengthen(at, later[1])

    def _lengthen(self, at: int, end: Millis) -> None:
        self.total += max(0, end - self.ends[at])
        self.ends[at] = max(end, self.ends[at])


class Lane:
    """When calls ran, and when some of them failed."""

    def __init__(self) -> None:
        self.busy = Spans()
        self.failed: list[Millis] = []

    def take(self, call: ToolCall, before: ToolCall | None = None) -> None:
        """A call that is new, or that was `before` until now; when one had failed stays on the lane."""
        if call.state == "error" and call.ended_at is not None and (before is None or before.state != "error"):
            self.failed.append(call.ended_at)
        start, end = call.started_at, call.ended_at
        if start is not None and end is not None and not call.is_open:
            self.busy.add(start, max(start, end))


class Percentiles(Struct, frozen=True):
    """Milliseconds of calls, by the nearest rank."""

    p50: int
    p95: int
    longest: int


class VerbStats:
    """Statistics of all calls of one verb."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.calls: list[int] = []
        """Their positions."""
        self.errors = 0
        self._took: dict[int, int] = {}
        """Milliseconds of each call that ended, in the order in which they did."""
        self._ordered: list[int] | None = None

    @property
    def number(self) -> int:
        return len(self.calls)

    @property
    def times(self) -> Percentiles | None:
        """None before the first call ended."""
        if self._ordered is None:
            self._ordered = sorted(self._took.values())
        ordered = self._ordered
        if not ordered:
            return None
        ranks = (len(ordered) - 1) // 2, (len(ordered) * 95 + 99) // 100 - 1, -1
        return Percentiles(*(ordered[rank] for rank in ranks))

    @property
    def latest(self) -> list[int]:
        """What the calls took that ended last."""
        return list(islice(reversed(self._took.values()), LATEST))[::-1]

    @property
    def slowest(self) -> int:
        """The position of the call that took longest; -1 before the first one ended."""
        longest = max(self._took.values(), default=0)
        return next((position for position, ms in reversed(self._took.items()) if ms == longest), -1)

    def add(self, ms: int, position: int) -> None:
        """A call took so long; of one that ended anew, what it took before counts no more."""
        before = self._took.pop(position, None)
        self._took[position] = ms
        if self._ordered is not None:
            if before is not None:
                del self._ordered[bisect_left(self._ordered, before)]
            insort(self._ordered, ms)


class Tally:
    """Calls by verb, lanes of todos and verbs, changes by path. `groups`: calls by the key of their todo."""

    def __init__(self, state: BuildState, groups: Mapping[int, Group]) -> None:
        self.verbs: dict[str, VerbStats] = {}
        self.busy = Spans(0)
        self._groups = groups
        self._lanes: dict[int | str, Lane] = {}
        self._by_name: dict[str, VerbStats] = {}
        self._files: Counter[str] = Counter()
        self._unread: list[tuple[ToolCall, int]] = []
        self.add({at: item for at, item in enumerate(state.items()) if isinstance(item, ToolCall)})

    def add(self, calls: Mapping[int, ToolCall]) -> None:
        """New calls by their positions: one, or very many."""
        for position, call in calls.items():
            stats = self._by_name.get(call.name) or self._named(call.name)
            stats.calls.append(position)
            stats.errors += call.state == "error"
            self._add_end(position, call, stats)
        self._unread += [(call, 1) for call in calls.values() if changes_files(call)]
        if self._lanes:
            for call in calls.values():
                self._take_in_lanes(call, None)

    def change(self, position: int, call: ToolCall, before: ToolCall) -> None:
        """A call that was `before` until now, with the same name and input."""
        stats = self._by_name[call.name]
        stats.errors += (call.state == "error") - (before.state == "error")
        if changed := changes_files(call) - changes_files(before):
            self._unread.append((call, changed))
        if (call.ended_at, call.is_open) != (before.ended_at, before.is_open):
            self._add_end(position, call, stats)
        self._take_in_lanes(call, before)

    def _add_end(self, position: int, call: ToolCall, stats: VerbStats) -> None:
        start, end = call.started_at, call.ended_at
        if start is not None and end is not None and not call.is_open:
            stats.add(max(0, end - start), position)
            self.busy.add(start, max(start, end))

    def _take_in_lanes(self, call: ToolCall, before: ToolCall | None) -> None:
        for lane in (self._lanes.get(call.todo), self._lanes.get(self._by_name[call.name].verb)):
            if lane is not None:
                lane.take(call, before)

    def _named(self, name: str) -> VerbStats:
        verb = verb_of(name)
        stats = self._by_name[name] = self.verbs.setdefault(verb, VerbStats(verb))
        return stats

    def lane(self, key: int | str, state: BuildState) -> Lane:
        """Of a todo, by its key, or of a verb: made when it is first asked for, kept up from then on."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane()
            for position in self._calls_of(key):
                call = state.timeline[position]
                if isinstance(call, ToolCall):
                    lane.take(call)
        return lane

    def _calls_of(self, key: int | str) -> list[int]:
        if isinstance(key, str):
            return self.verbs[key].calls if key in self.verbs else []
        return self._groups[key].positions if key in self._groups else []

    def most_used(self) -> list[VerbStats]:
        """The most used verb first; of equals the one that came first."""
        return sorted(self.verbs.values(), key=lambda stats: -stats.number)

    @property
    def files(self) -> Counter[str]:
        """How many changes each path saw; inputs are read when this is asked for."""
        for tool, changed in self._unread:
            self._files[_path(tool)] += changed
        self._unread.clear()
        return +self._files


class _Pathed(Struct):
    """The inputs that name one file; decoding only this is many times cheaper than a subject."""

    file_path: str = ""
    filePath: str = ""  # noqa: N815
    path: str = ""
    notebook_path: str = ""


def _path(tool: ToolCall) -> str:
    try:
        named = msgspec.json.decode(tool.input, type=_Pathed) if tool.input is not None else _Pathed()
    except (msgspec.DecodeError, UnicodeDecodeError):
        named = _Pathed()
    return named.file_path or named.filePath or named.path or named.notebook_path or subject(tool).text


def relative_path(path: str, cwd: str) -> str:
    """A path below the working directory without it; safe to show."""
    return clean_line(path.removeprefix(cwd.rstrip("/") + "/") if cwd else path)


def sparks(numbers: Sequence[int], glyphs: str) -> str:
    """One glyph a number, the lowest for 0, the others by their share of the greatest."""
    top = max(numbers, default=0)
    return "".join(glyphs[0 if not number else max(1, number * (len(glyphs) - 1) // top)] for number in numbers)
