"""Inputs on their way into a server: what became of each, and what is raised when nothing comes of it."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from sentryvibe_tui.errors import UnknownFormat
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.sources.ingest.intake import (
    InputKind,
    InputResult,
    Intake,
    IntakeTiming,
    Undelivered,
    UnreadableInput,
)
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.wire.address import Address
from sentryvibe_tui.wire.projects import project_named

from ...patience import PATIENCE

NOBODY = Address("http://127.0.0.1:9")
HASTY = IntakeTiming(timeout=0.05, glance=0.01, last_words=0.01)
SHOP = InputKind(project_named("shop"), roots={})
STREAM = [
    {"type": "system", "subtype": "init", "session_id": "s-1", "cwd": "/w", "model": "claude-x", "tools": [],
     "apiKeySource": "none", "permissionMode": "default", "claude_code_version": "2.1.0", "mcp_servers": []},
    {"type": "result", "subtype": "success", "session_id": "s-1", "is_error": False, "result": "done", "num_turns": 1},
]  # fmt: skip


def written(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def an_intake(tmp_path: Path, server: Address = NOBODY, kind: InputKind = SHOP) -> tuple[Intake, list[str]]:
    words: list[str] = []
    return Intake(server, tmp_path / "outbox", kind, HASTY, words.append), words


async def test_what_a_server_takes_has_an_outcome_each(tmp_path: Path) -> None:
    kind = InputKind(project_named("shop"), roots={})
    paths = [written(tmp_path / "a.jsonl", STREAM), written(tmp_path / "b.jsonl", [{"odd": 1}])]
    async with running(tmp_path / "data") as server:
        words: list[str] = []
        timing = IntakeTiming(timeout=PATIENCE)
        result = await Intake(Address(server.url), tmp_path / "outbox", kind, timing, words.append).run(paths)
        state = await server.app.context.store.state(BuildKey("shop", "s-1", "s-1"))
    assert result.inputs == (InputResult("completed"), InputResult(is_unknown=True))
    assert result.parked == 0
    assert state is not None
    assert state.status == "completed"
    assert f"{paths[0]}: read as claude-stream" in words


async def test_what_a_server_does_not_take_waits_and_is_counted(tmp_path: Path) -> None:
    intake, _ = an_intake(tmp_path)
    with pytest.raises(Undelivered) as raised:
        await intake.run([written(tmp_path / "a.jsonl", STREAM)])
    assert raised.value.waiting > 0
    assert (raised.value.status, raised.value.project_id) == (0, "shop")
    assert "cannot reach the server" in raised.value.reason


async def test_an_input_that_cannot_be_read_is_named_where_there_are_several(tmp_path: Path) -> None:
    intake, _ = an_intake(tmp_path)
    with pytest.raises(UnreadableInput, match=r"cannot read .*gone.jsonl: No such file or directory$"):
        await intake.run([tmp_path / "gone.jsonl", tmp_path / "other.jsonl"])


async def test_an_only_input_of_no_known_format_is_said(tmp_path: Path) -> None:
    intake, _ = an_intake(tmp_path)
    with pytest.raises(UnknownFormat):
        await intake.run([written(tmp_path / "b.jsonl", [{"odd": 1}])])


async def test_a_cancelled_intake_leaves_its_build_interrupted(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with running(tmp_path / "data") as server:
        timing = IntakeTiming(last_words=PATIENCE)
        intake = Intake(Address(server.url), tmp_path / "outbox", SHOP, timing, lambda _: None)
        work = asyncio.create_task(intake.run([pipe]))
        with await asyncio.to_thread(pipe.open, "w") as agent:
            agent.write(json.dumps(STREAM[0]) + "\n")
            agent.flush()
            store, key = server.app.context.store, BuildKey("shop", "s-1", "s-1")
            async with asyncio.timeout(PATIENCE):
                while await store.state(key) is None:  # noqa: ASYNC110  the publisher's own time
                    await asyncio.sleep(0.01)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        state = await store.state(key)
    assert state is not None
    assert (state.status, state.error) == ("interrupted", "ingest was stopped")
