"""The columns of the overview: which there is room for, and what stands in them. Pure.

What matters stays: state, since, project, what. The others come in the order of `OPTIONAL` while WHAT keeps its room,
and only where any row has something to say in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from ...model.state import Millis
from ...model.text import clean_line
from ...report.words import DURATION_WIDTH, count, running, short_model
from ..context import RenderContext, role
from ..lines import Line, cut, fill, length
from .arrangement import Placed
from .triage import since
from .words import NOBODY_SAYS, STATE_WIDTH, cost_words, short_agent, state_mark, what_words

GAP = "  "


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
    Column("cost", "COST", 8, True),
    Column("agent", "AGENT", 8),
    Column("todos", "TODOS", 5, True),
    Column("tools", "TOOLS", 8, True),
    Column("context", "CTX", 4, True),
    Column("title", "TITLE", 24),
    Column("model", "MODEL", 14),
    Column("tokens", "IN / OUT", 13, True),
    Column("age", "AGE", 6, True),
    Column("branch", "BRANCH", 14),
)
WHAT_WIDTHS = (30, 35)
"""Cells that WHAT keeps on narrow and on wide screens before another column comes."""


class Columns(Struct, frozen=True):
    """From left to right: `first`, then WHAT in `what` cells, then `last`."""

    first: tuple[Column, ...]
    what: int
    last: tuple[Column, ...]


BEFORE_WHAT = ("mark", "state", "since", "agent", "model", "host", "project", "title")


def columns(width: int, told: frozenset[str]) -> Columns:
    """What fits in `width` cells; `told` are the optional columns in which any row says something."""
    project = Column("project", "PROJECT", min(22, max(min(13, width // 6 + 3), width // 7)))
    chosen = [MARK, SINCE, project]
    wanted = max(WHAT_WIDTHS[0], min(WHAT_WIDTHS[1], width * 2 // 5))
    for column in OPTIONAL:
        if column.name not in told:
            continue
        taken = [column if one is MARK and column is STATE else one for one in chosen]
        taken += [] if column is STATE else [column]
        if _what_room(taken, width) < wanted:
            break
        chosen = taken
    first = sorted((one for one in chosen if one.name in BEFORE_WHAT), key=_place)
    last = sorted((one for one in chosen if one.name not in BEFORE_WHAT), key=_place)
    return Columns(tuple(first), _what_room(chosen, width), tuple(last))


def _what_room(chosen: Iterable[Column], width: int) -> int:
    return width - sum(column.width + len(GAP) for column in chosen)


_ORDER = (*BEFORE_WHAT, "branch", "todos", "tools", "context", "tokens", "age", "cost")


def _place(column: Column) -> int:
    return _ORDER.index(column.name)


def told_by(placed: Iterable[Placed], has_hosts: bool) -> frozenset[str]:
    """The optional columns in which these rows say something."""
    told = {"state", "age"} | ({"host"} if has_hosts else set[str]())
    for one in placed:
        build = one.row.build
        says = {
            "cost": build.cost_usd is not None,
            "agent": bool(build.agent_id),
            "todos": build.todos_total > 0,
            "tools": build.tools > 0,
            "context": build.context_percent is not None,
            "title": bool(build.title),
            "model": bool(build.model),
            "tokens": build.input_tokens is not None,
            "branch": bool(build.branch),
        }
        told |= {name for name, has in says.items() if has}
    return frozenset(told)


# --------------------------------------------------------------------------- painting


def head_line(them: Columns) -> str:
    """The names of the columns, over their rows."""
    parts = [_aligned(column.head, column) for column in them.first]
    parts.append("WHAT".ljust(max(0, them.what)))
    parts += [_aligned(column.head, column) for column in them.last]
    return GAP.join(parts).rstrip()


def _aligned(text: str, column: Column) -> str:
    return text.rjust(column.width) if column.is_right else text.ljust(column.width)


def row_line(one: Placed, them: Columns, context: RenderContext, width: int) -> Line:
    """One agent in `width` cells."""
    line: Line = []
    for column in them.first:
        line += [*_cell(one, column, context), (GAP, "")]
    line += fill(_what(one, context), [], max(0, them.what))
    for column in them.last:
        line += [(GAP, ""), *_cell(one, column, context)]
    return cut(line, width)


def _cell(one: Placed, column: Column, context: RenderContext) -> Line:
    """Exactly as wide as its column."""
    line = cut(_CELLS[column.name](one, context), column.width)
    space = (" " * (column.width - length(line)), "")
    return [space, *line] if column.is_right else [*line, space]


def _what(one: Placed, context: RenderContext) -> Line:
    text = what_words(one.row.build, one.need)
    tone = {"waits": "alarm", "failed": "bad", "stuck": "warn", "working": "", "machine": ""}.get(one.need, "dim")
    if not text:
        return [(NOBODY_SAYS, "faint")]
    verb, space, rest = text.partition(" ")
    if one.need == "working" and space and one.row.build.open_calls:
        return [(verb, "verb"), (space + rest, _strong(one, ""))]
    return [(text, tone)]


def _strong(one: Placed, usual: str) -> str:
    return "strong" if one.is_unread else usual


def _mark(one: Placed, context: RenderContext) -> Line:
    mark = state_mark(one.row.build, one.need, context.glyphs)
    return [(mark.glyph, role(mark.tone))]


def _state(one: Placed, context: RenderContext) -> Line:
    mark = state_mark(one.row.build, one.need, context.glyphs)
    tone = "alarm" if one.need == "waits" else role(mark.tone)
    return [(mark.glyph + " ", role(mark.tone)), (mark.word, "alarm" if one.is_unread and tone == "warn" else tone)]


def _since(one: Placed, context: RenderContext) -> Line:
    at = since(one.row.build, one.need)
    if at is None:
        return [(NOBODY_SAYS, "faint")]
    return [(running(max(0, context.now() - at)), "alarm" if one.need == "waits" else "dim")]


def _project(one: Placed, context: RenderContext) -> Line:
    pin: Line = [("*", "accent")] if one.is_pinned else []
    build = one.row.build
    name = clean_line(one.own_name or build.project_name or build.project_id, 80)
    return [*pin, (name, _strong(one, "subject" if one.need in ("idle", "ended") else ""))]


def _tools(one: Placed, context: RenderContext) -> Line:
    build = one.row.build
    errors: Line = [(f" {context.glyphs.failed}{build.errors}", "bad")] if build.errors else []
    return [(count(build.tools), "dim"), *errors]


def _or_none(text: str) -> Line:
    return [(text, "dim") if text else (NOBODY_SAYS, "faint")]


def _tokens(one: Placed, context: RenderContext) -> Line:
    given, back = one.row.build.input_tokens, one.row.build.output_tokens
    if given is None and back is None:
        return [(NOBODY_SAYS, "faint")]
    return [(" / ".join(NOBODY_SAYS if amount is None else count(amount) for amount in (given, back)), "dim")]


def _age(one: Placed, context: RenderContext) -> Line:
    """Since its session began; of one that ended, how long it took."""
    build = one.row.build
    if build.started_at is None:
        return [(NOBODY_SAYS, "faint")]
    until: Millis = build.ended_at or context.now() if one.need == "ended" else context.now()
    return [(running(max(0, until - build.started_at)), "dim")]


def _context(one: Placed, context: RenderContext) -> Line:
    percent = one.row.build.context_percent
    if percent is None:
        return [(NOBODY_SAYS, "faint")]
    return [(f"{min(100, percent):.0f}%", "warn" if percent >= 80 else "dim")]


def _todos(one: Placed, context: RenderContext) -> Line:
    build = one.row.build
    return _or_none(f"{build.todos_done}/{build.todos_total}" if build.todos_total else "")


def _cost(one: Placed, context: RenderContext) -> Line:
    text = cost_words(one.row.build)
    return [(text, "faint" if text == NOBODY_SAYS else "dim")]


_CELLS: Mapping[str, Callable[[Placed, RenderContext], Line]] = {
    "mark": _mark,
    "state": _state,
    "since": _since,
    "project": _project,
    "agent": lambda one, context: _or_none(short_agent(one.row.build.agent_id)),
    "host": lambda one, context: _or_none(clean_line(one.row.host, 40)),
    "todos": _todos,
    "tools": _tools,
    "context": _context,
    "cost": _cost,
    "title": lambda one, context: _or_none(clean_line(one.row.build.title, 80)),
    "model": lambda one, context: _or_none(short_model(one.row.build.model)),
    "tokens": _tokens,
    "age": _age,
    "branch": lambda one, context: _or_none(clean_line(one.row.build.branch, 60)),
}
