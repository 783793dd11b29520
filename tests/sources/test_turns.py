"""Whether the last turn of a session file has ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.sources.turns import TAIL, TurnEnd, read_turn_end, turn_end

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts"
DONE = TurnEnd("completed")


def said(stop: str | None = None, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "words"}]
    return {"type": "assistant", "message": {"stop_reason": stop, "content": content}, **fields}


def user(content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"content": content}, **fields}


def item(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": "response_item", "payload": {"type": kind, **payload}}


OVER = {"type": "system", "subtype": "turn_duration"}
ASIDE = {"type": "last-prompt"}
INTERRUPTED = user([{"type": "text", "text": "[Request interrupted by user for tool use]"}])


@pytest.mark.parametrize(
    ("agent", "records", "end"),
    [
        ("claude", [said("end_turn")], DONE),
        ("claude", [said("end_turn"), OVER, ASIDE], DONE),
        ("claude", [said(None), OVER], DONE),
        ("claude", [said(None)], None),
        ("claude", [said("tool_use")], None),
        ("claude", [said("end_turn"), user("more")], None),
        ("claude", [said("end_turn"), user("noise", isMeta=True)], DONE),
        ("claude", [said("tool_use"), said("end_turn", isSidechain=True)], None),
        ("claude", [said("tool_use"), INTERRUPTED], TurnEnd("interrupted", "interrupted by the user")),
        ("claude", [said("stop_sequence", isApiErrorMessage=True), OVER], TurnEnd("failed", "words")),
        ("claude", [], None),
        ("codex", [item("message", role="assistant"), item("token_count"), item("task_complete")], DONE),
        ("codex", [item("task_complete"), item("task_started")], None),
        ("codex", [item("function_call"), item("token_count")], None),
        ("codex", [item("message", role="assistant")], DONE),
        ("codex", [item("message", role="user")], None),
        ("codex", [item("error", message="quota"), item("task_complete")], TurnEnd("failed", "quota")),
        ("codex", [item("error", message="slow"), item("task_complete", last_agent_message="done")], DONE),
        ("codex", [item("message", role="assistant"), item("error", message="quota")], TurnEnd("failed", "quota")),
        ("codex", [item("function_call_output"), item("task_complete")], DONE),
        ("codex", [item("turn_aborted", reason="budget")], TurnEnd("interrupted", "turn aborted: budget")),
        ("gemini", [{"type": "gemini", "content": "done"}, {"$set": {}}], DONE),
        ("gemini", [{"type": "gemini", "content": "", "toolCalls": [{}]}], None),
        ("gemini", [{"type": "gemini", "content": "done"}, {"type": "user", "content": "more"}], None),
        ("gemini", [{"type": "error", "content": "boom"}, {"type": "info"}], TurnEnd("failed", "boom")),
    ],
)  # fmt: skip
def test_the_last_records_decide(agent: str, records: list[dict[str, Any]], end: TurnEnd | None) -> None:
    assert turn_end("".join(json.dumps(record) + "\n" for record in records).encode(), agent) == end


@pytest.mark.parametrize("tail", [b'{"type":"assist', b"[1]\n", b"\xff\xfe\n", b'{"type": 3, "message": []}\n'])
def test_what_cannot_be_read_decides_nothing(tail: bytes) -> None:
    assert turn_end(tail, "claude") is None


@pytest.mark.parametrize(
    ("file", "agent", "end"),
    [
        ("claude-session/irr-api-error.jsonl", "claude", "failed"),
        ("claude-session/irr-task-list-2.1.150.jsonl", "claude", "completed"),
        ("claude-session/entire-todowrite-small.jsonl", "claude", None),
        ("codex-rollout/irr-0.130-interrupted.jsonl", "codex", "completed"),
        ("gemini-session/irr-write_todos.jsonl", "gemini", "completed"),
        ("gemini-session/irr-error.jsonl", "gemini", "failed"),
    ],
)
def test_real_files(file: str, agent: str, end: str | None) -> None:
    found = read_turn_end(TRANSCRIPTS / file, agent)
    assert (found and found.outcome) == end


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(said("end_turn")) + "\n" + (json.dumps({"type": "x", "pad": "y" * 1000}) + "\n") * 300)
    assert path.stat().st_size > TAIL
    assert read_turn_end(path, "claude") is None
    assert read_turn_end(tmp_path / "missing", "claude") is None


def test_geminis_one_document(tmp_path: Path) -> None:
    path = tmp_path / "session-1.json"
    messages = [{"type": "user", "content": "go"}, {"type": "gemini", "content": "done"}, {"type": "info"}]
    path.write_text(json.dumps({"messages": messages}, indent=2))
    assert read_turn_end(path, "gemini") == DONE
    path.write_text('{\n "messages": [')
    assert read_turn_end(path, "gemini") is None
