"""The columns of the overview: which there is room for, and what stands in them. Pure.

What matters stays: state, since, project, what. The others come in the order of `OPTIONAL` while WHAT keeps its room,
only where any row has something to say in them, and no wider than that needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from ...model.state import Millis
from ...model.text import clean_line
from ...report.words import DURATION_WIDTH, running_time, short_count, short_model
from ..context import RenderContext, role
from ..lines import Line, cells, cut, fill, length
from .arrangement import RosterEntry
from .triage import since
from .words import NOBODY_SAYS, STATE_WIDTH, cost_words, more_words, short_agent, state_mark, what_words

COLUMN_GAP = "  "


class Column(Struct, frozen=True):
    """`width` cells, right-aligned where `is_right`."""

    name: str
    head: str
    width: int
    is_right: bool = False


MARK = Column("mark", "", 1)
STATE = Column("state", "STATE", 2 + STATE_WIDTH)
SINCE = Column("since", "SINCE", DURATION_WIDTH, True)
OPTIONAL = (
    STATE,
    Column("host", "HOST", 12),
    Column("agent", "AGENT", 8),
    Column("cost", "COST", 8, True),
    Column("todos", "TODOS", 5, True),
    Column("tools", "TOOLS", 8, True),
    Column("context", "CTX", 4, True),
    Column("title", "TITLE", 24),
    Column("model", "MODEL", 14),
    Column("tokens", "IN / OUT", 13, True),
    Column("age", "AGE", 6, True),
    Column("branch", "BRANCH", 14),
)
NARROW = 72
"""Cells below which the screen is narrow."""
WHAT_WIDTHS = (32, 26, 35)
"""Cells that WHAT keeps on narrow, on usual and on wide screens before another column comes."""

LEAST_WHAT = 4
"""Cells of WHAT that tell anything: with fewer the project has them."""

Extents = Mapping[str, int]
"""By a column's name how many cells its rows need; a column that is not there says nothing."""


class Columns(Struct, frozen=True):
    """From left to right: `first`, then WHAT in `what` cells, then `last`."""

    first: tuple[Column, ...]
    what: int
    last: tuple[Column, ...]


NAMES = ("host", "agent", "project", "model", "branch")
"""Columns whose width is that of their longest name."""
BEFORE_WHAT = ("mark", "state", "since", "agent", "model", "host", "project", "title")


