"""What runs on after a turn of Codex: commands that have yielded or were interrupted, and subagents."""

import json
from typing import Any

import pytest

from sentryvibe_tui.agents.codex.session import CodexRollout
from sentryvibe_tui.model.events import ToolEnded

THREAD, CHILD = "01a2f000-0000-7000-8000-000000000077", "01a2f000-0000-7000-8000-000000000088"
META = {"id": THREAD, "timestamp": "2026-11-20T09:00:00.000Z", "cwd": "/w", "cli_version": "0.171.0"}
Json = dict[str, Any]


class Rollout:
    """Records a second apart."""

    def __init__(self, history: str = "paginated") -> None:
        self.records: list[Json] = []
        self.add("session_meta", META | ({"history_mode": history} if history else {}))
        self.event("task_started", turn_id="01a2f000-0001-7000-8000-000000000001")

    def add(self, kind: str, payload: Json) -> None:
        at = f"2026-11-20T09:00:{len(self.records):02}.000Z"
        self.records.append({"timestamp": at, "type": kind, "payload": payload})

    def event(self, kind: str, **more: Any) -> None:
        self.add("event_msg", {"type": kind, **more})

    def calls(self, name: str, call: str = "call_1", given: str = '{"cmd":"npm run dev"}') -> None:
        self.add("response_item", {"type": "function_call", "name": name, "arguments": given, "call_id": call})

    def answers(self, output: str, call: str = "call_1") -> None:
        self.add("response_item", {"type": "function_call_output", "call_id": call, "output": output})

    def says(self, role: str, words: str) -> None:
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": words}]
        self.add("response_item", {"type": "message", "role": role, "content": content})

    def command_ended(self, status: str = "completed", call: str = "call_1", output: str = "done\n") -> None:
        item = {"type": "CommandExecution", "id": call, "status": status, "aggregated_output": output}
        self.event("item_completed", item=item)

    def over(self, words: str = "It runs.") -> None:
        self.event("task_complete", last_agent_message=words)


RUNNING = "Chunk ID: 91322e\nWall time: 1.0043 seconds\nProcess running with session ID 96751\nOutput:\n"
ABORTED = "Wall time: 3.9 seconds\naborted by user"


@pytest.fixture
def rollout() -> Rollout:
    return Rollout()


@pytest.mark.parametrize(("status", "state"), [("completed", "output-available"), ("failed", "error")])
def test_a_command_that_has_yielded_keeps_the_build_until_it_ends(
    fold: Any, run: Any, rollout: Rollout, status: str, state: str
) -> None:
    rollout.calls("exec_command")
    rollout.answers(RUNNING)
    rollout.over()
    waits = fold(run(CodexRollout(), *rollout.records))
    assert (waits.status, waits.activity.kind) == ("active", "waiting-machine")
    assert "npm run dev" in waits.activity.what
    rollout.command_ended(status)
    over = fold(run(CodexRollout(), *rollout.records))
    assert (over.status, over.summary, over.activity.kind, over.tool("call_1").state) == (
        "completed", "It runs.", "idle", state,
    )  # fmt: skip
    assert bytes(over.tool("call_1").output) == b'"done\\n"'


def test_a_look_at_a_running_command_is_over_when_it_has_answered(fold: Any, rollout: Rollout) -> None:
    rollout.calls("exec_command")
    rollout.answers(RUNNING)
    rollout.calls("write_stdin", "call_2", '{"session_id":96751}')
    rollout.answers(RUNNING, "call_2")
    assert fold(CodexRollout().feed(_lines(rollout.records[:-1]))).open_tools == {"call_1", "call_2"}
    assert fold(CodexRollout().feed(_lines(rollout.records))).open_tools == {"call_1"}


@pytest.mark.parametrize("history", ["", "legacy"])
def test_where_ends_of_commands_are_not_told_a_yield_is_one(fold: Any, run: Any, history: str) -> None:
    rollout = Rollout(history)
    rollout.calls("exec_command")
    rollout.answers(RUNNING)
    rollout.over()
    assert fold(run(CodexRollout(), *rollout.records)).status == "completed"


def test_an_interrupted_command_that_ran_on_tells_its_end(fold: Any, run: Any, rollout: Rollout) -> None:
    rollout.calls("exec_command")
    rollout.answers(ABORTED)
    rollout.event("turn_aborted", reason="interrupted")
    stopped = fold(run(CodexRollout(), *rollout.records))
    assert (stopped.status, stopped.tool("call_1").state) == ("interrupted", "error")
    rollout.command_ended()
    over = fold(run(CodexRollout(), *rollout.records))
    assert (over.status, over.tool("call_1").state) == ("interrupted", "output-available")


