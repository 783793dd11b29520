"""A watch as plain lines, one fact each, in words: for pipes, logs and screen readers. Every text is cleaned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from ..client.watching import CaughtUp, Changed, LinkChanged, LinkStatus, SignOfLife, Skipped, Snapshot, WatchEvent
from ..model.progress import elapsed, progress
from ..model.state import BuildState, Item, Millis, Note, Phase, Todo, ToolCall, Usage, note_key, tool_key
from ..model.text import clean, clean_line
from ..model.updates import (
    AgentChanged,
    BuildBegan,
    BuildFinished,
    Entry,
    InputNeededChanged,
    NoticeAdded,
    PlanChanged,
    TextChanged,
    TodoCompleted,
    TodosChanged,
    ToolChanged,
)
from . import words
from .subject import error_line, output_text, subject

Detail = Literal["quiet", "normal", "verbose"]
"""`quiet`: todos, errors, start and end. `verbose`: also reasoning, whole texts and outputs."""

_NOTE_WORDS = {"text": "says", "reasoning": "thinks", "prompt": "prompt"}
_LEVEL_WORDS = {"info": "notice", "warning": "warning", "error": "error"}


class PlainLines:
    """Remembers what was told: a text that grows is told once something else happens, not letter by letter."""

    def __init__(self, detail: Detail = "normal") -> None:
        self._detail: Detail = detail
        self._state = BuildState()
        self._growing = ""
        self._told: dict[str, int] = {}
        self._link = LinkStatus("connecting")

    def event(self, event: WatchEvent) -> Iterator[str]:
        match event:
            case Changed(state, entry):
                yield from self._changed(state, entry)
            case Snapshot(state, cause):
                yield from self._snapshot(state, "" if cause == "hydrated" else f" ({cause})")
            case LinkChanged(status):
                yield from self._linked(status)
            case CaughtUp():
                yield words.caught_up(event)
            case Skipped(count, reason):
                unreadable = f"{words.plural(count, 'update')} that this version cannot read"
                yield f"skipped: {unreadable} {clean_line(reason)}".rstrip()
            case SignOfLife():
                yield from self._finished_text()

    def end(self, state: BuildState) -> Iterator[str]:
        """What became of the build."""
        yield from self._finished_text()
        at = words.clock(state.ended_at or state.last_event_at)
        yield f"{at} build {words.status_mark(state.status).word}: {facts(state)}"
        for name, text in (("error", state.error), ("summary", state.summary)):
            if text:
                yield f"{at} {name}: {clean_line(text)}"

    def _snapshot(self, state: BuildState, why: str) -> Iterator[str]:
        yield from self._finished_text()
        before = self._state if self._state.id == state.id else BuildState()
        if not before.id:
            self._told.clear()
        self._state = state
        since = f", since {words.clock(state.started_at)}" if state.started_at is not None else ""
        yield f"{words.clock(state.last_event_at)} {headline(state)}{since}{why}"
        yield from self._todos(before, state, None)
        for item in state.items():
            known = before.tool(item.id) if isinstance(item, ToolCall) else before.note(item.id)
            if item != known:
                yield from self._item(known, item, None)

    def _changed(self, state: BuildState, entry: Entry) -> Iterator[str]:
        before, self._state = self._state, state
        for update in entry.updates:
            if not isinstance(update, TextChanged) or update.id != self._growing:
                yield from self._finished_text()
            match update:
                case BuildBegan():
                    yield f"{words.clock(entry.at)} build started: {headline(state)}"
                case ToolChanged(id):
                    yield from self._touched(before, state, (tool_key(id),), entry.at)
                case TextChanged(id):
                    self._growing = id
                case NoticeAdded():
                    yield from self._item(None, state.timeline[len(state.timeline) - 1], entry.at)
                case TodosChanged() | TodoCompleted():
                    yield from self._todos(before, state, entry.at)
                case BuildFinished():
                    yield from self._touched(before, state, map(tool_key, sorted(before.open_tools)), entry.at)
                case AgentChanged() if before.id:
                    yield f"{words.clock(entry.at)} {headline(state)}"
                case PlanChanged(text):
                    yield from self._said("plan", text, entry.at)
                case InputNeededChanged(message) if message:
                    yield f"{words.clock(entry.at)} needs input: {clean_line(message)}"
                case _:
                    pass

    def _touched(self, before: BuildState, state: BuildState, keys: Iterable[str], at: Millis) -> Iterator[str]:
        for key in keys:
            position, old = state.positions.get(key), before.positions.get(key)
            if position is not None:
                yield from self._item(None if old is None else before.timeline[old], state.timeline[position], at)

    def _item(self, before: Item | None, item: Item, at: Millis | None) -> Iterator[str]:
        if isinstance(item, ToolCall):
            known = before if isinstance(before, ToolCall) else None
            if known is None or known.state != item.state or (known.output != item.output):
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
        if tool.ended_at is not None and tool.started_at is not None:
            took = f" ({words.duration(tool.ended_at - tool.started_at)})"
        about = subject(tool, self._state.agent.cwd)
        why = error_line(tool) if tool.state == "error" else ""
        because = f": {why}" if why and why != about.detail else ""
        yield f"{words.clock(when)} tool {words.tool_mark(tool.state).word}: {about}{took}{because}"
        if self._detail == "verbose" and not tool.is_open:
            yield from (f"    {line}" for line in output_text(tool).split("\n") if line.strip())

    def _todos(self, before: BuildState, state: BuildState, at: Millis | None) -> Iterator[str]:
        phases: tuple[Phase, ...] = ("template", "build")
        for phase in phases:
            old = {todo.key: todo for todo in before.list_of(phase)}
            todos = state.list_of(phase)
            name = "template todo" if phase == "template" else "todo"
            for number, todo in enumerate(todos, 1):
                known = old.pop(todo.key, None)
                if known is None or (known.status, known.content) != (todo.status, todo.content):
                    when = at if at is not None else (todo.ended_at or todo.started_at or state.last_event_at)
                    yield f"{words.clock(when)} {name} {number}/{len(todos)} {_todo(todo)}"
            for todo in old.values():
                yield f"{words.clock(at or state.last_event_at)} {name} dropped: {clean_line(todo.content)}"

    def _finished_text(self) -> Iterator[str]:
        """The part not told yet of the text that was growing."""
        position = self._state.positions.get(note_key(self._growing)) if self._growing else None
        self._growing = ""
        if position is not None and isinstance(note := self._state.timeline[position], Note):
            yield from self._note(note)

    def _note(self, note: Note) -> Iterator[str]:
        told = self._told.get(note.id, 0)
        text = note.text[told if told < len(note.text) else 0 :]
        if told == len(note.text) or not text.strip():
            return
        self._told[note.id] = len(note.text)
        if note.kind in {"text", "prompt"} or self._detail == "verbose":
            yield from self._said(_NOTE_WORDS.get(note.kind, note.kind), text, note.at)

    def _said(self, word: str, text: str, at: Millis) -> Iterator[str]:
        if self._detail == "quiet":
            return
        yield f"{words.clock(at)} {word}: {clean_line(text)}"
        if self._detail == "verbose" and len(text) > 500:
            yield from (f"    {line}" for line in clean(text).split("\n") if line.strip())

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
            case "waiting":
                yield "waiting for a build"
            case "live" if trouble:
                yield "link is back"
            case _:
                pass


def headline(state: BuildState) -> str:
    """Project, agent and model, and how far it is."""
    agent = state.agent
    name = agent.project_name or state.project_id
    who = " · ".join(clean_line(part, 80) for part in (agent.agent_id, agent.model) if part)
    parts = (clean_line(name, 80), f"({who})" if who else "", f"{words.status_mark(state.status).word},", facts(state))
    return " ".join(part for part in parts if part)


def facts(state: BuildState) -> str:
    """`6/9 todos, 84 tools, 1 error, 12m04s, $1.12`."""
    done = progress(state)
    parts = [
        f"{done.done}/{done.total} todos" if done.total else "",
        words.plural(state.tool_count, "tool"),
        words.plural(state.error_count, "error"),
        words.duration(elapsed(state, state.last_event_at or 0)) if state.started_at is not None else "",
        *usage_facts(state.usage),
    ]
    return ", ".join(part for part in parts if part)


def usage_facts(usage: Usage) -> list[str]:
    known = [(usage.input_tokens, "in"), (usage.output_tokens, "out")]
    tokens = [f"{words.count(number)} tokens {way}" for number, way in known if number is not None]
    return tokens + ([words.cost(usage.cost_usd)] if usage.cost_usd is not None else [])


def _todo(todo: Todo) -> str:
    took = ""
    if todo.status == "completed" and todo.started_at is not None and todo.ended_at is not None:
        took = f" ({words.duration(todo.ended_at - todo.started_at)})"
    text = todo.active_form if todo.status == "in_progress" and todo.active_form else todo.content
    return f"{words.todo_mark(todo.status).word}: {clean_line(text)}{took}"
