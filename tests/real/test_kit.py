"""The kit by itself, without any agent: the scripted model, and the verdict on what was said when."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conversation import Dialect, Standing, Turn, standing, tools_of
from .mock_model import MockModel, serving
from .plays import PLAYS, USAGE, Refuse
from .truth import ClaudeTruth
from .verdict import Moment, delays, faults

SHELLS = {
    "messages": [{"name": "Bash"}],
    "responses": [{"type": "function", "name": "exec_command"}],
    "chat": [{"type": "function", "function": {"name": "bash"}}],
}
PATHS = {"messages": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}


def request(dialect: Dialect, cue: str) -> dict[str, Any]:
    said = {"role": "user", "content": f"Please. play:{cue}"}
    listed = {"input": [{"type": "message", **said}]} if dialect == "responses" else {"messages": [said]}
    return {"model": "mock-model", "stream": True, "tools": SHELLS[dialect], **listed}


def events(text: str) -> list[dict[str, Any]]:
    data = (line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    return [json.loads(row) for row in data if row != "[DONE]"]


@pytest.mark.parametrize("dialect", ["messages", "responses", "chat"])
def test_a_reply_comes_with_its_words_its_call_and_its_tokens(dialect: Dialect) -> None:
    with serving(MockModel()) as url:
        answer = httpx.post(url + PATHS[dialect], json=request(dialect, "permission/1"), trust_env=False)
    rows = events(answer.text)
    assert "The release needs a mark." in answer.text
    assert "touch release.txt" in answer.text
    whole = json.dumps(rows)
    assert f'_tokens": {USAGE.output}' in whole
    assert f'_tokens": {USAGE.cache_read}' in whole


def test_a_refusal_comes_once_for_each_run() -> None:
    model = MockModel()
    replies = [model.reply(request("chat", f"refused/{run}"), "chat") for run in "aabb"]
    assert [isinstance(reply, Refuse) for reply in replies] == [True, False, True, False]
    assert model.runs == {"a": 1, "b": 1}


def test_an_agents_own_small_jobs_get_a_title_in_the_form_they_ask_for() -> None:
    wanted = {"text": {"format": {"schema": {"required": ["title"]}}}}
    reply = MockModel().reply({"input": "play:done/1", **wanted}, "responses")
    assert not isinstance(reply, Refuse)
    assert [json.loads(part.text) for part in reply.parts] == [{"title": "A title"}]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("turns", "reply"),
    [
        ([], 0),
        ([("words", "so")], 1),
        ([("words", "so"), ("call", "call_7_at0_1"), ("call", "call_7_at0_2")], 1),
        ([("call", "call_7_at0_0"), ("user", "a reminder"), ("words", "so")], 2),
        ([("call", "call_7_at0_0"), ("words", "so"), ("user", "the task is over")], 2),
        ([("call", "call_7_at2_0|fc_9")], 3),
    ],
)
def test_a_conversation_tells_which_reply_is_next(turns: list[tuple[Any, str]], reply: int) -> None:
    past = [Turn("user", "play:done/old"), Turn("words", "done"), Turn("user", "now play:todos/new")]
    assert standing([*past, *(Turn(*turn) for turn in turns)]) == Standing("todos", "new", reply)


def test_grouped_tools_have_their_groups_name() -> None:
    assert tools_of({"tools": [{"type": "namespace", "name": "g", "tools": [{"name": "spawn_agent"}]}]}) == [
        "g/spawn_agent"
    ]


def test_every_cue_of_a_subagent_is_a_play() -> None:
    assert {step.play for play in PLAYS.values() for reply in play for step in reply if hasattr(step, "play")} <= set(
        PLAYS
    )


def moments(*rows: tuple[float, str, float, str, float]) -> list[Moment]:
    return [Moment(*row) for row in rows]


RIGHT = moments(
    (10.0, "working", 10.0, "", 0.0),
    (10.5, "working", 10.0, "working", 10.1),
    (13.0, "working", 10.0, "working", 10.1),
    (15.1, "waiting-person", 15.0, "working", 10.1),
    (15.8, "waiting-person", 15.0, "waiting-person", 15.0),
    (19.0, "waiting-person", 15.0, "waiting-person", 15.0),
)


def test_what_is_told_within_its_limit_is_right() -> None:
    assert faults(RIGHT, 1.0) == []
    assert [(one.truth, one.seconds) for one in delays(RIGHT)] == [
        ("working", 0.5),
        ("waiting-person", pytest.approx(0.8)),
    ]


@pytest.mark.parametrize(
    ("at", "change", "fault"),
    [
        (2, {"ours": "idle"}, "idle was said 3.0 s after it was working"),
        (5, {"ours": "working"}, "working was said 4.0 s after it was waiting-person"),
        (5, {"ours": ""}, "nothing was said 4.0 s after it was waiting-person"),
        (5, {"since": 12.0}, "waiting-person was said to be so since -3.0 s"),
    ],
)
def test_what_is_late_or_wrong_is_a_fault(at: int, change: dict[str, Any], fault: str) -> None:
    told = [*RIGHT[:at], RIGHT[at]._replace(**change), *RIGHT[at + 1 :]]
    assert faults(told, 1.0) == [fault]


def test_ahead_of_the_truth_by_a_little_is_right() -> None:
    ahead = moments(
        (10.0, "working", 8.0, "working", 8.0),
        (14.6, "working", 8.0, "idle", 14.6),
        (15.0, "idle|ended", 15.0, "idle", 14.6),
        (18.0, "idle|ended", 15.0, "idle", 14.6),
    )
    assert faults(ahead, 1.0) == []
    assert faults([*ahead[:1], ahead[1]._replace(at=13.0), *ahead[2:]], 1.0) == [
        "idle was said 5.0 s after it was working"
    ]


def test_what_may_have_ended_meanwhile_is_idle_since_it_was() -> None:
    resting = moments(
        (10.0, "working", 8.0, "working", 8.0),
        (12.1, "idle", 12.0, "idle", 12.1),
        (15.0, "idle|ended", 15.0, "idle", 12.1),
        (18.0, "idle|ended", 15.0, "idle", 12.1),
    )
    assert faults(resting, 1.0) == []
    assert faults([*resting[:3], resting[3]._replace(since=9.0)], 1.0) == ["idle|ended was said to be so since -3.0 s"]
    assert faults([*resting[:3], resting[3]._replace(ours="ended", since=12.1)], 1.0) == [
        "idle|ended was said to be so since -2.9 s"
    ]


OVER = {"type": "system", "subtype": "turn_duration"}


@pytest.mark.parametrize(
    ("busy", "records", "kind"),
    [
        (-9.0, [], "working"),
        (-9.0, [(-8.0, {"type": "assistant"})], "working"),
        (-9.0, [(-5.0, OVER), (-4.9, {"type": "file-history-snapshot"})], "waiting-machine"),
        (-9.0, [(-5.0, OVER), (-1.0, {"type": "queue-operation"})], "working"),
        (-9.0, [(-0.1, OVER)], "working"),
        (-1.0, [(-5.0, OVER)], "working"),
    ],
    ids=["a prompt", "an answer", "a subagent runs on", "it is back", "just over", "the next prompt"],
)
def test_claude_code_that_is_busy_after_its_turn_waits_for_a_subagent(
    tmp_path: Path, busy: float, records: list[tuple[float, dict[str, str]]], kind: str
) -> None:
    """Its register says `busy` for both; seconds are counted from now."""
    now = time.time()
    sessions, folder = tmp_path / ".claude" / "sessions", tmp_path / ".claude" / "projects" / "-app"
    sessions.mkdir(parents=True)
    folder.mkdir(parents=True)
    row = {"sessionId": "s1", "status": "busy", "statusUpdatedAt": (now + busy) * 1000}
    (sessions / f"{os.getpid()}.json").write_text(json.dumps(row))
    lines = [{**record, "timestamp": datetime.fromtimestamp(now + at, UTC).isoformat()} for at, record in records]
    (folder / "s1.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    fact = ClaudeTruth(tmp_path, os.getpid()).now()
    assert fact.kind == kind
    assert fact.changed == pytest.approx(now + (records[0][0] if kind == "waiting-machine" else busy), abs=0.01)