def test_commands_of_a_person_are_no_calls(run: Any, rollout: Rollout) -> None:
    rollout.command_ended(call="user-shell-1")
    assert not [report for report in run(CodexRollout(), *rollout.records) if isinstance(report.event, ToolEnded)]


def spawned(rollout: Rollout) -> None:
    rollout.says("user", "Count the tests")
    rollout.calls("spawn_agent", given='{"message":"Count"}')
    rollout.answers(f'{{"agent_id":"{CHILD}","nickname":"Euler"}}')


NOTIFIED = f'<subagent_notification>\n{{"agent_path":"{CHILD}","status":{{"%s":"Twelve."}}}}\n</subagent_notification>'


@pytest.mark.parametrize(("kind", "state"), [("completed", "output-available"), ("errored", "error")])
def test_a_subagent_works_on_until_the_notification(
    fold: Any, run: Any, rollout: Rollout, kind: str, state: str
) -> None:
    """The notification stands in a person's place, and is no prompt: it reopens nothing."""
    spawned(rollout)
    rollout.over("It counts.")
    waits = fold(run(CodexRollout(), *rollout.records))
    assert (waits.status, waits.activity.kind) == ("active", "waiting-machine")
    rollout.says("user", NOTIFIED % kind)
    over = fold(run(CodexRollout(), *rollout.records))
    assert (over.status, over.activity.kind, over.tool("call_1").state) == ("completed", "idle", state)
    assert [note.text for note in over.notes() if note.kind == "prompt"] == ["Count the tests"]


def test_what_a_subagent_does_and_says_after_the_turn_is_no_new_turn(fold: Any, rollout: Rollout) -> None:
    spawned(rollout)
    rollout.over("It counts.")
    own = CodexRollout()
    reports = [*own.feed(_lines(rollout.records)), *own.finish()]
    child = Rollout()
    child.records[0]["payload"] = META | {"id": CHILD, "history_mode": "paginated"}
    child.records += [{"timestamp": "2026-11-20T09:00:59.000Z"}] * 20
    child.calls("exec_command", "call_c", '{"cmd":"ls"}')
    child.answers("Process exited with code 0\nOutput:\n12", "call_c")
    child.says("assistant", "Twelve.")
    seen = [*reports, *CodexRollout("call_1").feed(_lines(child.records))]
    waits = fold(seen)
    assert (waits.status, waits.activity.kind, waits.tool("call_c").parent_id) == (
        "active",
        "waiting-machine",
        "call_1",
    )
    assert [note.text for note in waits.notes() if note.kind == "text"] == ["Twelve."]
    rollout.says("user", NOTIFIED % "completed")
    rollout.records[-1]["timestamp"] = "2026-11-20T09:00:59.900Z"
    over = fold([*seen, *own.feed(_lines(rollout.records[-1:]))])
    assert (over.status, over.summary, over.activity.kind) == ("completed", "It counts.", "idle")


@pytest.mark.parametrize(("answer", "is_over"), [
    (f'{{"status":{{"{CHILD}":{{"completed":"Twelve."}}}},"timed_out":false}}', True),
    (f'{{"status":{{"{CHILD}":"shutdown"}}}}', True),
    (f'{{"status":{{"{CHILD}":"running"}},"timed_out":true}}', False),
    ('{"status":[],"timed_out":true}', False), ("odd", False),
])  # fmt: skip
def test_a_wait_tells_how_a_subagent_stands(fold: Any, rollout: Rollout, answer: str, is_over: bool) -> None:
    spawned(rollout)
    rollout.calls("wait_agent", "call_2", "{}")
    rollout.answers(answer, "call_2")
    assert (fold(CodexRollout().feed(_lines(rollout.records))).open_tools == frozenset()) is is_over


def test_the_end_is_told_once(run: Any, rollout: Rollout) -> None:
    spawned(rollout)
    rollout.calls("wait_agent", "call_2", "{}")
    rollout.answers(f'{{"status":{{"{CHILD}":{{"completed":"Twelve."}}}}}}', "call_2")
    rollout.says("user", NOTIFIED % "completed")
    ends = [one.event for one in run(CodexRollout(), *rollout.records) if isinstance(one.event, ToolEnded)]
    assert [end.id for end in ends] == ["call_1", "call_2"]


def _lines(records: list[Json]) -> bytes:

    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
