"""An invented build for `sentryvibe-tui demo`: the script as an agent would report it. Pure: the seed decides all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Literal

from msgspec import Struct

from ...model.events import BuildEvent, BuildStarted, TextAdded, TodosReported, ToolEnded, ToolStarted, UsageReported
from ...model.facts import AgentReported, BuildEnded, CodexReported, PlanReported, SummaryReported, TodoItem
from ...model.state import Agent, NoteKind, Phase, TodoStatus, Usage
from ...wire.json import raw
from . import beats
from . import script as story
from .beats import Beat

DemoAgent = Literal["claude", "codex"]
DURATION_MS = 75_000
"""About how long a demo lasts at speed 1."""


class TimedEvent(Struct, frozen=True):
    """`event` happens `delay_ms` after the one before."""

    delay_ms: int
    event: BuildEvent


def demo_build(agent: DemoAgent, seed: int) -> Iterator[TimedEvent]:
    """A whole build from its start to its end, some 75 seconds long."""
    steps = list(_Telling(agent, Random(seed)).steps())
    scale = DURATION_MS / sum(step.delay_ms for step in steps)
    return (TimedEvent(round(step.delay_ms * scale), step.event) for step in steps)


class _Telling:
    """Tells the script in one agent's manner: its tool names, its inputs, its way to report."""

    def __init__(self, agent: DemoAgent, random: Random) -> None:
        self._agent: DemoAgent = agent
        self._random = random
        self._calls = 0
        self._notes = 0
        self._tokens = [0, 0, 0]

    def steps(self) -> Iterator[TimedEvent]:
        yield TimedEvent(0, BuildStarted())
        yield TimedEvent(100, AgentReported(self._about()))
        if self._agent == "codex":
            yield TimedEvent(50, CodexReported(raw({"threadId": f"019a{self._random.getrandbits(48):012x}"})))
        yield TimedEvent(
            100, TextAdded("prompt", f"{story.TITLE}: rides, riders, a limit for each ride.", "prompt", whole=True)
        )
        for beat in story.script():
            yield from self._beat(beat)
        yield TimedEvent(300, SummaryReported(story.SUMMARY))
        yield from self._codex_phases("summary", 1, 1)
        yield TimedEvent(400, BuildEnded("completed", summary=story.SUMMARY))

    def _about(self) -> Agent:
        agent_id, model, version = (
            ("claude-code", "claude-sonnet-4-5", "2.1.98")
            if self._agent == "claude"
            else ("openai-codex", "gpt-5-codex", "0.147.0")
        )
        return Agent(agent_id, model, story.PROJECT, "initial-build", story.TITLE, story.CWD, version, "main")

    def _beat(self, beat: Beat) -> Iterator[TimedEvent]:
        match beat:
            case beats.Say(text):
                yield from self._words(text, "text")
                yield self._usage()
            case beats.Think(text):
                yield from self._words(text, "reasoning")
            case beats.Plan(text):
                yield TimedEvent(300, PlanReported(text))
            case beats.Template(done):
                yield TimedEvent(500, _todos(story.TEMPLATE, done, "template", self._next_id()))
                yield from self._codex_phases("template", done, len(story.TEMPLATE))
            case beats.PlannedTodo(done):
                yield TimedEvent(600, _todos(story.TODOS, done, "build", self._next_id()))
                yield from self._codex_phases("execution", done, len(story.TODOS))
            case beats.Both(calls):
                yield from self._parallel(calls)
            case beats.Delegate():
                yield from self._delegated(beat)
            case _:
                yield from self._called(beat)

    # ----------------------------------------------------------------- text

    def _words(self, text: str, kind: NoteKind) -> Iterator[TimedEvent]:
        """Text as a model streams it: a few words at a time."""
        self._notes += 1
        words = text.split(" ")
        delay = 500
        while words:
            piece_length = self._random.randint(1, 4)
            piece = " ".join(words[:piece_length]) + (" " if len(words) > piece_length else "")
            yield TimedEvent(delay, TextAdded(f"note-{self._notes}", piece, kind))
            words, delay = words[piece_length:], self._random.randint(40, 110)

    def _usage(self) -> TimedEvent:
        self._tokens[0] += self._random.randint(2_000, 6_000)
        self._tokens[1] += self._random.randint(700, 1_900)
        self._tokens[2] += self._random.randint(18_000, 44_000)
        fresh, out, cached = self._tokens
        cost = round(fresh * 3e-6 + out * 15e-6 + cached * 3e-7, 4)
        return TimedEvent(
            80, UsageReported(Usage(fresh + cached, out, cached, cost, round(min(88.0, cached / 7_000), 1)))
        )

    # ----------------------------------------------------------------- tools

    def _called(self, beat: Beat, parent: str = "") -> Iterator[TimedEvent]:
        call = self._call(beat, parent)
        yield TimedEvent(self._pause(), call.start)
        yield TimedEvent(call.ms, call.end)
        if not parent and self._calls % 3 == 0:
            yield self._usage()

    def _parallel(self, together: Iterable[Beat]) -> Iterator[TimedEvent]:
        calls = [self._call(beat, "") for beat in together]
        for number, call in enumerate(calls):
            yield TimedEvent(self._pause() if number == 0 else 60, call.start)
        passed = 0
        for call in sorted(calls, key=lambda call: call.ms):
            yield TimedEvent(call.ms - passed, call.end)
            passed = call.ms

    def _delegated(self, beat: beats.Delegate) -> Iterator[TimedEvent]:
        name = "Task" if self._agent == "claude" else "spawn_agent"
        call_id = self._next_id()
        given = {"description": beat.about, "prompt": beat.prompt, "subagent_type": "Explore"}
        yield TimedEvent(self._pause(), ToolStarted(call_id, name, raw(given)))
        for work in beat.work:
            yield from self._called(work, call_id)
        yield TimedEvent(700, ToolEnded(call_id, raw(beat.answer)))

    def _call(self, beat: Beat, parent: str) -> _Call:
        name, arguments, output, ms = _as_claude(beat) if self._agent == "claude" else _as_codex(beat)
        failed = isinstance(beat, beats.ShellRun) and beat.code != 0
        call_id = self._next_id()
        start = ToolStarted(call_id, name, raw(arguments), parent_id=parent)
        return _Call(start, ToolEnded(call_id, raw(output), failed), round(ms * self._random.uniform(0.8, 1.3)))

    def _next_id(self) -> str:
        self._calls += 1
        prefix = "toolu" if self._agent == "claude" else "item"
        return f"{prefix}_{self._calls:02d}{self._random.getrandbits(32):08x}"

    def _pause(self) -> int:
        return self._random.randint(180, 620)

    # ----------------------------------------------------------------- codex

    def _codex_phases(self, current: str, done: int, total: int) -> Iterator[TimedEvent]:
        if self._agent == "codex":
            yield TimedEvent(20, CodexReported(raw({"phases": _phases(current, done == total)})))


