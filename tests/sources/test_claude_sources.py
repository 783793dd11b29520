"""Whatever tells of a session of Claude Code - its file, the register, its hooks - and in whatever order it comes, the
build says the same, and each fact once."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentryvibe_tui.agents.claude.hooks import HOOKS
from sentryvibe_tui.agents.common.hook_reader import HookReader
from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.model.activity import PROCESS_GONE, ActivityKind
from sentryvibe_tui.model.events import About, ActivityReported, BuildEvent
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState, Note
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.sources.follow.witnesses import GRACE
from sentryvibe_tui.wire.projects import project_named

ID = "7d3f0a52-8c1b-4e2e-9a7f-0a1b2c3d4e5f"
START = 1_800_000_000_000
ABOUT = About("shop", ID, ID)
SOURCES = ("file", "registry", "hook")
SUBSETS = [("file",), ("hook",), ("file", "registry"), ("file", "hook"), SOURCES]
"""What the register says joins builds of files that are followed."""


class Happening(NamedTuple):
    """What a source has to tell: a record, a payload, or what the register says. `at`: epoch milliseconds."""

    source: str
    at: int
    tells: Any


class Story:
    """A session as it goes on, with what every source tells of it, a second between two steps."""

    def __init__(self) -> None:
        self.told: list[Happening] = []
        self.t = START
        self.calls = self.prompts = 0
        self.background: list[str] = []
        self.is_busy = False

    def play(self, steps: list[str]) -> "Story":
        for step in steps:
            self.t += 1000
            getattr(self, step)()
        return self

    def prompt(self) -> None:
        self.prompts += 1
        self.is_busy = True
        words = f"please help {self.prompts}"
        self._hook("UserPromptSubmit", prompt=words)
        self._registry("working", 100)
        self._file("user", words, 150)

    def call(self) -> None:
        self._begin("Bash", {"command": f"make {self.calls}"})
        self._answer()

    def running(self) -> None:
        self._begin("Bash", {"command": f"make {self.calls}"})

    def asked(self) -> None:
        given = {"command": f"rm {self.calls}"}
        self._begin("Bash", given)
        self._hook("PermissionRequest", 300, tool_name="Bash", tool_input=given)
        self._registry("waiting-person", 350, "permission prompt")

    def allowed(self) -> None:
        self.asked()
        self.t += 1000
        self._registry("working", 80)
        self._answer()

    def in_background(self) -> None:
        self._begin("Bash", {"command": "sleep 12", "run_in_background": True})
        self.background.append(f"task{self.calls}")
        self._answer({"stdout": "", "stderr": "", "backgroundTaskId": self.background[-1]})

    def end(self) -> None:
        self.is_busy = False
        tasks = [{"id": task, "type": "shell", "status": "running"} for task in self.background]
        self._file("assistant", [{"type": "text", "text": f"done {self.t}"}], 100, stop_reason="end_turn")
        self._hook("Stop", 150, last_assistant_message=f"done {self.t}", background_tasks=tasks, session_crons=[])
        self._registry("waiting-machine" if tasks else "idle", 250)

    def notice(self) -> None:
        """A task ends, and the agent goes on by itself."""
        task = self.background.pop(0)
        words = (
            f"<task-notification><task-id>{task}</task-id><status>completed</status><summary>ok</summary>"
            "</task-notification>"
        )
        self.is_busy = True
        self._hook("UserPromptSubmit", 30, prompt=words)
        self._registry("working", 60)
        self._file("user", words, 120)
        self.t += 1000
        self.end()

    def esc(self) -> None:
        self.is_busy = False
        self._registry("idle", 150)
        self._file("user", [{"type": "text", "text": "[Request interrupted by user]"}], 250)

    def leave(self) -> None:
        self._hook("SessionEnd", 40, reason="prompt_input_exit")
        self._end("the session was closed", 60)

    def kill(self) -> None:
        self._end(PROCESS_GONE, 900)

    # ------------------------------------------------------------------- sources

    def _begin(self, name: str, given: dict[str, Any]) -> None:
        self.calls += 1
        self._given = given
        block = {"type": "tool_use", "id": f"t{self.calls}", "name": name, "input": given}
        self._hook("PreToolUse", 100, tool_name=name, tool_input=given, tool_use_id=f"t{self.calls}")
        self._file("assistant", [block], 90, stop_reason="tool_use")

    def _answer(self, response: dict[str, Any] | None = None) -> None:
        block = {"type": "tool_result", "tool_use_id": f"t{self.calls}", "content": "ok"}
        answered = {"tool_name": "Bash", "tool_input": self._given, "tool_use_id": f"t{self.calls}"}
        self._hook("PostToolUse", 500, tool_response=response or {"stdout": "ok"}, **answered)
        self._file("user", [block], 510, toolUseResult=response or {"stdout": "ok"})

    def _hook(self, name: str, after: int = 20, **fields: Any) -> None:
        payload = {"hook_event_name": name, "session_id": ID, "cwd": "/w/shop", **fields}
        self.told.append(Happening("hook", self.t + after, payload))

    def _registry(self, kind: ActivityKind, after: int, what: str = "") -> None:
        event = ActivityReported(kind, what, source="registry")
        self.told.append(Happening("registry", self.t + after, event))

    def _end(self, error: str, after: int) -> None:
        event = BuildEnded("interrupted", error=error, source="registry")
        self.told.append(Happening("registry", self.t + after, event))

    def _file(self, kind: str, content: object, after: int, **message: Any) -> None:
        result = {"toolUseResult": message.pop("toolUseResult")} if "toolUseResult" in message else {}
        number = len(self.told)
        record = {
            "type": kind, "uuid": f"u{number}", "sessionId": ID, "cwd": "/w/shop",
            "timestamp": f"{_clock(self.t + after)}",
            "message": {"id": f"m{number}", "content": content, **message},
        }  # fmt: skip
        self.told.append(Happening("file", self.t + after, record | result))


def _clock(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Joined:
    """The build that the sources make together, by the real readers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{ID}.jsonl"
        self.path.touch()
        session = Session("claude", self.path, ID, "/w/shop", START / 1000)
        self.following, self.hooks = SessionReader(session, project_named("shop")), HookReader(HOOKS)
        self.state, self.ids = BuildState(), set[str | None]()

    def take(self, happening: Happening) -> None:
        for event, at, ident in self._events(happening):
            if ident is None or ident not in self.ids:
                self.ids.add(ident)
                self.state, _ = reduce(self.state, event, at, ABOUT)

    def _events(self, happening: Happening) -> Iterator[tuple[BuildEvent, int, str | None]]:
        if happening.source == "registry":
            yield happening.tells, happening.at, None
        elif happening.source == "hook":
            if self.state.id and not self.hooks.knows(ID):
                self.hooks.resume(ID, self.state)
            for report in self.hooks.read(happening.tells):
                yield report.event, happening.at, None
        else:
            with self.path.open("a") as file:
                file.write(json.dumps(happening.tells) + "\n")
            os.utime(self.path, (happening.at / 1000,) * 2)
            posted, _ = self.following.pull(happening.at / 1000)
            for one in posted:
                yield one.event, one.at or happening.at, one.event_id


