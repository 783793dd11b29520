"""The agent under the cursor, in full: what it asks, its todos, what it said last, its last error.

`state` is the build itself where it was read; without it the pane says what the list's row knows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace
from textual.geometry import Region
from textual.strip import Strip

from ...agents.kinds import verb_of
from ...agents.subject import error_line, first_line, subject
from ...client.fleet import Fleet
from ...folders import below_home
from ...model.state import BuildState, Note, ToolCall
from ...model.text import clean_line
from ...report.words import clock, duration, plural, request_words, running_time, short_count, short_model, todo_mark
from ..context import RenderContext, role
from ..lines import Line, cells, cut, length, pad, parted, wrap
from ..prose import prose
from ..widgets.painted import Painted
from .arrangement import RosterEntry
from .triage import RowKey, since
from .words import cost_words, short_agent, state_mark, usual_words, what_words

log = logging.getLogger("sentryvibe_tui.tui")

STAY_SECONDS = 0.2
"""How long the cursor stays on a row before its build is read."""
AGAIN_SECONDS, AGAIN_SHARE = 2.0, 20
"""How soon a build is read again, at the earliest: after so many seconds, and so many times what reading it took."""
TWO_COLUMNS_FROM = 96
"""Cells from which todos and last words stand beside the question."""
MAX_LOOKBACK = 400
"""Items of the timeline up to which the last words and the last error are looked for."""


class Section(Struct, frozen=True):
    """Lines under a `head`, which may be empty; `brief` says the most where there is one line only."""

    head: Line
    body: list[Line]
    brief: Line


def details(
    entry: RosterEntry, state: BuildState | None, context: RenderContext, width: int, height: int
) -> list[Line]:
    """At most `height` lines of `width` cells."""
    head = [_who(entry, width), _standing(entry, context, width)]
    rest = max(0, height - len(head))
    if width < TWO_COLUMNS_FROM:
        sections = (*_question(entry, width), *_error(entry, state, context, width),
                    *_words(entry, state, context, width), *_todos(entry, state, context, width))  # fmt: skip
        return [*head, *(cut(line, width) for line in _stacked(sections, rest, width))][:height]
    left_width = (width - 3) // 2
    right_width = width - 3 - left_width
    error = _stacked(_error(entry, state, context, right_width), rest, right_width)
    todos = _stacked(_todos(entry, state, context, right_width), max(1, rest - len(error)), right_width)
    right = [*todos, *error][:rest]
    if not right:
        left_width = width
    sections = (*_question(entry, left_width), *_words(entry, state, context, left_width))
    left = _stacked(sections, rest, left_width)
    lines: list[Line] = []
    for at in range(max(len(left), len(right))):
        begin = cut(left[at], left_width) if at < len(left) else []
        end = cut(right[at], right_width) if at < len(right) else []
        lines.append([*begin, (pad("", left_width - length(begin) + 3), ""), *end])
    return [*head, *lines][:height]


def _stacked(sections: Iterable[Section], room: int, width: int) -> list[Line]:
    """What matters most first, in at most `room` lines; no head stands without words."""
    lines: list[Line] = []
    for section in sections:
        if len(lines) < room:
            lines += _fitted(section, room - len(lines), width)
    return lines


def _fitted(section: Section, room: int, width: int) -> list[Line]:
    """The head stands in the first line of what is below it where room is scarce and that line has some."""
    lines = [section.head, *section.body] if section.head else section.body
    if len(lines) <= room:
        return lines
    if section.head:
        first: Line = [*section.head, ("  ", ""), *(section.body[0] if room > 1 else section.brief)]
        if room == 1 or length(first) <= width:
            lines = [first, *section.body[1:]]
    return _fit_height(lines, room) if room > 1 else lines[:1]


def _fit_height(lines: list[Line], room: int) -> list[Line]:
    if len(lines) <= room or room < 1:
        return lines[: max(0, room)]
    return [*lines[: room - 1], [*lines[room - 1], (" …", "faint")]]


def _who(entry: RosterEntry, width: int) -> Line:
    """`shop · "Add a cart" · ~/work/shop · branch cart · claude sonnet-4-5`."""
    build = entry.row.build
    agent = " ".join(filter(None, (short_agent(build.agent_id), short_model(build.model))))
    title = clean_line(build.title, 120)
    project = clean_line(build.project_name or build.project_id, 60)
    parts: list[tuple[int, Line]] = [
        (0, [(entry.own_name or project, "strong")]),
        (3, [(project, "dim")] if entry.own_name else []),
        (2, [(f"“{title}”", "")] if title else []),
        (4, [(below_home(clean_line(build.cwd, 200)), "dim")]),
        (5, [(f"branch {clean_line(build.branch, 60)}", "dim")] if build.branch else []),
        (1, [(agent, "dim")]),
        (6, [(f"on {clean_line(entry.row.host, 40)}", "dim")] if build.host else []),
    ]
    return parted(parts, [], width)


def _standing(entry: RosterEntry, context: RenderContext, width: int) -> Line:
    """`? permission for Bash, asked 4m12s ago`, and figures."""
    build, now = entry.row.build, context.now()
    mark = state_mark(build, entry.need, context.glyphs)
    tone = "alarm" if entry.need == "waits" else role(mark.tone)
    at = since(build, entry.need)
    ago = "" if at is None else f", {'asked ' if entry.need == 'waits' else ''}{running_time(max(0, now - at))} ago"
    if entry.need in ("working", "stuck", "machine") and at is not None:
        ago = f" for {running_time(max(0, now - at))}"
    request = build.requests[0] if entry.need == "waits" and build.requests else None
    tool = clean_line(verb_of(request.tool), 40) if request is not None and request.kind == "permission" else ""
    figures = [f"{build.todos_done}/{build.todos_total} todos"] if build.todos_total else []
    figures.append(plural(build.tools, "tool"))
    figures += [plural(build.errors, "error")] if build.errors else []
    figures += [cost_words(build)] if build.cost_usd is not None else []
    figures += [f"{build.context_percent:.0f}% context"] if build.context_percent is not None else []
    tokens = [short_count(n) for n in (build.input_tokens, build.output_tokens) if n is not None]
    figures += [f"{' / '.join(tokens)} tokens"] if tokens else []
    figures += list(usual_words(build)) if entry.need in ("working", "stuck") else []
    dot = f" {context.glyphs.dot} "
    left: Line = [(f"{mark.glyph} {mark.word}{f' for {tool}' if tool else ''}", tone), (ago, "dim")]
    while figures and length(left) + 4 + cells(dot.join(figures)) > width:  # half a figure is another one
        figures.pop()
    return parted([(0, left), (1, [(dot.join(figures), "dim")])], [], width)


def _question(entry: RosterEntry, width: int) -> Iterator[Section]:
    """What is asked, whole; of an agent that asks nothing what it does."""
    build = entry.row.build
    if entry.need != "waits" or not build.requests:
        text = what_words(build, entry.need)
        tone = "bad" if entry.need == "failed" else "warn" if entry.need == "stuck" else ""
        if text:
            yield Section([], wrap([(text, tone)], width), [(text, tone)])
        return
    for number, request in enumerate(build.requests):
        lead: Line = [(f"also {request.kind}: ", "dim")] if number else []
        asked: Line = [*lead, (request_words(request.title, request.tool), "strong")]
        lines = wrap(asked, width)
        if request.reason:
            lines += wrap([(clean_line(request.reason, 1_000), "dim")], width)
        if request.options:
            names = (clean_line(option.label or option.id, 80) for option in request.options)
            lines += wrap([("  ".join(f"{at}) {name}" for at, name in enumerate(names, 1)), "subject")], width)
        yield Section([], lines, asked)


def _latest(state: BuildState | None) -> Iterator[ToolCall | Note]:
    """The last items first."""
    if state is not None:
        for at in islice(reversed(range(len(state.timeline))), MAX_LOOKBACK):
            yield state.timeline[at]


def _words(entry: RosterEntry, state: BuildState | None, context: RenderContext, width: int) -> Iterator[Section]:
    """What the agent said last, unless that stands above, whole."""
    note = next((item for item in _latest(state) if isinstance(item, Note) and item.kind == "text"), None)
    above = what_words(entry.row.build, entry.need) if entry.need != "waits" else ""
    if note is None or state is None or note.text.strip() in ("", above, state.error.strip()):
        return
    head: Line = [("last said", "faint"), (f"  {clock(note.at)}", "faint")]
    yield Section(head, list(prose(note.text[-2_000:], width, context.glyphs)), [(first_line(note.text), "")])


def _error(entry: RosterEntry, state: BuildState | None, context: RenderContext, width: int) -> Iterator[Section]:
    failed = next((item for item in _latest(state) if isinstance(item, ToolCall) and item.state == "error"), None)
    if failed is not None and state is not None:
        head: Line = [("last error", "faint"), (f"  {clock(failed.ended_at)}", "faint")]
        why, what = error_line(failed), subject(failed, state.agent.cwd)
        what = replace(what, detail="") if why.startswith(what.detail.removesuffix("…")) else what
        call: Line = [(f"{context.glyphs.failed} {what}", "bad")]
        lines = [*wrap(call, width), *(wrap([(f"  {why}", "dim")], width) if why else [])]
        yield Section(head, lines, [(why, "bad")] if why else call)
    elif entry.row.build.error and entry.need != "failed":
        error: Line = [("last error  ", "faint"), (clean_line(entry.row.build.error), "bad")]
        yield Section([], wrap(error, width), error)


def _todos(entry: RosterEntry, state: BuildState | None, context: RenderContext, width: int) -> Iterator[Section]:
    """The list; of a long one those around where the agent is."""
    if state is None or not (todos := state.todos or state.template_todos):
        if entry.row.build.todo:
            step: Line = [("at  ", "faint"), (clean_line(entry.row.build.todo), "")]
            yield Section([], wrap(step, width), step)
        return
    done = sum(todo.status == "completed" for todo in todos)
    lines: list[Line] = []
    for todo in todos[max(0, done - 2) :]:
        mark = todo_mark(todo.status, context.glyphs, ended=not state.is_active)
        spent = f"  {duration(todo.ended_at - todo.started_at)}" if todo.ended_at and todo.started_at else ""
        text = clean_line(todo.content, 200)
        lines.append(cut([(f"{mark.glyph} ", role(mark.tone)), (text, ""), (spent, "faint")], width))
    at_work = lines[min(2, done, len(lines) - 1)]
    yield Section([(f"todos {done}/{len(todos)}", "faint")], lines, at_work)


class DetailsPane(Painted):
    """Shows one row in full. The build itself is read when the reader stays with it, and again as it goes on."""

    def __init__(self, fleet: Fleet, context: RenderContext, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.fleet, self.context = fleet, context
        self._entry: RosterEntry | None = None
        self._state: BuildState | None = None
        self._state_of: RowKey | None = None
        self._read_at = self._took = 0.0
        self._lines: list[Line] = []

    def show(self, entry: RosterEntry | None) -> None:
        """Another row, or the same as it stands now."""
        before, self._entry = self._entry, entry
        if entry is None or before is None or before.row.key != entry.row.key:
            self._read_at = self._took = 0.0
        self._paint()
        if entry is not None and self._is_stale(entry):
            self._read_at = time.monotonic()
            self.run_worker(partial(self._read, entry.row.key), exclusive=True, group="details")  # pyright: ignore[reportUnknownMemberType]

    def _is_stale(self, entry: RosterEntry) -> bool:
        """A large build is read again less often."""
        if time.monotonic() - self._read_at < max(AGAIN_SECONDS, self._took * AGAIN_SHARE):
            return False
        state = self._state if self._state_of == entry.row.key else None
        return state is None or state.version != entry.row.build.version

    async def _read(self, key: RowKey) -> None:
        await asyncio.sleep(STAY_SECONDS)
        began = time.monotonic()
        try:
            state = await self.fleet.build(key.server, key.build)
        except Exception as error:  # whatever a transport raises: the pane says what the row knows
            log.info("a build could not be read for the overview: %s", error)
            return
        self._took = time.monotonic() - began
        if state is not None and self._entry is not None and self._entry.row.key == key:
            self._state, self._state_of = state, key
            self._paint()

    def _paint(self) -> None:
        """Only lines that became others."""
        width, height = self.content_size
        before, entry = self._lines, self._entry
        state = self._state if entry is not None and self._state_of == entry.row.key else None
        self._lines = [] if entry is None or not width else details(entry, state, self.context, width, height)
        for y in range(height):
            if before[y : y + 1] != self._lines[y : y + 1]:
                self.refresh(Region(0, y + self.gutter.top, self.size.width, 1))

    def on_resize(self) -> None:
        self._paint()

    def render_line(self, y: int) -> Strip:
        return self.strip(self._lines[y] if y < len(self._lines) else [], self.content_size.width)
