"""What happened while the link was away, on one card. Pure; every text is cleaned."""

from __future__ import annotations

from collections.abc import Iterator

from ...agents.subject import subject
from ...client.watching import CaughtUp
from ...model.state import BuildState, Item, Note, ToolCall
from ...model.text import clean_line
from ...report.words import caught_up, duration, plural, status_mark
from ..context import RenderContext, role
from ..lines import Line, cut
from .filters import is_error

SECTION_LINES = 5
"""Todos and errors that are named; the others are counted."""


def absence_report(
    before: BuildState, now: BuildState, gap: CaughtUp, context: RenderContext, width: int
) -> list[Line]:
    """`before` is the state when the link was lost, `now` the one after it came back."""
    same = before.id == now.id
    begin = len(before.timeline) if same else 0
    items = [now.timeline[at] for at in range(begin, len(now.timeline))]
    lines: list[Line] = [
        [(f"away for {duration(gap.back_at - gap.lost_at)}", "strong")],
        [(caught_up(gap, context.glyphs), "dim")],
        [],
    ]
    if before.id and not same:
        lines.append([("a new build began", "accent")])
    if items:
        lines.append([(_counted(items), "")])
    if now.id and not now.is_active and (before.is_active or not same):
        mark = status_mark(now.status, context.glyphs)
        lines.append([(f"{mark.glyph} the build ended: {mark.word}", role(mark.tone))])
    lines += _section("error", "errors", [_text(item, now) for item in items if is_error(item)], context, "bad")
    lines += _section(
        "todo finished", "todos finished", _finished(before if same else BuildState(), now), context, "good"
    )
    return [cut(line, width) for line in lines]


def _counted(items: list[Item]) -> str:
    """`4 tools, 2 texts, 1 notice`."""
    tools = sum(isinstance(item, ToolCall) for item in items)
    notices = sum(isinstance(item, Note) and item.kind == "notice" for item in items)
    counts = ((tools, "tool"), (len(items) - tools - notices, "text"), (notices, "notice"))
    return ", ".join(plural(number, word) for number, word in counts if number)


def _finished(before: BuildState, now: BuildState) -> list[str]:
    done = {todo.key for todo in (*before.template_todos, *before.todos) if todo.status == "completed"}
    todos = (*now.template_todos, *now.todos)
    return [clean_line(todo.content) for todo in todos if todo.status == "completed" and todo.key not in done]


def _text(item: Item, state: BuildState) -> str:
    return clean_line(item.text, 200) if isinstance(item, Note) else clean_line(str(subject(item, state.agent.cwd)))


def _section(label: str, labels: str, texts: list[str], context: RenderContext, tone: str) -> Iterator[Line]:
    if not texts:
        return
    mark = context.glyphs.done if tone == "good" else context.glyphs.failed
    yield []
    yield [(f"{len(texts)} {label if len(texts) == 1 else labels}", "heading")]
    yield from ([(f"{mark} ", tone), (text, "")] for text in texts[:SECTION_LINES])
    if len(texts) > SECTION_LINES:
        yield [(f"and {len(texts) - SECTION_LINES} more", "faint")]
