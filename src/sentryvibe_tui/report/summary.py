"""A build on one page: status, todos, tools, errors, time and cost, as lines of safe text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..agents.subject import error_line, subject
from ..model.notes import autofix_words
from ..model.progress import elapsed, progress
from ..model.state import BuildState, Millis, Phase, Todo
from ..model.text import clean_line
from . import words
from .plain import NO_TEXT, usage_facts, worked

SHOWN_ERRORS = 5


def page(state: BuildState, now: Millis, glyphs: words.Glyphs = words.UNICODE) -> Iterator[str]:
    """What `show` prints."""
    agent = state.agent
    who = f" {glyphs.dot} ".join(
        clean_line(part, 80) for part in (agent.agent_id, words.short_model(agent.model), agent.template) if part
    )
    yield clean_line(agent.project_name or state.project_id, 80) + (f"  ({who})" if who else "")
    if agent.title:
        yield f"  {clean_line(agent.title, 120)}"
    status = words.build_mark(state.status, state.activity, glyphs)
    took = words.duration(elapsed(state, now)) if state.started_at is not None else ""
    seen = words.age(now - state.last_event_at) if state.last_event_at is not None else "never"
    yield f"{'status':<8}{status.glyph} {words.standing(state.status, state.activity)}  {took}  last event {seen}"
    yield f"{'build':<8}session {clean_line(state.session_id, 80)}, version {state.version}"
    yield from _waits(state, now)
    yield from _todos(state, glyphs)
    yield from _tools(state, glyphs)
    usage = usage_facts(state.usage)
    if usage:
        yield f"{'usage':<8}{', '.join(usage)}"
    if state.usage.price_table:
        yield f"{'prices':<8}{clean_line(state.usage.price_table, 60)}"
    for name, text in (
        *_autofix(state),
        ("error", state.error),
        ("summary", state.summary),
    ):
        if text:
            yield f"{name:<8}{clean_line(text)}"


def _waits(state: BuildState, now: Millis) -> Iterator[str]:
    """What it waits for and how long; a line for each further request."""
    if state.is_active and (said := words.waits_for(state.activity)):
        first = state.requests[0] if state.requests and state.activity.kind == "waiting-person" else None
        said = f"needs you: {words.request_words(first.title, first.tool)}" if first else said
        yield f"{'waits':<8}{words.duration(words.waited(state.activity, now))}, {said}"
    for request in state.requests[1:]:
        also = words.request_words(request.title, request.tool)
        yield f"{'':<8}{words.duration(max(0, now - request.since))}, also: {also}"


def _autofix(state: BuildState) -> tuple[tuple[str, str], ...]:
    return () if state.autofix is None else (("repairs", autofix_words(state.autofix)),)


def _todos(state: BuildState, glyphs: words.Glyphs) -> Iterator[str]:
    done = progress(state)
    if not state.todos and not state.template_todos:
        return
    yield f"{'todos':<8}{f'{done.done}/{done.total} done' if done.total else 'the template is done'}"
    counts = Counter(tool.todo for tool in state.tools())
    phases: tuple[Phase, ...] = ("template", "build")
    for phase in phases:
        for todo in state.list_of(phase):
            yield f"  {_todo(todo, counts[todo.key], state, glyphs)}"


def _todo(todo: Todo, tools: int, state: BuildState, glyphs: words.Glyphs) -> str:
    facts = [words.plural(tools, "tool")] if tools else []
    if took := worked(todo):
        facts.append(words.duration(took))
    mark = words.todo_mark(todo.status, glyphs, ended=not state.is_active)
    return f"{mark.glyph} {clean_line(todo.content, 100) or NO_TEXT}" + (f"  ({', '.join(facts)})" if facts else "")


def _tools(state: BuildState, glyphs: words.Glyphs) -> Iterator[str]:
    names = Counter(subject(tool).verb for tool in state.tools())
    kinds = ", ".join(f"{name} {count}" for name, count in names.most_common(8))
    errors = [tool for tool in state.tools() if tool.state == "error"]
    told = f", {words.plural(len(errors), 'error')}" if errors else ""
    yield f"{'tools':<8}{state.tool_count}{told}" + (f": {kinds}" if kinds else "")
    if len(errors) > SHOWN_ERRORS:
        yield f"  the last {SHOWN_ERRORS} errors:"
    for tool in errors[-SHOWN_ERRORS:]:
        why = error_line(tool)
        about = subject(tool, state.agent.cwd)
        yield f"  {glyphs.failed} {about}" + (f": {why}" if why and why != about.detail else "")
