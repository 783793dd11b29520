"""A build on one page: how it stands, its tools by kind, the longest todos, the files it touched. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec
from msgspec import Struct

from ..model.progress import elapsed, progress
from ..model.state import BuildState, ToolCall
from ..model.text import clean_line
from ..report.subject import kind_of, subject
from ..report.words import DURATION_WIDTH, cost, count, duration, plural, status_mark
from .lines import Line, fill
from .look import Look, right, role

KINDS_SHOWN, TODOS_SHOWN, FILES_SHOWN = 10, 5, 8


class Times(Struct, frozen=True):
    """Milliseconds: the middle one, the one that 19 of 20 stay below, the longest."""

    middle: int
    most: int
    longest: int


def times(durations: Sequence[int]) -> Times:
    """Of at least one duration; percentiles by the nearest rank."""
    ordered = sorted(durations)
    return Times(ordered[(len(ordered) - 1) // 2], ordered[(len(ordered) * 95 + 99) // 100 - 1], ordered[-1])


def overview(state: BuildState, look: Look, width: int) -> list[Line]:
    """The page, in lines of `width` cells."""
    if not state.id:
        return []
    return [
        *_standing(state, look),
        *_tools(state, look, width),
        *_longest(state, look, width),
        *_files(state, width),
    ]


def farewell(state: BuildState, look: Look) -> list[str]:
    """At most five plain lines that stay in the terminal when the screen is left."""
    if not state.id:
        return []
    mark = status_mark(state.status, look.glyphs)
    name = clean_line(state.agent.project_name or state.project_id, 60)
    title = f" {look.glyphs.dot} {clean_line(state.agent.title, 80)}" if state.agent.title else ""
    lines = [f"{mark.glyph} {name}{title}"]
    lines += ["  " + "".join(text for text, _ in line) for line in _standing(state, look)]
    if state.error:
        lines.append("  " + clean_line(state.error, 160))
    return lines[:5]


def _standing(state: BuildState, look: Look) -> Iterator[Line]:
    dot = f" {look.glyphs.dot} "
    mark = status_mark(state.status, look.glyphs)
    far = progress(state)
    told = [f"{far.done}/{far.total} todos"] if far.total else []
    told += [duration(elapsed(state, look.now())), plural(state.tool_count, "tool")]
    told += [plural(state.error_count, "error")] if state.error_count else []
    yield [(mark.word, role(mark.tone)), (dot + dot.join(told), "dim")]
    usage = state.usage
    tokens = (("in", usage.input_tokens), ("out", usage.output_tokens), ("cached", usage.cache_read_tokens))
    used = [f"{word} {count(amount)}" for word, amount in tokens if amount is not None]
    used += [cost(usage.cost_usd)] if usage.cost_usd is not None else []
    if used:
        yield [(f"tokens {', '.join(used)}", "dim")]


def _tools(state: BuildState, look: Look, width: int) -> Iterator[Line]:
    taken: defaultdict[str, list[int]] = defaultdict(list)
    calls, errors = Counter[str](), Counter[str]()
    for tool in state.tools():
        verb = _verb(tool.name)
        calls[verb] += 1
        errors[verb] += tool.state == "error"
        if tool.started_at is not None and tool.ended_at is not None:
            taken[verb].append(tool.ended_at - tool.started_at)
    if not calls:
        return
    yield []
    heads = "".join(word.rjust(DURATION_WIDTH + 1) for word in ("p50", "p95", "max"))
    yield fill([("Tools", "heading")], [("calls  err" + heads, "faint")], width)
    for verb, number in calls.most_common(KINDS_SHOWN):
        spent = times(taken[verb]) if taken[verb] else None
        cells = [
            duration(ms) if spent else "" for ms in ((spent.middle, spent.most, spent.longest) if spent else (0, 0, 0))
        ]
        tail: Line = [(str(number).rjust(5), ""), (f"{errors[verb] or '':>5}", "bad")]
        yield fill([(verb, "verb")], [*tail, *((cell.rjust(DURATION_WIDTH + 1), "dim") for cell in cells)], width)


@lru_cache(256)
def _verb(name: str) -> str:
    """How calls of a tool are called, without reading an input."""
    return subject(ToolCall("", name)).verb


def _longest(state: BuildState, look: Look, width: int) -> Iterator[Line]:
    now = look.now() if state.is_active else (state.ended_at or state.last_event_at or 0)
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


def _files(state: BuildState, width: int) -> Iterator[Line]:
    touched = Counter[str]()
    for tool in state.tools():
        if kind_of(tool.name) in ("edit", "write") and tool.state == "output-available":
            touched[_path(tool, state.agent.cwd)] += 1
    if not touched:
        return
    yield []
    yield [("Files touched", "heading"), (f"  {len(touched)}", "faint")]
    for path, number in touched.most_common(FILES_SHOWN):
        yield fill([(path, "")], [(plural(number, "change"), "dim")], width)
    if len(touched) > FILES_SHOWN:
        yield [(f"and {len(touched) - FILES_SHOWN} more", "faint")]


class _Pathed(Struct):
    """The inputs that name one file; decoding only this is many times cheaper than a subject."""

    file_path: str = ""
    filePath: str = ""  # noqa: N815
    path: str = ""
    notebook_path: str = ""


def _path(tool: ToolCall, cwd: str) -> str:
    try:
        named = msgspec.json.decode(tool.input, type=_Pathed) if tool.input is not None else _Pathed()
    except (msgspec.DecodeError, UnicodeDecodeError):
        named = _Pathed()
    path = named.file_path or named.filePath or named.path or named.notebook_path
    if not path:
        return subject(tool, cwd).text
    return clean_line(path.removeprefix(cwd.rstrip("/") + "/") if cwd else path)