TURN = st.lists(st.sampled_from(["call", "allowed", "in_background"]), max_size=3).map(lambda calls: ["prompt", *calls])
OVER = st.sampled_from([["end"], ["esc"]])
LAST = st.sampled_from([[], ["running"], ["asked"], ["end"], ["esc"], ["running", "esc"], ["asked", "esc"], ["kill"],
                        ["running", "kill"], ["asked", "kill"], ["end", "leave"], ["end", "kill"]])  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> list[str]:
    steps: list[str] = []
    running = 0
    for turn, over in draw(st.lists(st.tuples(TURN, OVER), max_size=2)):
        steps += [*turn, *over]
        running += turn.count("in_background")
        while running and over == ["end"] and draw(st.booleans()):
            steps.append("notice")
            running -= 1
    last = draw(TURN)
    running += last.count("in_background")
    ending = draw(LAST)
    steps += [*last, *ending]
    while running and ending == ["end"] and draw(st.booleans()):
        steps.append("notice")
        running -= 1
    return steps


def interleaved(told: list[Happening], sources: tuple[str, ...], draw: Any) -> list[Happening]:
    """Each source in its own order; what they tell may come much later than it happened.

    One thing is sure: `follow` reads a session's file before it passes on what the register says (`GRACE`).
    """
    waiting = {source: [one for one in told if one.source == source] for source in sources}
    found: list[Happening] = []
    while left := [source for source, listed in waiting.items() if listed]:
        if "registry" in left and "file" in left and waiting["file"][0].at <= waiting["registry"][0].at + GRACE:
            left.remove("registry")
        found.append(waiting[draw(st.sampled_from(left))].pop(0))
    return found


