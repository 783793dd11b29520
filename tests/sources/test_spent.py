"""What a session of Claude Code used, with its subagents' files: read at once, followed, and read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.session_files import Session
from sentryvibe_tui.agents.detect import AutoReader
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.sources.event_ids import EventLabeler
from sentryvibe_tui.sources.follow.session_reader import SessionReader
from sentryvibe_tui.sources.ingest.input import AgentInput
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.projects import project_named

ID = "5e55a000-0000-4000-8000-000000000001"


def record(kind: str, second: int, content: object, *, used: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": kind, "content": content}
    if used:
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        message |= {"id": f"m{second}", "model": "claude-opus-5-5", "usage": dict(zip(names, used, strict=True))}
    at = f"2026-11-28T09:00:{second:02}.000Z"
    return {
        "type": kind,
        "message": message,
        "timestamp": at,
        "sessionId": ID,
        "cwd": "/w",
        "uuid": f"u{second}",
    } | more


CALL = {"type": "tool_use", "id": "t1", "name": "Agent", "input": {"prompt": "Look around.", "description": "Look"}}
MAIN = [
    record("user", 1, "Explore"),
    record("assistant", 2, [CALL], used=(10, 20, 100, 30), requestId="r1"),
    record("assistant", 2, [CALL], used=(10, 25, 100, 30), requestId="r1"),
    record("assistant", 9, [{"type": "text", "text": "Seen."}], used=(1, 2, 3, 4), requestId="r2"),
]
ASIDE = {"isSidechain": True, "agentId": "a1"}
SUBAGENT = [
    record("user", 3, "Look around.", **ASIDE),
    record("assistant", 4, [{"type": "text", "text": "All."}], used=(1000, 50, 2000, 300), requestId="r3", **ASIDE),
]
STATE = {
    "type": "cost-state",
    "sessionId": ID,
    "totalCostUSD": 0.4321,
    "modelUsage": {"m": {"inputTokens": 2000, "outputTokens": 90, "cacheReadInputTokens": 2103, "costUSD": 0.4321}},
}


def session(folder: Path, *more: dict[str, Any]) -> Path:
    path, aside = folder / f"{ID}.jsonl", folder / ID / "subagents" / "agent-a1.jsonl"
    aside.parent.mkdir(parents=True)
    for file, records in ((path, [*MAIN, *more]), (aside, SUBAGENT)):
        file.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def read_whole(path: Path) -> list[EventEnvelope]:
    one = AgentInput(AutoReader(), EventLabeler("p", "p", "s"), path, None, {"claude": path.parent})
    posted = list(one.feed(path.read_bytes()))
    while parts := list(one.subagents()):
        for file, part in parts:
            posted += [*part.feed(file.read_bytes()), *part.finish()]
    return [*posted, *one.finish()]


def followed(path: Path) -> list[EventEnvelope]:
    following = SessionReader(Session("claude", path, ID, "/w", 0.0), project_named("shop"))
    return [*following.pull(1.0)[0], *following.pull(20.0)[0]]


def state_of(posted: list[EventEnvelope]) -> BuildState:
    state = BuildState()
    for one in posted:
        state, _ = reduce(state, one.event, one.at or 0, one.about)
    return state


@pytest.mark.parametrize("read", [read_whole, followed])
def test_subagents_count(read: Any, tmp_path: Path) -> None:
    usage = state_of(read(session(tmp_path))).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (3448, 77, 2103)
    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == (334, 0)
    assert usage.cost_usd == pytest.approx((1011 * 4 + 77 * 20 + 2103 * 0.2 + 334 * 5) / 1e6)
    assert usage.cost_estimated


@pytest.mark.parametrize("read", [read_whole, followed])
def test_the_agents_own_total_holds_subagents_and_side_calls(read: Any, tmp_path: Path) -> None:
    usage = state_of(read(session(tmp_path, STATE))).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (4103, 90, 0.4321)
    assert not usage.cost_estimated


def test_the_same_files_post_the_same_events(tmp_path: Path) -> None:
    path = session(tmp_path, STATE)
    once, again = followed(path), followed(path)
    assert [one.event_id for one in once] == [one.event_id for one in again]
    assert state_of([*once, *again]).usage == state_of(once).usage


def test_a_total_that_knows_less_than_its_file_is_another_ones(tmp_path: Path) -> None:
    small = STATE | {"totalCostUSD": 0.0, "modelUsage": {}}
    usage = state_of(read_whole(session(tmp_path, small))).usage
    assert usage.input_tokens == 3448
    assert usage.cost_estimated
