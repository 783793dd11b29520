"""A build on one page: how it stands, its tools by kind, the longest todos, the files it touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.notes import autofix_words
from ...model.progress import elapsed, progress
from ...model.state import BuildState
from ...model.text import clean_line
from ...report.words import (
    DURATION_WIDTH,
    build_mark,
    cached,
    duration,
    plural,
    short_count,
    spent,
    standing,
    status_mark,
)
from ..context import RenderContext, right, role
from ..lines import Line, cut, fill, line_text, wrap
from ..prose import prose
from .tally import Tally, VerbStats, relative_path

PLAN = "Plan"
"""A heading of the page."""

KINDS_SHOWN, TODOS_SHOWN, FILES_SHOWN = 10, 5, 8


def summary_page(state: BuildState, tally: Tally, context: RenderContext, width: int) -> list[Line]:
    """The page, in lines of `width` cells."""
    if not state.id:
        return []
    return [
        *(part for line in _standing(state, context) for part in wrap(line, width)),
        *_tools(tally, width),
        *_longest(state, context, width),
        *_files(tally, state.agent.cwd, width),
        *_plan(state, context, width),
    ]


def farewell(state: BuildState, context: RenderContext, width: int) -> list[str]:
    """At most five plain lines of `width` cells that stay in the terminal when the screen is left."""
    if not state.id:
        return []
    mark = status_mark(state.status, context.glyphs)
    name = clean_line(state.agent.project_name or state.project_id, 60)
    title = f" {context.glyphs.dot} {clean_line(state.agent.title)}" if state.agent.title else ""
    lines: list[Line] = [[(f"{mark.glyph} {name}{title}", "")]]
    lines += [[("  ", ""), *line] for line in _standing(state, context)]
    if state.error:
        lines += wrap([("  " + clean_line(state.error), "")], width)
    return [line_text(cut(line, width)) for line in lines[:5]]


def _standing(state: BuildState, context: RenderContext) -> Iterator[Line]:
    dot = f" {context.glyphs.dot} "
    mark = build_mark(state.status, state.activity, context.glyphs)
    far = progress(state)
    facts = [f"{far.done}/{far.total} todos"] if far.total else []
    facts += [duration(elapsed(state, context.now())), plural(state.tool_count, "tool")]
    facts += [plural(state.error_count, "error")] if state.error_count else []
    yield [(standing(state.status, state.activity), role(mark.tone)), (dot + dot.join(facts), "dim")]
    if state.autofix is not None:
        yield [(clean_line(autofix_words(state.autofix)), "warn")]
    usage = state.usage
    tokens = (("in", usage.input_tokens), ("out", usage.output_tokens))
    used = [f"{word} {short_count(amount)}" for word, amount in tokens if amount is not None]
    used[1:1] = filter(None, [cached(usage)])
    used += spent(usage)
    if used:
        yield [(f"tokens {', '.join(used)}", "dim")]


def _tools(tally: Tally, width: int) -> Iterator[Line]:
    if not tally.verbs:
        return
    yield []
    yield fill([("Tools", "heading")], [(stats_heads(width), "faint")], width)
    for stats in tally.most_used()[:KINDS_SHOWN]:
        yield fill([(stats.verb, "verb")], stats_cells(stats, width), width)


VERB_WIDTH = 6
"""Cells that a verb keeps beside its figures."""


def stats_width(width: int) -> int:
    """Cells of `stats_cells` and `stats_heads` in a row of `width`."""
    return 10 + _times_in(width) * (DURATION_WIDTH + 1)


def _times_in(width: int) -> int:
    """How many times there is room for: of a narrow row the longest is left out."""
    return 3 if width >= VERB_WIDTH + 10 + 3 * (DURATION_WIDTH + 1) else 2


def stats_heads(width: int) -> str:
    return "calls  err" + "".join(word.rjust(DURATION_WIDTH + 1) for word in ("p50", "p95", "max")[: _times_in(width)])


def stats_cells(stats: VerbStats, width: int) -> Line:
    """Number, errors and times of a verb's calls, in columns of fixed width."""
    times = stats.times
    took = [duration(ms) for ms in (times.p50, times.p95, times.longest)] if times else ["", "", ""]
    return [
        (str(stats.number).rjust(5), ""),
        (f"{stats.errors or '':>5}", "bad"),
        *((cell.rjust(DURATION_WIDTH + 1), "dim") for cell in took[: _times_in(width)]),
    ]


def _longest(state: BuildState, context: RenderContext, width: int) -> Iterator[Line]:
    now = context.now() if state.is_active else (state.ended_at or state.last_event_at or 0)
    spent = [
        ((todo.ended_at or now) - todo.started_at, todo)
        for todo in (*state.template_todos, *state.todos)
        if todo.started_at is not None
    ]
    longest = sorted((item for item in spent if item[0] > 0), key=lambda item: -item[0])[:TODOS_SHOWN]
    if longest:
        yield []
        yield [("Longest todos", "heading")]
    for ms, todo in longest:
        yield fill([(clean_line(todo.content), "")], [right((duration(ms), "dim"), DURATION_WIDTH)], width)


def _files(tally: Tally, cwd: str, width: int) -> Iterator[Line]:
    touched = tally.files
    if not touched:
        return
    yield []
    yield [("Files touched", "heading"), (f"  {len(touched)}", "faint")]
    for path, number in touched.most_common(FILES_SHOWN):
        yield fill([(relative_path(path, cwd), "")], [(plural(number, "change"), "dim")], width)
    if len(touched) > FILES_SHOWN:
        yield [(f"and {len(touched) - FILES_SHOWN} more", "faint")]


def _plan(state: BuildState, context: RenderContext, width: int) -> Iterator[Line]:
    if state.plan:
        yield []
        yield [(PLAN, "heading")]
        yield from prose(state.plan, width, context.glyphs)
