"""A watch as plain lines, one fact each, in words: for pipes, logs and screen readers. Every text is cleaned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from ..agents.subject import error_line, output_text, subject
from ..client.watching import (
    CaughtUp,
    Cause,
    Changed,
    EndConfirmed,
    LinkChanged,
    LinkStatus,
    SignOfLife,
    Skipped,
    Snapshot,
    WatchEvent,
)
from ..model.facts import AgentReported, AutoFixReported, BackgroundMoved, BuildEnded, Noticed, PlanReported
from ..model.notes import autofix_words
from ..model.progress import elapsed, progress
from ..model.questions import call_words
from ..model.state import BuildState, Item, Millis, Note, Phase, Todo, ToolCall, Usage, note_key, tool_key
from ..model.text import clean, clean_line
from ..model.updates import (
    ActivityChanged,
    BuildBegan,
    Entry,
    TextChanged,
    TodoCompleted,
    TodosChanged,
    ToolChanged,
)
from . import words
from .markdown import unmarked

Detail = Literal["quiet", "normal", "verbose"]
"""`quiet`: todos, errors, start and end. `verbose`: also reasoning, whole texts and outputs."""

_NOTE_WORDS = {"text": "says", "reasoning": "thinks", "prompt": "prompt"}
_LEVEL_WORDS = {"info": "notice", "warning": "warning", "error": "error"}


def _now() -> Millis:
    return time.time_ns() // 1_000_000


class PlainLines:
    """Remembers what was told: a text that grows is told once something else happens, not letter by letter."""

    def __init__(
        self, detail: Detail = "normal", now: Callable[[], Millis] = _now, *, says_waiting: bool = True
    ) -> None:
        self._says_waiting = says_waiting
        self._detail: Detail = detail
        self._now = now
        self._state = BuildState()
        self._growing = ""
        self._offsets: dict[str, int] = {}
        self._link = LinkStatus("connecting")

    def event(self, event: WatchEvent) -> Iterator[str]:
        match event:
            case Changed(state, entry):
                yield from self._changed(state, entry)
            case Snapshot(state, cause):
                yield from self._snapshot(state, cause)
            case LinkChanged(status):
                yield from self._linked(status)
            case CaughtUp():
                yield words.caught_up(event)
            case Skipped(count, reason):
                unreadable = f"{words.plural(count, 'update')} that this version cannot read"
                yield f"skipped: {unreadable} {clean_line(reason)}".rstrip()
            case SignOfLife() | EndConfirmed():
                yield from self._finished_text()

    def end(self, state: BuildState) -> Iterator[str]:
        """What became of the build."""
        yield from self._finished_text()
        at = words.clock(state.ended_at or state.last_event_at)
        yield f"{at} build {words.standing(state.status, state.activity)}: {facts(state)}"
        for name, text in (("error", state.error), ("summary", state.summary)):
            if text:
                yield f"{at} {name}: {_line(text)}"

    def _snapshot(self, state: BuildState, cause: Cause) -> Iterator[str]:
        """What was merged stands in its own lines, without the build's headline again."""
        yield from self._finished_text()
        before = self._state if self._state.id == state.id else BuildState()
        if not before.id:
            self._offsets.clear()
        self._state = state
        why = "" if cause == "hydrated" else f" ({cause})"
        since = f", since {words.clock(state.started_at)}" if state.started_at is not None else ""
        if cause != "merged":
            yield f"{words.clock(state.last_event_at)} {headline(state, self._now())}{since}{why}"
        yield from self._repair(before, state)
        lines = [*self._todos(before, state, None)]
        at = 0
        for item in state.items():
            at = max(at, (item.started_at if isinstance(item, ToolCall) else item.at) or 0)
            known = before.tool(item.id) if isinstance(item, ToolCall) else before.note(item.id)
            if item != known:
                lines += ((at, line) for line in self._item(known, item, None))
        yield from (line for _, line in sorted(lines, key=lambda pair: pair[0]))
        yield from self._requests(before, state)

    def _repair(self, before: BuildState, state: BuildState) -> Iterator[str]:
        """An original server's states say what is repaired, but not when it was told."""
        if state.autofix is None or state.autofix == before.autofix:
            return
        said = autofix_words(state.autofix)
        if not any(note.text == said for note in state.notes()):
            yield f"{words.clock(state.started_at)} warning: {_line(said)}"

    def _changed(self, state: BuildState, entry: Entry) -> Iterator[str]:
        before, self._state = self._state, state
        for update in entry.updates:
            if isinstance(update, ActivityChanged) and update.activity.kind == "working":
                continue
            if not isinstance(update, TextChanged) or update.id != self._growing:
                yield from self._finished_text()
            match update:
                case BuildBegan():
                    yield f"{words.clock(entry.at)} build started: {headline(state)}"
                case ToolChanged(id):
                    yield from self._touched(before, state, (tool_key(id),), entry.at)
                case TextChanged(id):
                    self._growing = id
                case Noticed() | AutoFixReported():
                    yield from self._item(None, state.timeline[len(state.timeline) - 1], entry.at)
                case TodosChanged() | TodoCompleted():
                    yield from (line for _, line in self._todos(before, state, entry.at))
                case BuildEnded():
                    ended = {one.id for one in entry.updates if isinstance(one, ToolChanged)}  # are told already
                    yield from self._touched(before, state, map(tool_key, sorted(before.open_tools - ended)), entry.at)
                case BackgroundMoved(ident) if (call := state.tool(ident)) is not None:
                    yield f"{words.clock(entry.at)} in the background: {clean_line(call.task or call_words(call))}"
                case AgentReported() if before.id:
                    yield f"{words.clock(entry.at)} {headline(state)}"
                case PlanReported(text):
                    yield from self._text_lines("plan", text, entry.at)
                case _:
                    pass
        yield from self._requests(before, state)

    def _requests(self, before: BuildState, state: BuildState) -> Iterator[str]:
        now, then, at = state.activity, before.activity, words.clock(state.last_event_at)
        if state.needs_input and state.needs_input != before.needs_input:
            asked = state.requests[0] if state.requests else None
            asks = words.request_words(asked.title, asked.tool) if asked else state.needs_input
            yield f"{at} needs input: {_line(asks)}"
        elif now.kind == "waiting-machine" and (now.kind, now.what, now.until) != (then.kind, then.what, then.until):
            yield f"{at} {words.waits_for(now)}"

    def _touched(self, before: BuildState, state: BuildState, keys: Iterable[str], at: Millis) -> Iterator[str]:
        for key in keys:
            position, old = state.positions.get(key), before.positions.get(key)
            if position is not None:
                yield from self._item(None if old is None else before.timeline[old], state.timeline[position], at)

    def _item(self, before: Item | None, item: Item, at: Millis | None) -> Iterator[str]:
        if isinstance(item, ToolCall):
            known = before if isinstance(before, ToolCall) else None
            is_shown = self._detail == "verbose" and known is not None and known.output != item.output
            if known is None or known.state != item.state or is_shown:
                yield from self._tool(item, at)
        elif item.kind == "notice":
            yield f"{words.clock(at or item.at)} {_LEVEL_WORDS[item.level]}: {clean_line(item.text)}"
        else:
            yield from self._note(item)

    def _tool(self, tool: ToolCall, at: Millis | None) -> Iterator[str]:
        if self._detail == "quiet" and tool.state != "error":
            return
        when = at if at is not None else tool.started_at
        took = ""
        if tool.ended_at is not None and tool.started_at is not None and tool.ended_at > tool.started_at:
            took = f" ({words.duration(tool.ended_at - tool.started_at)})"
        about = subject(tool, self._state.agent.cwd)
        why = error_line(tool) if tool.state == "error" else ""
        because = f": {why}" if why and why != about.detail else ""
        yield f"{words.clock(when)} tool {words.tool_mark(tool.state).word}: {about}{took}{because}"
        if self._detail == "verbose" and not tool.is_open:
            yield from (f"    {line}" for line in output_text(tool).split("\n") if line.strip())

    def _todos(self, before: BuildState, state: BuildState, at: Millis | None) -> Iterator[tuple[Millis, str]]:
        """Lines of the todos that changed, each with its time: `at`, else when the todo last moved."""
        phases: tuple[Phase, ...] = ("template", "build")
        latest = at or state.last_event_at or 0
        for phase in phases:
            old = {todo.key: todo for todo in before.list_of(phase)}
            todos = state.list_of(phase)
            name = "template todo" if phase == "template" else "todo"
            for number, todo in enumerate(todos, 1):
                known = old.pop(todo.key, None)
                if known is None or (known.status, known.content) != (todo.status, todo.content):
                    when = at or todo.ended_at or todo.started_at or latest
                    yield when, f"{words.clock(when)} {name} {number}/{len(todos)} {_todo(todo)}"
            for todo in old.values():
                yield latest, f"{words.clock(latest)} {name} dropped: {_line(todo.content) or NO_TEXT}"

    def _finished_text(self) -> Iterator[str]:
        """The part not told yet of the text that was growing."""
        position = self._state.positions.get(note_key(self._growing)) if self._growing else None
        self._growing = ""
        if position is not None and isinstance(note := self._state.timeline[position], Note):
            yield from self._note(note)

    def _note(self, note: Note) -> Iterator[str]:
        told = self._offsets.get(note.id, 0)
        text = note.text[told if told < len(note.text) else 0 :]
        if told == len(note.text) or not text.strip():
            return
        self._offsets[note.id] = len(note.text)
        if note.kind in {"text", "prompt"} or self._detail == "verbose":
            yield from self._text_lines(_NOTE_WORDS.get(note.kind, note.kind), text, note.at)

    def _text_lines(self, word: str, text: str, at: Millis) -> Iterator[str]:
        if self._detail == "quiet":
            return
        yield f"{words.clock(at)} {word}: {_line(text)}"
        if self._detail == "verbose" and len(text) > 500:
            yield from (f"    {line}" for line in clean(unmarked(text)).split("\n") if line.strip())

    def _linked(self, status: LinkStatus) -> Iterator[str]:
        """Trouble and its end; the first success goes without saying."""
        last, self._link = self._link, status
        if (last.phase, last.attempt) == (status.phase, status.attempt):
            return
        trouble = last.phase in ("retrying", "gave-up")
        reason = f" ({clean_line(status.reason)})" if status.reason else ""
        match status.phase:
            case "retrying":
                after = max(0, (status.retry_at or 0) - (status.lost_at or status.retry_at or 0)) // 1000
                wait = f", next in {after}s" if status.attempt <= 1 and after else ""
                yield f"link lost: retry {status.attempt} of {status.attempts}{wait}{reason}"
            case "gave-up":
                yield f"link gave up after {status.attempts} attempts{reason}"
            case "refused":
                yield f"link refused{reason}"
            case "waiting" if self._says_waiting:
                yield "waiting for a build"
            case "live" if trouble:
                yield "link is back"
            case _:
                pass


