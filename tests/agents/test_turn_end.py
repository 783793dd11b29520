"""When a turn is over, and how: one rule for whoever reads a session, at once or as it grows."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.turn_end import TurnEnd
from sentryvibe_tui.agents.detect import new_reader

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts"
DONE = TurnEnd("completed")
LOOKS_DONE = TurnEnd("completed", certain=False)
FORMATS = {"claude": "claude-session", "codex": "codex-rollout", "gemini": "gemini-session"}


def said(stop: str | None = None, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "words"}]
    return {"type": "assistant", "message": {"stop_reason": stop, "content": content}, "sessionId": "s", **fields}


def user(content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"content": content}, "sessionId": "s", **fields}


def called(tool_id: str = "t1", **fields: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": tool_id, "name": "Bash", "input": {"command": "make"}}
    return {"type": "assistant", "message": {"stop_reason": "tool_use", "content": [block]}, "sessionId": "s", **fields}


def piece(kind: str, version: str = "") -> dict[str, Any]:
    """Of one message that has no reason why it stopped."""
    block = {"type": kind, "text": "words", "id": "t1", "name": "Bash", "input": {}}
    message = {"id": "m1", "stop_reason": None, "content": [block]}
    return {"type": "assistant", "message": message, "sessionId": "s"} | ({"version": version} if version else {})


def returned(tool_id: str = "t1", **result: Any) -> dict[str, Any]:
    return user([{"type": "tool_result", "tool_use_id": tool_id, "content": "a"}], toolUseResult=result)


def local(command: str) -> dict[str, Any]:
    name = command.lstrip("/")
    return user(
        f"<command-name>{command}</command-name>\n<command-message>{name}</command-message>\n<command-args></command-args>"
    )


def item(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": "response_item", "payload": {"type": kind, **payload}}


REFUSED = json.dumps({"type": "error", "error": {"message": "quota"}})
"""What an API said of a request."""


def message(role: str, words: str = "words") -> dict[str, Any]:
    return item("message", role=role, content=[{"type": "input_text", "text": words}])


def event(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": "event_msg", "payload": {"type": kind, **payload}}


OVER = {"type": "system", "subtype": "turn_duration", "sessionId": "s"}
HOOKED = {"type": "system", "subtype": "stop_hook_summary", "sessionId": "s"}
ASIDE = {"type": "last-prompt", "sessionId": "s"}
INTERRUPTED = user([{"type": "text", "text": "[Request interrupted by user for tool use]"}])
STOPPED = TurnEnd("interrupted", "interrupted by the user")
OUTPUT = user("<local-command-stdout>Bye!</local-command-stdout>")
SUMMARY = user("This session is being continued", isCompactSummary=True, isVisibleInTranscriptOnly=True)
LIMIT = said("stop_sequence", isApiErrorMessage=True)
STARTED, COMPLETE = event("task_started"), event("task_complete", last_agent_message=None)
ANSWERED = event("task_complete", last_agent_message="a")
REVIEW = user("<command-message>review</command-message>\n<command-name>/review</command-name>")
CANCEL = {"id": "m", "type": "info", "content": "Request cancelled."}
CANCELLED = TurnEnd("interrupted", "cancelled by the user")
HELPED = "<subagent_notification>\n{}\n</subagent_notification>"


def gemini(kind: str, content: Any = "", **fields: Any) -> dict[str, Any]:
    return {"id": "m", "type": kind, "content": content, **fields}


@pytest.mark.parametrize(
    ("agent", "records", "end"),
    [
        ("claude", [said("end_turn")], DONE),
        ("claude", [said("end_turn"), OVER, ASIDE], DONE),
        ("claude", [said(None), OVER], DONE),
        ("claude", [said(None), HOOKED], LOOKS_DONE),
        ("claude", [said(None)], LOOKS_DONE),
        ("claude", [said(None, version="2.1.37")], LOOKS_DONE),
        ("claude", [said(None, version="2.1.38")], None),
        ("claude", [said(None, version="2.1.38"), OVER], DONE),
        ("claude", [user("go"), piece("thinking"), piece("text")], None),
        ("claude", [user("go"), piece("thinking", "1.0.71"), piece("text", "1.0.71")], LOOKS_DONE),
        ("claude", [piece("tool_use"), returned(), said(None)], LOOKS_DONE),
        ("claude", [piece("tool_use", "2.1.60"), returned(), said(None, version="2.1.60")], LOOKS_DONE),
        ("claude", [piece("tool_use", "2.1.60"), INTERRUPTED, user("go on"), said(None, version="2.1.60")], None),
        ("claude", [called(), returned(), said(None)], None),
        ("claude", [LIMIT, user("again"), said(None)], LOOKS_DONE),
        ("claude", [said(None), user("more")], None),
        ("claude", [called(version="2.1.3"), said(None, version="2.1.3")], None),
        ("claude", [piece("text", "2.1.3"), piece("tool_use", "2.1.3")], None),
        ("claude", [said("tool_use")], None),
        ("claude", [said("end_turn"), user("more")], None),
        ("claude", [said("end_turn"), OVER, user("more"), OVER], None),
        ("claude", [said("end_turn"), user("noise", isMeta=True)], DONE),
        ("claude", [said("tool_use"), said("end_turn", isSidechain=True)], None),
        ("claude", [called(), INTERRUPTED], STOPPED),
        ("claude", [LIMIT, OVER], TurnEnd("failed", "words")),
        ("claude", [LIMIT, OVER, local("/rate-limit-options"), OUTPUT], TurnEnd("failed", "words")),
        ("claude", [said("refusal")], TurnEnd("failed", "the model refused to go on")),
        ("claude", [said("end_turn"), OVER, local("/exit"), OUTPUT], DONE),
        ("claude", [said("end_turn"), OVER, local("/model"), OUTPUT], DONE),
        ("claude", [said("end_turn"), OVER, local("/compact"), OUTPUT, SUMMARY], DONE),
        ("claude", [said("end_turn"), user("<bash-input>ls</bash-input>"), user("<bash-stdout>a</bash-stdout>")], DONE),
        ("claude", [called(), local("/exit"), OUTPUT], TurnEnd("interrupted", "the user left")),
        ("claude", [said("end_turn"), REVIEW], None),
        ("claude", [called(), said("end_turn")], LOOKS_DONE),
        ("claude", [called(), returned(), said("end_turn")], DONE),
        ("claude", [], None),
        ("codex", [STARTED, message("assistant"), COMPLETE], DONE),
        ("codex", [STARTED, message("assistant")], None),
        ("codex", [STARTED, item("function_call"), message("assistant"), item("token_count")], None),
        ("codex", [STARTED, COMPLETE, message("user", HELPED)], DONE),
        ("codex", [STARTED, COMPLETE, message("user", "and now?")], None),
        ("codex", [STARTED, COMPLETE, item("function_call_output")], DONE),
        ("codex", [COMPLETE, STARTED], None),
        ("codex", [item("function_call"), item("token_count")], None),
        ("codex", [message("assistant")], LOOKS_DONE),
        ("codex", [message("user")], None),
        ("codex", [event("error", message="quota"), COMPLETE], TurnEnd("failed", "quota")),
        ("codex", [event("error", message="slow"), ANSWERED], TurnEnd("completed", summary="a")),
        ("codex", [STARTED, event("error", message="quota"), COMPLETE, STARTED, COMPLETE], DONE),
        ("codex", [STARTED, event("task_complete", error={"message": REFUSED})], TurnEnd("failed", "quota")),
        ("codex", [STARTED, event("task_complete", error=None)], DONE),
        ("codex", [event("turn_aborted", reason="budget")], TurnEnd("interrupted", "turn aborted: budget")),
        ("gemini", [gemini("gemini", "done"), {"$set": {}}], LOOKS_DONE),
        ("gemini", [gemini("gemini", toolCalls=[{}])], None),
        ("gemini", [gemini("gemini", "done"), gemini("user", "more")], None),
        ("gemini", [gemini("error", "boom"), gemini("info", "x")], TurnEnd("failed", "boom")),
        ("gemini", [gemini("user", "go"), CANCEL], CANCELLED),
    ],
)  # fmt: skip
def test_the_records_decide(agent: str, records: list[dict[str, Any]], end: TurnEnd | None) -> None:
    reader: Any = new_reader(FORMATS[agent])
    reader.feed(b'{"sessionId": "s", "projectHash": "x"}\n' if agent == "gemini" else b"")
    reader.feed("".join(json.dumps(record) + "\n" for record in records).encode())
    assert reader.turn.end == end


def test_an_end_has_the_time_of_the_record_that_says_so_and_a_number() -> None:
    reader: Any = new_reader("claude-session")
    for number in (1, 2):
        for record in (user("go"), said("end_turn", timestamp=f"2026-11-20T09:00:0{number}.000Z"), ASIDE):
            reader.feed(json.dumps(record).encode() + b"\n")
        assert (reader.turn.number, reader.turn.end.at % 10_000) == (number, number * 1000)


@pytest.mark.parametrize("line", [b'{"type":"assist', b"[1]\n", b"\xff\xfe\n", b'{"type": 3, "message": []}\n'])
def test_what_cannot_be_read_decides_nothing(line: bytes) -> None:
    reader: Any = new_reader("claude-session")
    reader.feed(json.dumps(said("end_turn")).encode() + b"\n" + line)
    assert reader.turn.end == DONE


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("claude-session/irr-api-error.jsonl", "failed"),
        ("claude-session/irr-task-list-2.1.150.jsonl", "completed"),
        ("claude-session/agentcmd-image-result.jsonl", "completed"),
        ("claude-session/entire-todowrite-small.jsonl", "completed"),
        ("claude-session/happy-task_non_sdk.jsonl", "completed"),
        ("claude-session/happy-task_sdk.jsonl", "interrupted"),
        ("claude-session/irr-tool-denial-interrupt.jsonl", "interrupted"),
        ("codex-rollout/irr-0.130-interrupted.jsonl", "completed"),
        ("gemini-session/irr-write_todos.jsonl", "completed"),
        ("gemini-session/irr-error.jsonl", "failed"),
    ],
)
def test_real_files_read_at_once(file: str, status: str, fold: Any) -> None:
    reader = new_reader(file.partition("/")[0])
    data = (TRANSCRIPTS / file).read_bytes()
    assert fold([*reader.feed(data), *reader.finish()]).status == status


def test_geminis_one_document(fold: Any) -> None:
    messages = [gemini("user", "go"), gemini("gemini", "done"), gemini("info", "x")]
    reader = new_reader("gemini-session")
    text = json.dumps({"sessionId": "s", "projectHash": "x", "messages": messages}, indent=2)
    assert fold([*reader.feed(text.encode()), *reader.finish()]).status == "completed"


@pytest.mark.parametrize("command", ["/exit", "/model", "/clear"])
def test_a_local_command_is_neither_prompt_nor_title(command: str, fold: Any, run: Any) -> None:
    reader = new_reader("claude-session")
    records = [user("noise", isMeta=True), local(command), OUTPUT, user("add the tax column"), said("end_turn")]
    state = fold(run(reader, *records))
    assert (state.agent.title, state.status) == ("add the tax column", "completed")
    assert [note.text for note in state.notes() if note.kind == "prompt"] == ["add the tax column"]


def notification(status: str) -> dict[str, Any]:
    return user(
        f"<task-notification>\n<task-id>b1</task-id>\n<status>{status}</status>\n<summary>make: {status}</summary>\n"
        "</task-notification>"
    )


@pytest.mark.parametrize("result", [{"backgroundTaskId": "b1"}, {"status": "async_launched", "agentId": "b1"}])
def test_what_runs_in_the_background_keeps_the_build_going(result: dict[str, Any], fold: Any, run: Any) -> None:
    state = fold(run(new_reader("claude-session"), user("go"), called(), returned(**result), said("end_turn"), OVER))
    assert (state.status, state.activity.kind, set(state.open_tools)) == ("active", "waiting-machine", {"t1"})


@pytest.mark.parametrize(("status", "result"), [("completed", "output-available"), ("failed", "error")])
def test_a_notification_ends_what_ran_in_the_background(status: str, result: str, fold: Any, run: Any) -> None:
    records = [user("go"), called(), returned(backgroundTaskId="b1"), said("end_turn", uuid="a"), notification(status)]
    state = fold(run(new_reader("claude-session"), *records, said("end_turn", uuid="b")))
    assert (state.status, state.tool("t1").state) == ("completed", result)
    assert status in bytes(state.tool("t1").output).decode()