def right(steps: list[str], story: Story, sources: tuple[str, ...]) -> tuple[set[str], bool]:
    """The states that do not contradict what happened, as far as these sources know of it, and whether it waits."""
    last = steps[-1]
    if last == "kill" and "registry" in sources:
        return ({"completed"} if "end" in steps[-2:] and not story.background else {"interrupted", "completed"}), False
    if last == "leave" and sources != ("file",):
        return {"completed", "interrupted"} if story.background else {"completed"}, False
    if last == "esc":
        if sources == ("hook",):
            return {"active"}, "asked" in steps[-2:]
        return {"active"} if story.background else {"interrupted"}, False
    if last in ("end", "notice", "leave", "kill") and not story.is_busy:
        return ({"active"} if story.background else {"completed"}), False
    return {"active"}, "asked" in steps[-2:] and sources != ("file",)


@settings(max_examples=100, deadline=None, report_multiple_bugs=False, suppress_health_check=[HealthCheck.too_slow])
@given(steps=stories(), sources=st.sampled_from(SUBSETS), data=st.data())
def test_no_source_contradicts_another(steps: list[str], sources: tuple[str, ...], data: st.DataObject) -> None:
    story = Story().play(steps)
    with tempfile.TemporaryDirectory() as folder:
        joined = Joined(Path(folder))
        for happening in interleaved(story.told, sources, data.draw):
            joined.take(happening)
    state = joined.state
    statuses, waits = right(steps, story, sources)
    assert state.status in statuses, state.activity
    assert bool(state.requests) == waits
    assert len([*state.tools()]) == story.calls
    prompts = [note for note in state.timeline if isinstance(note, Note) and note.kind == "prompt"]
    assert len(prompts) == story.prompts


@pytest.mark.parametrize("sources", SUBSETS)
@pytest.mark.parametrize(
    "steps",
    [
        ["prompt", "allowed", "end"],
        ["prompt", "in_background", "end", "notice", "prompt", "call", "end"],
        ["prompt", "asked", "esc", "prompt", "end", "leave"],
        ["prompt", "running", "kill"],
        ["prompt", "in_background", "asked", "esc"],
    ],
)
def test_at_every_step_what_came_as_it_happened_is_right(
    sources: tuple[str, ...], steps: list[str], tmp_path: Path
) -> None:
    joined, story, number = Joined(tmp_path), Story(), 0
    for at in range(len(steps)):
        story.play([steps[at]])
        for happening in sorted(story.told[number:], key=lambda one: one.at):
            if happening.source in sources:
                joined.take(happening)
        number = len(story.told)
        statuses, waits = right(steps[: at + 1], story, sources)
        assert (joined.state.status in statuses, bool(joined.state.requests)) == (True, waits), steps[: at + 1]
