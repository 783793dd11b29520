"""What a newer state of a build says more than an older one, as updates: for whoever is told of changes."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import AgentReported, AutoFixReported, BuildEnded, CodexReported, PlanReported, SummaryReported
from .state import Agent, BuildState, Item, Note, Phase, ToolCall
from .todos import items_of, place_of
from .updates import BuildBegan, TextChanged, TodosChanged, ToolChanged, Update, UsageChanged
from .usage import news_of


def difference(older: BuildState, newer: BuildState) -> tuple[Update, ...]:
    """The updates that lead from `older` to `newer`, two states of one build: all but the times of its parts."""
    return (
        *_beginning(older, newer),
        *_lists(older, newer),
        *_items(older, newer),
        *_facts(older, newer),
        *_ending(older, newer),
    )


def _beginning(older: BuildState, newer: BuildState) -> Iterator[Update]:
    if newer.is_active and not older.is_active:
        yield BuildBegan(newer.id, newer.session_id, newer.project_id)
    news = {name: said for name in Agent.__struct_fields__ if (said := getattr(newer.agent, name))}
    fresh = {name: said for name, said in news.items() if said != getattr(older.agent, name)}
    if fresh:
        yield AgentReported(Agent(**fresh))


def _lists(older: BuildState, newer: BuildState) -> Iterator[Update]:
    phases: tuple[Phase, ...] = ("template", "build") if newer.phase == "build" else ("build", "template")
    for phase in phases:
        before, after = items_of(older.list_of(phase)), items_of(newer.list_of(phase))
        moved = phase == newer.phase and (older.phase, older.active_todo) != (phase, newer.active_todo)
        if before != after or (moved and after):
            yield TodosChanged(after, newer.active_todo if phase == newer.phase else -1, phase)


def _items(older: BuildState, newer: BuildState) -> Iterator[Update]:
    for item in newer.items():
        before: Item | None = older.tool(item.id) if isinstance(item, ToolCall) else older.note(item.id)
        if before is item or before == item:
            continue
        if isinstance(item, ToolCall):
            yield from _tool(newer, before if isinstance(before, ToolCall) else None, item)
        elif item.kind != "notice":
            yield _text(newer, before if isinstance(before, Note) else None, item)


def _tool(state: BuildState, before: ToolCall | None, tool: ToolCall) -> Iterator[Update]:
    fresh = before or ToolCall(tool.id, "")
    brought = (tool.input, tool.output) != (fresh.input, fresh.output)
    if before is not None and not brought and tool.state == before.state:
        return
    phase, index = place_of(state, tool.todo)
    yield ToolChanged(
        tool.id,
        tool.name,
        index,
        tool.state,
        phase,
        tool.input if tool.input != fresh.input else None,
        tool.output if tool.output != fresh.output else None,
        tool.input_bytes,
        tool.output_bytes,
        tool.clipped,
        tool.parent_id,
    )


def _text(state: BuildState, before: Note | None, note: Note) -> Update:
    phase, index = place_of(state, note.todo)
    grown = before is not None and note.text.startswith(before.text)
    text = note.text[len(before.text) :] if before is not None and grown else note.text
    return TextChanged(note.id, text, index, note.kind, not grown, phase, note.parent_id)


def _facts(older: BuildState, newer: BuildState) -> Iterator[Update]:
    yield from _usage(older, newer)
    if newer.codex is not None and newer.codex != older.codex:
        yield CodexReported(newer.codex)
    if newer.plan != older.plan:
        yield PlanReported(newer.plan)
    if newer.summary != older.summary:
        yield SummaryReported(newer.summary)
    if newer.autofix is not None and newer.autofix != older.autofix:
        yield AutoFixReported(newer.autofix)


def _usage(older: BuildState, newer: BuildState) -> Iterator[Update]:
    covered = newer.covered_until if newer.covered_until != older.covered_until else None
    for share in news_of(newer.shares, older.shares):
        yield UsageChanged(newer.usage, share, covered)
    if newer.usage != older.usage or covered is not None:
        yield UsageChanged(newer.usage, covered_until=covered)


def _ending(older: BuildState, newer: BuildState) -> Iterator[Update]:
    if newer.status not in ("active", older.status):
        yield BuildEnded(newer.status, "", newer.error)
