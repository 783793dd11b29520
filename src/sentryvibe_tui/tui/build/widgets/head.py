"""The three rows on top: which build and is it true now; how far; what it does right now."""

from __future__ import annotations

from ....agents.doing import call_under_way, end_words, pause_words, todo_words, usual_times
from ....agents.subject import error_line, first_line, subject
from ....model.progress import elapsed, progress, silence
from ....model.state import Millis, Note, ToolCall
from ....model.text import clean_line
from ....report.words import (
    DURATION_WIDTH,
    age,
    build_mark,
    clock,
    cost,
    duration,
    link_mark,
    plural,
    request_words,
    running_time,
    short_count,
    short_model,
    standing,
    status_mark,
    waited,
    waits_for,
)
from ...context import RenderContext, role
from ...lines import Line, cut, fill, length, parted
from ...prose import inline
from ...widgets.painted import Bar
from ..tally import sparks
from ..view import BuildView

QUIET = 30_000
"""Milliseconds without any event, and no call under way, after which a build is said to be quiet."""

SPARKS_SHOWN = 48


class Head:
    """The three bars, and where there is room what was said and what failed last."""

    def __init__(self, project: str, view: BuildView, context: RenderContext) -> None:
        self.who = Who(project, view, context, id="who", classes="bar")
        self.how_far = HowFar(view, context, id="how-far", classes="bar")
        self.now = Now(view, context, id="now", classes="bar")
        self.latest = Latest(view, context, id="latest", classes="bar")
        self.bars = (self.who, self.how_far, self.now, self.latest)

    def paint(self, place: str) -> None:
        """`place`: which build of how many is on screen, where that needs to be said."""
        self.who.place = place
        self.latest.set_class(self.latest.has_news, "-something")
        for bar in self.bars:
            bar.repaint()


