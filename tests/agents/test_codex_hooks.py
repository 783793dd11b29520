"""What Codex' hooks tell: Esc, subagents, sessions that are none."""

from typing import Any

import pytest

from sentryvibe_tui.agents.codex.hooks import HOOKS
from sentryvibe_tui.agents.common.hook_payloads import HookLines, HookReader

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