def fit_columns(width: int, extents: Extents) -> Columns:
    """What fits in `width` cells."""
    project = Column("project", "PROJECT", min(22, max(min(13, width // 6 + 3), width // 7)))
    selection = [MARK, SINCE, _fitted(project, extents)]
    narrow, usual, wide = WHAT_WIDTHS
    least_room = narrow if width < NARROW else max(usual, min(wide, width // 3))
    for column in (_fitted(column, extents) for column in OPTIONAL if column.name in extents):
        candidate = [column if other is MARK and column.name == STATE.name else other for other in selection]
        candidate += [] if column.name == STATE.name else [column]
        if _what_room(candidate, width) < least_room:
            break
        selection = candidate
    if _what_room(selection, width) < LEAST_WHAT:
        selection = [
            MARK,
            SINCE,
            replace(project, width=max(1, width - MARK.width - SINCE.width - 3 * len(COLUMN_GAP))),
        ]
    first = sorted((column for column in selection if column.name in BEFORE_WHAT), key=_place)
    last = sorted((column for column in selection if column.name not in BEFORE_WHAT), key=_place)
    return Columns(tuple(first), _what_room(selection, width), tuple(last))


def _fitted(column: Column, extents: Extents) -> Column:
    """Names need not be as long as their column."""
    if column.name not in NAMES:
        return column
    return replace(column, width=min(column.width, max(len(column.head), extents.get(column.name, column.width))))


def _what_room(chosen: Iterable[Column], width: int) -> int:
    return width - sum(column.width + len(COLUMN_GAP) for column in chosen)


_ORDER = (*BEFORE_WHAT, "branch", "todos", "tools", "context", "tokens", "age", "cost")


def _place(column: Column) -> int:
    return _ORDER.index(column.name)


def extents_of(entries: Iterable[RosterEntry], has_hosts: bool) -> dict[str, int]:
    """What these rows need."""
    extents = {"state": STATE.width, "age": 1}
    for entry in entries:
        build = entry.row.build
        cells = {
            "project": length(_project_name(entry)),
            "host": length([(clean_line(entry.row.host, 40), "")]) if has_hosts else 0,
            "cost": int(build.cost_usd is not None),
            "agent": len(short_agent(build.agent_id)),
            "todos": int(build.todos_total > 0),
            "tools": int(build.tools > 0),
            "context": int(build.context_percent is not None),
            "title": int(bool(build.title)),
            "model": len(short_model(build.model)),
            "tokens": int(build.input_tokens is not None),
            "branch": len(build.branch),
        }
        for name, needed in cells.items():
            if needed > extents.get(name, 0):
                extents[name] = needed
    return extents


def widest(*extents: Extents) -> dict[str, int]:
    return {name: max(each.get(name, 0) for each in extents) for name in {name for each in extents for name in each}}


# --------------------------------------------------------------------------- painting


def head_line(columns: Columns) -> str:
    """The names of the columns, over their rows."""
    parts = [_aligned(column.head, column) for column in columns.first]
    parts.append("WHAT".ljust(max(0, columns.what)))
    parts += [_aligned(column.head, column) for column in columns.last]
    return COLUMN_GAP.join(parts).rstrip()


def _aligned(text: str, column: Column) -> str:
    return text.rjust(column.width) if column.is_right else text.ljust(column.width)


def row_line(entry: RosterEntry, columns: Columns, context: RenderContext, width: int) -> Line:
    """One agent in `width` cells."""
    line: Line = []
    for column in columns.first:
        line += [*_cell(entry, column, context), (COLUMN_GAP, "")]
    line += _what(entry, max(0, columns.what))
    for column in columns.last:
        line += [(COLUMN_GAP, ""), *_cell(entry, column, context)]
    return cut(line, width)


def _cell(entry: RosterEntry, column: Column, context: RenderContext) -> Line:
    """Exactly as wide as its column."""
    line = cut(_CELLS[column.name](entry, context), column.width)
    space = (" " * (column.width - length(line)), "")
    return [space, *line] if column.is_right else [*line, space]


def _what(entry: RosterEntry, room: int) -> Line:
    """In exactly `room` cells; that there is more of it is never cut."""
    build = entry.row.build
    text, more = what_words(build, entry.need), more_words(build, entry.need)
    tone = {"waits": "alarm", "failed": "bad", "stuck": "warn", "working": "", "machine": ""}.get(entry.need, "dim")
    if not text:
        return fill([(NOBODY_SAYS, "faint")], [], room)
    if entry.need == "stuck" and cells(text) > room and build.now:  # what is usual whole, or not at all
        text = clean_line(build.now)
    if not text.endswith(more):
        more = ""
    text = text[: len(text) - len(more)]
    verb, space, rest = text.partition(" ")
    is_call = entry.need == "working" and space and build.open_calls
    line: Line = [(verb, "verb"), (space + rest, _strong(entry, ""))] if is_call else [(text, tone)]
    line = cut(line, max(0, room - len(more)))
    return fill([*line, (more, "dim" if is_call else tone)] if more else line, [], room)


def _strong(entry: RosterEntry, usual: str) -> str:
    return "strong" if entry.is_unread else usual


def _mark(entry: RosterEntry, context: RenderContext) -> Line:
    mark = state_mark(entry.row.build, entry.need, context.glyphs)
    return [(mark.glyph, role(mark.tone))]


def _state(entry: RosterEntry, context: RenderContext) -> Line:
    mark = state_mark(entry.row.build, entry.need, context.glyphs)
    tone = "alarm" if entry.need == "waits" else role(mark.tone)
    return [(mark.glyph + " ", role(mark.tone)), (mark.word, "alarm" if entry.is_unread and tone == "warn" else tone)]


def _since(entry: RosterEntry, context: RenderContext) -> Line:
    at = since(entry.row.build, entry.need)
    if at is None:
        return [(NOBODY_SAYS, "faint")]
    return [(running_time(max(0, context.now() - at)), "alarm" if entry.need == "waits" else "dim")]


def _project(entry: RosterEntry, context: RenderContext) -> Line:
    tone = _strong(entry, "subject" if entry.need in ("idle", "ended") else "")
    return [(text, text_role or tone) for text, text_role in _project_name(entry)]


def _project_name(entry: RosterEntry) -> Line:
    marks: Line = [("*", "accent")] if entry.is_pinned else []
    marks += [("-", "faint")] if entry.is_hidden else []
    build = entry.row.build
    return [*marks, (clean_line(entry.own_name or build.project_name or build.project_id, 80), "")]


def _tools(entry: RosterEntry, context: RenderContext) -> Line:
    build = entry.row.build
    errors: Line = [(f" {context.glyphs.failed}{build.errors}", "bad")] if build.errors else []
    return [(short_count(build.tools), "dim"), *errors]


def _or_none(text: str) -> Line:
    return [(text, "dim") if text else (NOBODY_SAYS, "faint")]


def _tokens(entry: RosterEntry, context: RenderContext) -> Line:
    amounts = entry.row.build.input_tokens, entry.row.build.output_tokens
    if amounts == (None, None):
        return [(NOBODY_SAYS, "faint")]
    return [(" / ".join(NOBODY_SAYS if amount is None else short_count(amount) for amount in amounts), "dim")]


def _age(entry: RosterEntry, context: RenderContext) -> Line:
    """Since its session began; of one that ended, how long it took."""
    build = entry.row.build
    if build.started_at is None:
        return [(NOBODY_SAYS, "faint")]
    until: Millis = build.ended_at or context.now() if entry.need == "ended" else context.now()
    return [(running_time(max(0, until - build.started_at)), "dim")]


def _context(entry: RosterEntry, context: RenderContext) -> Line:
    percent = entry.row.build.context_percent
    if percent is None:
        return [(NOBODY_SAYS, "faint")]
    return [(f"{min(100, percent):.0f}%", "warn" if percent >= 80 else "dim")]


def _todos(entry: RosterEntry, context: RenderContext) -> Line:
    build = entry.row.build
    return _or_none(f"{build.todos_done}/{build.todos_total}" if build.todos_total else "")


def _cost(entry: RosterEntry, context: RenderContext) -> Line:
    text = cost_words(entry.row.build)
    return [(text, "faint" if text == NOBODY_SAYS else "dim")]


_CELLS: Mapping[str, Callable[[RosterEntry, RenderContext], Line]] = {
    "mark": _mark,
    "state": _state,
    "since": _since,
    "project": _project,
    "agent": lambda entry, context: _or_none(short_agent(entry.row.build.agent_id)),
    "host": lambda entry, context: _or_none(clean_line(entry.row.host, 40)),
    "todos": _todos,
    "tools": _tools,
    "context": _context,
    "cost": _cost,
    "title": lambda entry, context: _or_none(clean_line(entry.row.build.title, 80)),
    "model": lambda entry, context: _or_none(short_model(entry.row.build.model)),
    "tokens": _tokens,
    "age": _age,
    "branch": lambda entry, context: _or_none(clean_line(entry.row.build.branch, 60)),
}