class _Call(Struct, frozen=True):
    start: ToolStarted
    end: ToolEnded
    ms: int


def _todos(words: tuple[tuple[str, str], ...], done: int, phase: Phase, call_id: str) -> TodosReported:
    def status(index: int) -> TodoStatus:
        return "completed" if index < done else "in_progress" if index == done else "pending"

    items = (TodoItem(content, status(index), active) for index, (content, active) in enumerate(words))
    return TodosReported(tuple(items), phase, call_id)


def _phases(current: str, over: bool) -> list[dict[str, str]]:
    names = (
        ("template", "Template", "Choose and fetch a template"),
        ("execution", "Work", "Carry out the plan"),
        ("summary", "Summary", "Tell what was built"),
    )
    place = [key for key, _, _ in names].index(current) + over

    def status(index: int) -> str:
        return "completed" if index < place else "active" if index == place else "pending"

    return [
        {"id": key, "title": title, "description": about, "status": status(index)}
        for index, (key, title, about) in enumerate(names)
    ]


_CallRecord = tuple[str, dict[str, object], object, int]
"""Name, input, output and duration in milliseconds of a call."""


def _as_claude(beat: Beat) -> _CallRecord:
    match beat:
        case beats.Read(path, content):
            return "Read", {"file_path": f"{story.CWD}/{path}"}, content, 220
        case beats.Edit(path, old, new):
            given: dict[str, object] = {"file_path": f"{story.CWD}/{path}", "old_string": old, "new_string": new}
            return "Edit", given, f"The file {path} was updated.", 450
        case beats.Write(path, content):
            return "Write", {"file_path": f"{story.CWD}/{path}", "content": content}, f"File created: {path}", 500
        case beats.ShellRun(command, about, output, ms, _):
            return "Bash", {"command": command, "description": about}, output, ms
        case beats.Grep(pattern, path, found):
            return "Grep", {"pattern": pattern, "path": path}, found, 250
        case beats.Glob(pattern, found):
            return "Glob", {"pattern": pattern}, found, 200
        case beats.Fetch(url, question, answer):
            return "WebFetch", {"url": url, "prompt": question}, answer, 1500
        case beats.Mcp(server, tool, query, answer):
            return f"mcp__{server}__{tool}", {"query": query}, answer, 1100
        case _:
            raise TypeError(f"no tool call: {beat!r}")


def _as_codex(beat: Beat) -> _CallRecord:
    match beat:
        case beats.Read(path, content):
            return _shell(f"sed -n '1,200p' {path}", content, 220)
        case beats.Edit(path, _, _):
            return "file_change", {"changes": [{"path": path, "kind": "update"}]}, "completed", 450
        case beats.Write(path, _):
            return "file_change", {"changes": [{"path": path, "kind": "add"}]}, "completed", 500
        case beats.ShellRun(command, _, output, ms, code):
            return _shell(command, output if code == 0 else f"{output}\nexit code {code}", ms)
        case beats.Grep(pattern, path, found):
            return _shell(f"rg -n '{pattern}' {path}", found, 250)
        case beats.Glob(pattern, found):
            return _shell(f"rg --files -g '{pattern}'", found, 200)
        case beats.Fetch(url, question, answer):
            return "web_search", {"query": f"{question} {url}"}, answer, 1500
        case _:
            return _as_claude(beat)


def _shell(command: str, output: str, ms: int) -> _CallRecord:
    return "command_execution", {"command": f'bash -lc "{command}"'}, output, ms
