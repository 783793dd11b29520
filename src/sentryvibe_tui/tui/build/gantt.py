"""When what was done: one lane per todo, or per kind of tool where there are no todos, over the build's time. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from msgspec import Struct

from ...model.progress import elapsed
from ...model.state import PLANNING, BuildState, Millis
from ...model.text import clean_line
from ...report.words import Glyphs, Mark, duration, todo_mark
from ..lines import Line, joined
from .tally import Lane, Tally

STEPS = tuple(
    seconds * 1000
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
)
"""Milliseconds between two ticks that people count in."""


class Scale(Struct, frozen=True):
    """Milliseconds `begin` … `end` on `cells` cells."""

    begin: Millis
    end: Millis
    cells: int

    def cell(self, at: Millis) -> int:
        """The cell of a time, moved into the scale."""
        span = max(1, self.end - self.begin)
        return max(0, min(self.cells - 1, (at - self.begin) * self.cells // span))

    def ticks(self) -> str:
        """Clock times at their cells, as many as stand apart."""
        span = max(1, self.end - self.begin)
        longest = STEPS[-1] * (1 + _tick_room(STEPS[-1]) * span // (STEPS[-1] * self.cells))
        step = next((step for step in STEPS if step * self.cells // span >= _tick_room(step)), longest)
        text = ""
        offset = time.localtime(self.begin / 1000).tm_gmtoff * 1000
        at = -(-(self.begin + offset) // step) * step - offset
        while at <= self.end:
            cell, label = self.cell(at), time.strftime(_tick_format(step), time.localtime(at / 1000))
            if cell >= len(text) and cell + len(label) < self.cells:
                text = text.ljust(cell) + label + " "
            at += step
        return text.rstrip()


def _tick_format(step: int) -> str:
    return "%H:%M:%S" if step < 60_000 else "%H:%M" if step < 86_400_000 else "%d %b"


def _tick_room(step: int) -> int:
    return 12 if step < 60_000 else 9


class LaneRow(Struct, frozen=True):
    """A lane with its name. `key` is a todo's key or a verb; `ended` is None while it goes on."""

    key: int | str
    name: str
    mark: Mark | None
    started: Millis
    ended: Millis | None

    def lasted(self, now: Millis) -> int:
        return max(0, (now if self.ended is None else self.ended) - self.started)


def scale_of(state: BuildState, now: Millis, cells: int) -> Scale:
    """The build's whole time until its end, or until now."""
    begin = state.started_at or state.last_event_at or now
    return Scale(begin, begin + max(1000, elapsed(state, now)), max(1, cells))


def lanes(state: BuildState, tally: Tally, glyphs: Glyphs) -> list[LaneRow]:
    """Of todos, planning first, then as they began. Of verbs, the most used first, where there are no todos."""
    if state.todos or state.template_todos or state.dropped:
        planning = _lane_row(PLANNING, "Planning", tally.lane(PLANNING, state))
        return [*planning, *sorted(_todos(state, tally, glyphs), key=lambda row: row.started)]
    verbs = [stats.verb for stats in tally.most_used()]
    return [row for verb in verbs for row in _lane_row(verb, verb, tally.lane(verb, state))]


def _lane_row(key: int | str, name: str, lane: Lane) -> list[LaneRow]:
    """From its first call to its last; none without one."""
    busy = lane.busy
    return [LaneRow(key, name, None, busy.starts[0], busy.ends[-1])] if busy.starts else []


def _todos(state: BuildState, tally: Tally, glyphs: Glyphs) -> Iterator[LaneRow]:
    """What began; a todo that was dropped goes on no more."""
    current = {todo.key for todo in (*state.template_todos, *state.todos)}
    for todo in (*state.dropped, *state.template_todos, *state.todos):
        started = todo.started_at
        if started is None:
            started = next(iter(tally.lane(todo.key, state).busy.starts), None)
        if started is None:
            continue
        goes_on = todo.status == "in_progress" and state.is_active and todo.key in current
        ended = None if goes_on else todo.ended_at or max([started, *tally.lane(todo.key, state).busy.ends[-1:]])
        mark = todo_mark(todo.status, glyphs, ended=not goes_on)
        yield LaneRow(todo.key, clean_line(todo.content) or "(no text)", mark, started, ended)


def bar(row: LaneRow, lane: Lane, scale: Scale, glyphs: Glyphs, now: Millis, open_since: Millis | None) -> Line:
    """The lane on the scale: work thick, what lies between thin, failures marked; `open_since`: a call under way."""
    text, roles = [" "] * scale.cells, [""] * scale.cells

    def draw(start: Millis, end: Millis, glyph: str, tone: str) -> None:
        for cell in range(scale.cell(start), scale.cell(end) + 1):
            text[cell], roles[cell] = glyph, tone

    draw(row.started, now if row.ended is None else row.ended, glyphs.track, "faint")
    for start, end in zip(lane.busy.starts, lane.busy.ends, strict=True):
        draw(start, end, glyphs.bar, "bar")
    if open_since is not None:
        draw(open_since, now, glyphs.bar, "busy")
    for at in lane.failed:
        draw(at, at, glyphs.failed, "bad")
    return joined(list(zip(text, roles, strict=True)))


def open_since(state: BuildState, is_in: Callable[[int, str], bool]) -> Millis | None:
    """When the oldest call under way of a lane began."""
    tools = (state.tool(ident) for ident in state.open_tools)
    return min(
        (tool.started_at for tool in tools if tool and tool.started_at is not None and is_in(tool.todo, tool.name)),
        default=None,
    )


def foot_text(state: BuildState, tally: Tally, rows: list[LaneRow], now: Millis) -> str:
    """`calls 52% of the time, longest 3m40s: Todo UI`; verbs have no length of their own."""
    took = elapsed(state, now)
    if not took or not rows:
        return ""
    longest = max(rows, key=lambda row: row.lasted(now))
    since = open_since(state, lambda _, __: True)
    under_way = 0 if since is None else now - max([since, *tally.busy.ends[-1:]])
    share = min(100, (tally.busy.total + max(0, under_way)) * 100 // took)
    share_text = f"calls {share}% of the time"
    if isinstance(longest.key, str):
        return share_text
    return f"{share_text}, longest {duration(longest.lasted(now))}: {clean_line(longest.name, 40)}"
