"""A build's calls counted by kind, todo and file, kept up call by call, never read again from the start. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from ...agents.kinds import kind_of, verb_of
from ...agents.subject import subject
from ...model.state import BuildState, Millis, ToolCall
from ...model.text import clean_line

LATEST = 30
"""Calls of a kind whose durations are kept in the order they ended."""

NEAR: Millis = 2_000
"""Stretches of work this close are drawn as one."""


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


class Percentiles(Struct, frozen=True):
    """Milliseconds of calls, by the nearest rank."""

    p50: int
    p95: int
    longest: int


class VerbStats:
    """Statistics of all calls of one verb."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.number = self.errors = 0
        self.lane = Lane()
        self.latest: deque[int] = deque(maxlen=LATEST)
        self._ordered: list[tuple[int, int]] = []

    @property
    def times(self) -> Percentiles | None:
        """None before the first call ended."""
        ordered = self._ordered
        if not ordered:
            return None
        ranks = (len(ordered) - 1) // 2, (len(ordered) * 95 + 99) // 100 - 1, -1
        return Percentiles(*(ordered[rank][0] for rank in ranks))

    @property
    def slowest(self) -> int:
        """The position of the call that took longest; -1 before the first one ended."""
        return self._ordered[-1][1] if self._ordered else -1

    def add(self, ms: int, position: int) -> None:
        ordered, ended = self._ordered, (ms, position)
        if not ordered or ended >= ordered[-1]:
            ordered.append(ended)
        else:
            insort(ordered, ended)
        self.latest.append(ms)

    def remove(self, ms: int, position: int) -> None:
        """A call ended anew; what it took before counts no more."""
        at = bisect_left(self._ordered, (ms, position))
        if self._ordered[at : at + 1] == [(ms, position)]:
            del self._ordered[at]
            with suppress(ValueError):
                self.latest.remove(ms)


class Tally:
    """Calls by verb, lanes by the key of their todo, changes by path."""

    def __init__(self, state: BuildState) -> None:
        self.verbs: dict[str, VerbStats] = {}
        self.lanes: dict[int, Lane] = {}
        self.busy = Spans(0)
        self._by_name: dict[str, tuple[VerbStats, bool]] = {}
        self._files: Counter[str] = Counter()
        self._unread: list[tuple[ToolCall, int]] = []
        for position, item in enumerate(state.items()):
            if isinstance(item, ToolCall):
                self.take(position, item)

    def take(self, position: int, tool: ToolCall, before: ToolCall | None = None) -> None:
        """A call that is new, or that was `before` until now."""
        stats, changes_files = self._by_name.get(tool.name) or self._named(tool.name)
        lane = self.lanes.get(tool.todo)
        if lane is None:
            lane = self.lanes[tool.todo] = Lane()
        stats.number += before is None
        was = None if before is None else before.state
        if tool.state != was:
            changed = (tool.state == "output-available") - (was == "output-available")
            if changes_files and changed:
                self._unread.append((tool, changed))
            if tool.state == "error" or was == "error":
                self._failed(tool, stats, lane)
        start, end = tool.started_at, tool.ended_at
        if start is None or end is None or tool.is_open:
            return
        end = max(start, end)
        if before is not None and not before.is_open and before.ended_at is not None:
            ended = max(start, before.ended_at)
            if ended == end:
                return
            stats.remove(ended - start, position)
        stats.add(end - start, position)
        for busy in (stats.lane.busy, lane.busy, self.busy):
            busy.add(start, end)

    def _named(self, name: str) -> tuple[VerbStats, bool]:
        verb = verb_of(name)
        stats = self.verbs.get(verb)
        if stats is None:
            stats = self.verbs[verb] = VerbStats(verb)
        entry = self._by_name[name] = stats, kind_of(name) in ("edit", "write")
        return entry

    def _failed(self, tool: ToolCall, stats: VerbStats, lane: Lane) -> None:
        """A call failed, or one that had failed did not in the end; when it had stays on the lane."""
        stats.errors += 1 if tool.state == "error" else -1
        if tool.state == "error" and tool.ended_at is not None:
            stats.lane.failed.append(tool.ended_at)
            lane.failed.append(tool.ended_at)

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