def headline(state: BuildState, now: Millis | None = None) -> str:
    """Project, agent and model, and how far it is, at its last event or now."""
    agent = state.agent
    name = agent.project_name or state.project_id
    who = " · ".join(
        clean_line(part, 80) for part in (agent.agent_id, words.short_model(agent.model), agent.template) if part
    )
    status = f"{words.standing(state.status, state.activity)},"
    parts = (clean_line(name, 80), f"({who})" if who else "", status, facts(state, now))
    return " ".join(part for part in parts if part)


def facts(state: BuildState, now: Millis | None = None) -> str:
    """`6/9 todos, 84 tools, 1 error, 12m04s, $1.12`."""
    done = progress(state)
    at = (state.last_event_at or 0) if now is None else now
    parts = [
        f"{done.done}/{done.total} todos" if done.total else "",
        words.plural(state.tool_count, "tool"),
        words.plural(state.error_count, "error"),
        words.duration(elapsed(state, at)) if state.started_at is not None else "",
        *usage_facts(state.usage),
    ]
    return ", ".join(part for part in parts if part)


def usage_facts(usage: Usage) -> list[str]:
    figures = [(usage.input_tokens, "in", words.cached(usage)), (usage.output_tokens, "out", "")]
    tokens = [
        f"{words.short_count(number)} tokens {way}" + (f" ({share})" if share else "")
        for number, way, share in figures
        if number is not None
    ]
    return tokens + words.spent(usage)


def _todo(todo: Todo) -> str:
    took = worked(todo)
    text = todo.active_form if todo.status == "in_progress" and todo.active_form else todo.content
    said = f"{words.todo_mark(todo.status).word}: {_line(text) or NO_TEXT}"
    return f"{said} ({words.duration(took)})" if took else said


def worked(todo: Todo) -> Millis:
    """How long a completed todo was in progress; 0 when its start or its end was not seen."""
    if todo.status != "completed" or todo.started_at is None or todo.ended_at is None:
        return 0
    return max(0, todo.ended_at - todo.started_at)


def _line(text: str) -> str:
    """An agent's words as one safe line."""
    return clean_line(unmarked(text[:_LOOKED_AT]))


NO_TEXT = "(no text)"
_LOOKED_AT = 4_000
