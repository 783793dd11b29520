"""What Codex' hooks tell: Esc, subagents, sessions that are none."""

from itertools import permutations
from typing import Any

import pytest
from msgspec import Raw

from sentryvibe_tui.agents.codex.hooks import HOOKS
from sentryvibe_tui.agents.codex.session import CodexRollout
from sentryvibe_tui.agents.common.hook_reader import HookLines, HookReader
from sentryvibe_tui.model.events import About, ToolEnded, ToolReturned, ToolStarted
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState

THREAD = "01a2f111-0000-7000-8000-000000000001"
CHILD = "01a2f111-0000-7000-8000-000000000002"


def hook(name: str, **more: Any) -> dict[str, Any]:
    path = f"/home/u/.codex/sessions/2026/11/20/rollout-2026-11-20T09-00-00-{THREAD}.jsonl"
    fixed = {"session_id": THREAD, "turn_id": "t1", "transcript_path": path, "cwd": "/srv/shop"}
    return {**fixed, "hook_event_name": name, **more}


def bash(name: str, call: str, **more: Any) -> dict[str, Any]:
    return hook(name, tool_name="Bash", tool_input={"command": "make"}, tool_use_id=call, **more)


def spawn(name: str, **more: Any) -> dict[str, Any]:
    return hook(name, tool_name="spawn_agent", tool_input={"message": "Count"}, tool_use_id="call_s", **more)


SPAWNED = spawn("PostToolUse", tool_response=f'{{"agent_id":"{CHILD}","nickname":"Euler"}}')


def test_esc_ends_the_turn_at_once_and_the_next_prompt_goes_on(fold: Any, run: Any) -> None:
    """No Stop follows an Interrupt."""
    asked = [hook("UserPromptSubmit", prompt="Build it"), bash("PreToolUse", "call_1"), bash("PermissionRequest", "")]
    reports = run(HookLines(HOOKS), *asked, hook("Interrupt"))
    state = fold(reports)
    assert (state.status, state.activity.kind, state.requests) == ("interrupted", "idle", ())
    assert (state.tool("call_1").state, state.open_tools) == ("interrupted", frozenset())
    again = fold(run(HookLines(HOOKS), *asked, hook("Interrupt"), hook("UserPromptSubmit", prompt="Go on")))
    assert [note.text for note in again.notes() if note.kind == "prompt"] == ["Build it", "Go on"]


def test_a_failed_command_is_one_whichever_of_hook_and_file_comes_first(run: Any) -> None:
    """The hook has the command's output and no exit code, the rollout has both."""
    hooks = [bash("PreToolUse", "call_1"), bash("PostToolUse", "call_1", tool_response="no such file\n")]
    end = "Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 1\nOutput:\nno such file\n"
    call = {"type": "function_call", "name": "exec_command", "call_id": "call_1", "arguments": '{"cmd":"make"}'}
    ended = {"type": "function_call_output", "call_id": "call_1", "output": end}
    file = [{"timestamp": "2026-11-20T09:00:00Z", "type": "response_item", "payload": one} for one in (call, ended)]
    by_hook, by_file = ([one.event for one in run(reader, *records)] for reader, records in (
        (HookLines(HOOKS), hooks), (CodexRollout(), file)))  # fmt: skip
    ends = [next(one for one in events if isinstance(one, ToolEnded)) for events in (by_hook, by_file)]
    for first, second in permutations(ends):
        state = BuildState()
        for event in (ToolStarted("call_1", "Bash", Raw(b"{}")), first, second):
            state, _ = reduce(state, event, 1_000, About("shop", "s", "s"))
        found = state.tool("call_1")
        assert found is not None
        assert (found.state, found.output, state.error_count) == ("error", ends[1].output, 1)


def test_an_end_without_an_outcome_still_tells_of_which_subagent_the_call_is() -> None:
    state = BuildState()
    for event in (ToolEnded("c", Raw(b'"bad"'), True, "Bash"), ToolReturned("c", Raw(b'"x"'), parent_id="call_s")):
        state, _ = reduce(state, event, 1_000, About("shop", "s", "s"))
    found = state.tool("c")
    assert found is not None
    assert (found.state, found.output, found.parent_id) == ("error", Raw(b'"bad"'), "call_s")


@pytest.mark.parametrize(("last", "outcome"), [("Interrupt", "interrupted"), ("Stop", "completed")])
def test_the_end_of_a_session_keeps_the_outcome_of_its_last_turn(fold: Any, run: Any, last: str, outcome: str) -> None:
    ended = run(HookLines(HOOKS), hook("UserPromptSubmit", prompt="Build it"), hook(last), hook("SessionEnd"))
    assert (fold(ended).status, fold(ended).activity.kind) == (outcome, "ended")


def test_a_session_that_ends_before_it_began_anything_is_no_build() -> None:
    """Codex' daemon ends threads that were only opened."""
    assert HookReader(HOOKS).read(hook("SessionEnd", reason="other")) == []


@pytest.mark.parametrize(("place", "path", "is_build"), [("/home/u/.codex/memories", None, False),
                                                         ("/srv/memories", "/home/u/.codex/r.jsonl", True),
                                                         ("/srv/shop", None, True)])  # fmt: skip
def test_the_memory_writer_is_no_build(place: str, path: str | None, is_build: bool) -> None:
    payload = hook("UserPromptSubmit", prompt="Write memories.", cwd=place, transcript_path=path)
    assert bool(HookReader(HOOKS).read(payload)) is is_build


def test_a_subagent_works_in_the_background_under_its_call(fold: Any, run: Any) -> None:
    told = [
        hook("UserPromptSubmit", prompt="Count the tests"), spawn("PreToolUse"), SPAWNED,
        hook("SubagentStart", agent_id=CHILD), hook("Stop"),
        bash("PreToolUse", "call_c", agent_id=CHILD), bash("PostToolUse", "call_c", agent_id=CHILD, tool_response="12"),
    ]  # fmt: skip
    state = fold(run(HookLines(HOOKS), *told))
    assert (state.status, state.activity.kind, state.tool("call_c").parent_id) == (
        "active",
        "waiting-machine",
        "call_s",
    )
    assert [note.text for note in state.notes()] == ["Count the tests"]
    over = fold(run(HookLines(HOOKS), *told, hook("SubagentStop", agent_id=CHILD, last_assistant_message="Twelve.")))
    assert (over.status, over.activity.kind) == ("completed", "idle")
    assert bytes(over.tool("call_s").output) == b'"Twelve."'
