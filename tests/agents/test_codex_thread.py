"""What a stream of Codex leaves out, found in the rollout file of its thread."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.codex.files import THREAD_HEAD, CodexThread
from sentryvibe_tui.agents.codex.stream import CodexExec
from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.model.events import UsageReported
from sentryvibe_tui.model.facts import AgentReported, CodexReported
from sentryvibe_tui.model.state import Agent
from sentryvibe_tui.wire.json import raw

MADE = datetime(2026, 5, 16, 23, 30, tzinfo=UTC)
STAMP = f"{int(MADE.timestamp() * 1000):012x}"
THREAD = f"{STAMP[:8]}-{STAMP[8:]}-75c1-ae74-5b96bc3076f0"
META = {"type": "session_meta", "payload": {"id": THREAD, "cwd": "/w", "cli_version": "0.130.0"}}


def turn(model: str, cwd: str = "/w") -> dict[str, Any]:
    return {"type": "turn_context", "payload": {"model": model, "cwd": cwd}}


def write(sessions: Path, *records: dict[str, Any], day: str = "2026/05/16", mode: str = "w") -> None:
    folder = sessions / day
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"rollout-2026-05-16T23-30-00-{THREAD}.jsonl").open(mode) as file:
        file.write("".join(json.dumps(record) + "\n" for record in records))


def looking(sessions: Path, thread: str = THREAD) -> CodexThread:
    looked = CodexThread(sessions)
    looked.heard([Reported(CodexReported(raw({"threadId": thread})))])
    return looked


@pytest.mark.parametrize("day", ["2026/05/15", "2026/05/16", "2026/05/17"])
def test_it_lies_in_the_folder_of_its_day_wherever_that_began(tmp_path: Path, day: str) -> None:
    write(tmp_path, META, turn("gpt-5.5"), day=day)
    assert looking(tmp_path).look() == [AgentReported(Agent("openai-codex", "gpt-5.5", cwd="/w", version="0.130.0"))]


def test_it_is_told_once_and_as_soon_as_a_turn_began(tmp_path: Path) -> None:
    thread = looking(tmp_path)
    assert not thread.look()
    write(tmp_path, META)
    assert not thread.look()
    write(tmp_path, turn("gpt-5.5"), mode="a")
    assert thread.look()
    assert not thread.look()


def test_the_latest_turn_counts_however_long_the_file_is(tmp_path: Path) -> None:
    long = {"type": "response_item", "payload": {"type": "message", "content": "x" * THREAD_HEAD}}
    write(tmp_path, META, turn("first", "/a"), long, long, long, turn("second", "/b"))
    (found,) = looking(tmp_path).look()
    assert isinstance(found, AgentReported)
    assert (found.agent.model, found.agent.cwd) == ("second", "/b")


@pytest.mark.parametrize("thread", ["", "th1", "../../etc", "zzzzzzzz-zzzz-7", "ffffffff-ffff-7fff-8fff-ffffffffffff"])
def test_ids_that_lead_nowhere(tmp_path: Path, thread: str) -> None:
    assert not looking(tmp_path, thread).look()


def test_what_the_stream_used_has_a_price_once_the_model_is_known(tmp_path: Path) -> None:
    def used(stream: CodexExec, count: int) -> list[Reported]:
        usage = {"input_tokens": 1000 * count, "cached_input_tokens": 400 * count, "output_tokens": 10 * count}
        return stream.feed(json.dumps({"type": "turn.completed", "usage": usage}).encode() + b"\n")

    thread, stream = looking(tmp_path), CodexExec()
    thread.heard(used(stream, 1))
    assert not thread.look()
    write(tmp_path, META, turn("gpt-5"))
    _, first = thread.look()
    thread.heard(used(stream, 3))
    (second,) = thread.look()
    assert isinstance(first, UsageReported)
    assert isinstance(second, UsageReported)
    assert first.usage.cost_usd == pytest.approx((600 * 1.25 + 400 * 0.125 + 10 * 10) / 1e6)
    assert second.usage.cost_usd == pytest.approx(3 * (first.usage.cost_usd or 0))
    assert (second.usage.input_tokens, second.usage.cache_read_tokens, second.usage.unpriced) == (3000, 1200, "")
    assert not thread.look()