class HeadBar(Bar):
    """A bar that tells of the view."""

    def __init__(self, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.view, self.context = view, context

    @property
    def now(self) -> Millis:
        """Now; without a link the time up to which something is known."""
        return self.view.as_of(self.context.now())

    @property
    def _dot(self) -> str:
        return f" {self.context.glyphs.dot} "


class Who(HeadBar):
    """Status, project, title, agent and model; the link at the right."""

    def __init__(self, project: str, view: BuildView, context: RenderContext, **options: str) -> None:
        super().__init__(view, context, **options)
        self.project = project
        self.place = ""

    def line(self, width: int) -> Line:
        state, agent = self.view.state, self.view.state.agent
        mark = build_mark(state.status, state.activity, self.context.glyphs)
        name = clean_line(agent.project_name or self.project, 80)
        status: Line = [(mark.glyph + " ", role(mark.tone))] if state.id else []
        model = [clean_line(agent.agent_id, 40), short_model(agent.model)]
        title = clean_line(agent.title, 120)
        parts: list[tuple[int, Line]] = [
            (0, [*status, (name, "strong")]),
            (1, [(self.place, "alarm")] if self.place else []),
            (1, self._repair()),
            (3, [(title, "")] if title and title != name else []),
            (2, [(self._dot.join(part for part in model if part), "dim")] if any(model) else []),
            (4, [(clean_line(agent.operation_type, 40), "dim")] if width >= 110 else []),
            (4, [(clean_line(agent.template, 40), "dim")] if agent.template else []),
            (5, [(clean_line(agent.branch, 40), "dim")] if width >= 140 and agent.branch else []),
        ]
        return [(" ", ""), *parted(parts, self._link(width), width - 2), (" ", "")]

    def _repair(self) -> Line:
        fix = self.view.state.autofix
        if fix is None:
            return []
        of = f"/{fix.attempts}" if fix.attempts else ""
        return [(f"auto-fix {fix.attempt}{of}" if fix.attempt else "auto-fix", "warn")]

    def _link(self, width: int) -> Line:
        mark = link_mark(self.view.link, self.context.now(), self.context.glyphs)
        word = clean_line(mark.word, max(12, width // 2))
        watchers = self.view.life.watchers if self.view.life else None
        others: Line = [(f"{watchers} watching  ", "dim")] if watchers and watchers > 1 and width >= 80 else []
        plain = "" if mark.tone == "good" else role(mark.tone)
        return [*others, (mark.glyph + " ", role(mark.tone)), (word, plain or "dim")]


class HowFar(HeadBar):
    """The bar, or the activity of a build that has no todos; time, calls, errors, tokens, cost."""

    def line(self, width: int) -> Line:
        state = self.view.state
        if not state.id:
            return []
        facts = self._facts(width - 2)
        room = width - 3 - length(facts)
        return [(" ", ""), *fill(self._left(room), facts, width - 2), (" ", "")]

    def _facts(self, width: int) -> Line:
        state, usage = self.view.state, self.view.state.usage
        spent = elapsed(state, self.now)
        took = (running_time(spent) if state.is_active else duration(spent)).rjust(DURATION_WIDTH)
        facts: list[tuple[int, Line]] = [(0, [(took, "strong")])]
        facts.append((1, [(plural(state.tool_count, "tool").rjust(8), "dim")]))
        if state.error_count:
            facts.append((0, [(f"{self.context.glyphs.failed} {state.error_count}", "bad")]))
        tokens = [
            f"{word} {short_count(amount)}"
            for word, amount in (("in", usage.input_tokens), ("out", usage.output_tokens))
            if amount is not None
        ]
        if tokens:
            facts.append((4, [(" ".join(tokens), "dim")]))
        if usage.context_percent is not None:
            facts.append((3, [(f"ctx {usage.context_percent:.0f}%", "dim")]))
        if usage.cost_usd is not None:
            facts.append((2, [(cost(usage.cost_usd) + (" est." if usage.cost_estimated else ""), "dim")]))
        room = width * 3 // 5
        while len(facts) > 1 and sum(length(part) + 3 for _, part in facts) > room:
            facts.remove(max(facts, key=lambda fact: fact[0]))
        joined: Line = []
        for _, part in facts:
            joined += [("   ", ""), *part] if joined else part
        return joined

    def _left(self, room: int) -> Line:
        state = self.view.state
        far = progress(state)
        if far.percent is None:
            template = self._template(room)
            return [*template, *self._activity(room - length(template))]
        lead: Line = [*self._template(room), (f"{far.done:>{len(str(far.total))}}/{far.total} ", "strong")]
        percent = f" {far.percent:3}%"
        cells = room - length(lead) - len(percent)
        if cells < 6:
            return cut([*lead, (percent.strip(), "")], room)
        return [*lead, *self._bar(far.done, far.total, cells), (percent, "")]

    def _template(self, room: int) -> Line:
        """The template's part of the work, when there is one."""
        state = self.view.state
        if not state.template_todos or room < 60:
            return []
        done = sum(todo.status == "completed" for todo in state.template_todos)
        if done == len(state.template_todos):
            return [("Template ", "dim"), (self.context.glyphs.done, "good"), ("  ", "")]
        return [("Template ", "dim"), (f"{done}/{len(state.template_todos)}", "busy"), ("  ", "")]

    def _bar(self, done: int, total: int, cells: int) -> Line:
        state, glyphs = self.view.state, self.context.glyphs
        full = done * cells // total
        tint = "bar" if state.is_active else "bar-done" if state.status == "completed" else "bar-bad"
        return [(glyphs.bar * full, tint), (glyphs.track * (cells - full), "faint")]

    def _activity(self, room: int) -> Line:
        """How lively the build was and is: calls begun over its time."""
        state = self.view.state
        until = self.now if state.is_active else state.ended_at or state.last_event_at or 0
        turns = len(self.view.steps.turns)
        label: Line = [(f"turn {turns}  ", "strong")] if turns and room >= 24 else []
        label += [("activity ", "dim")] if room >= 40 else []
        counts = self.view.activity(min(SPARKS_SHOWN, room - length(label)), until)
        return cut([*label, (sparks(counts, self.context.glyphs.sparks), "bar")], room)


class Latest(HeadBar):
    """How lively it is, the agent's last words, the last error: for screens with room to spare."""

    @property
    def has_news(self) -> bool:
        return self.view.last_text is not None or self.view.last_error is not None

    def line(self, width: int) -> Line:
        state, view = self.view.state, self.view
        if not state.id:
            return []
        parts: list[tuple[int, Line]] = []
        if progress(state).percent is not None:
            until = self.now if state.is_active else state.ended_at or state.last_event_at or 0
            counts = view.activity(min(SPARKS_SHOWN // 2, width // 5), until)
            parts.append((2, [(sparks(counts, self.context.glyphs.sparks), "bar")]))
        note = None if view.last_text is None else state.timeline[view.last_text]
        if isinstance(note, Note) and first_line(note.text) != end_words(state):
            parts.append((1, [("“", "faint"), *inline(first_line(note.text)), ("”", "faint")]))
        return [(" ", ""), *parted(parts, self._error(width * 2 // 5), width - 2), (" ", "")]

    def _error(self, room: int) -> Line:
        """Of the call that failed last, made once for a call."""
        state, at = self.view.state, self.view.last_error
        call = None if at is None else state.timeline[at]
        if not isinstance(call, ToolCall) or call.state != "error":
            return []
        key = call, state.agent.cwd, room
        if self._told[0] != key:
            self._told = key, self._error_of(call, state.agent.cwd, room)
        return self._told[1]

    _told: tuple[tuple[ToolCall, str, int] | None, Line] = (None, [])

    def _error_of(self, call: ToolCall, cwd: str, room: int) -> Line:
        failed, about = self.context.glyphs.failed, subject(call, cwd)
        why = error_line(call) or about.detail
        head: Line = [(f"{failed} {clock(call.ended_at)} ", "bad"), (f"{about.verb} {about.text}  ", "dim")]
        return [("   ", ""), *cut([*head[:1], *cut(head[1:], max(12, room // 3)), (" " + why, "bad")], room)]


class Now(HeadBar):
    """What it does right now: a question to the reader first, then the call under way, then silence."""

    def line(self, width: int) -> Line:
        left, right = self._sides(width)
        if self.view.state.is_active and self.now != self.context.now():
            right = [(f"as of {clock(self.now)}", "warn")]
        return [(" ", ""), *fill(left, right, width - 2), (" ", "")]

    _compared: tuple[str, tuple[Millis, Millis] | None] = ("", None)

    def _usual(self, call: ToolCall) -> tuple[Millis, Millis] | None:
        """What calls of its kind take, looked for once for a call."""
        key = f"{self.view.state.id} {call.id}"
        if self._compared[0] != key:
            self._compared = key, usual_times(self.view.state, call)
        return self._compared[1]

    def _sides(self, width: int) -> tuple[Line, Line]:
        state, glyphs, now = self.view.state, self.context.glyphs, self.now
        if not state.id:
            return [(self._without_build(), "dim")], []
        if not state.is_active:
            ended = state.ended_at or state.last_event_at
            return self._ended(), [(age(now - ended), "faint")] if ended is not None else []
        if state.activity.kind != "working":
            return self._waiting()
        todo = todo_words(state)
        line: Line = [(f"{glyphs.running} ", "busy")]
        if todo:
            line.append((todo, "strong"))
        under_way = call_under_way(state)
        if under_way is not None:
            about, began = under_way.subject, under_way.call.started_at
            if todo:
                line.append((f"  {glyphs.into} ", "faint"))
            line += [(about.verb, "" if todo else "strong"), (" " + about.text, "")]
            if under_way.others:
                line.append((f"  +{under_way.others} more", "dim"))
            since = now - (began if began is not None else now)
            usual = self._usual(under_way.call)
            is_late = usual is not None and since > usual[1]
            compared = f"usual {duration(usual[0])}  p95 {duration(usual[1])}  " if usual and width >= 60 else ""
            return line, [(compared, "dim"), (running_time(since).rjust(DURATION_WIDTH), "warn" if is_late else "busy")]
        quiet = silence(state, now)
        if quiet >= QUIET:
            text = f"quiet for {running_time(quiet)}"
            return ([*line, (f"  {glyphs.into} " if todo else "", "faint"), (text, "warn")], [])
        if not todo:
            line.append((pause_words(state), ""))
        return line, [(running_time(quiet).rjust(DURATION_WIDTH), "faint")]

    def _waiting(self) -> tuple[Line, Line]:
        """For whom or what, and for how long; how many more requests are open."""
        state, now = self.view.state, self.now
        mark = build_mark(state.status, state.activity, self.context.glyphs)
        tone = "alarm" if state.requests else role(mark.tone)
        more = f"+{len(state.requests) - 1} more  " if len(state.requests) > 1 else ""
        since = running_time(waited(state.activity, now)).rjust(DURATION_WIDTH)
        first = next((request for request in state.requests if request.title), None)
        asks = f"needs you: {request_words(first.title, first.tool)}" if first else waits_for(state.activity)
        words = f"{mark.glyph} {asks or mark.word}"
        return [(words, tone)], [(more, "dim"), (since, tone)]

    def _ended(self) -> Line:
        state = self.view.state
        mark = status_mark(state.status, self.context.glyphs)
        why = end_words(state)
        line: Line = [(f"{mark.glyph} {standing(state.status, state.activity)}", role(mark.tone))]
        return [*line, (self._dot, "faint"), *inline(why)] if why else line

    def _without_build(self) -> str:
        waiting = self.view.link.phase in ("live", "waiting")
        return "waiting for the first build" if waiting else "no build yet"
