"""Hooks by HTTP and out of the spool become builds."""

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui import spool
from sentryvibe_tui.model.questions import LIMIT
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.server.hooks import Hooks
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.store.contract import BuildKey, StoreUnavailable

SESSION = "0b8c1d7e-5f3a-4c0e-9d55-1f2e3d4c5b6a"
BASE = {
    "session_id": SESSION,
    "transcript_path": f"/home/u/.claude/projects/-home-u-work-shop/{SESSION}.jsonl",
    "cwd": "/home/u/work/shop",
    "permission_mode": "default",
}
CALL = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "toolu_1"}


def payload(event: str, **fields: object) -> bytes:
    return json.dumps({**BASE, "hook_event_name": event, **fields}).encode()


TURN = (
    payload("SessionStart", source="startup"),
    payload("UserPromptSubmit", prompt="Build it"),
    payload("PreToolUse", **CALL),
    payload("PostToolUse", **CALL, tool_response={"stdout": "done", "stderr": ""}),
)


async def state_of(server: Running, project: str = "shop") -> BuildState:
    state = await server.app.serving.store.state(BuildKey(project, SESSION, SESSION))
    assert state is not None
    return state


async def tell(http: httpx.AsyncClient, *payloads: bytes) -> None:
    for body in payloads:
        answer = await http.post("/api/hooks/claude", content=body)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_a_turn_is_a_build_of_its_directory(server: Running, http: httpx.AsyncClient) -> None:
    await tell(http, *TURN)
    state = await state_of(server)
    assert [(tool.id, tool.name, tool.state) for tool in state.tools()] == [("toolu_1", "Bash", "output-available")]
    assert (state.status, state.agent.agent_id, state.agent.title) == ("active", "claude-code", "Build it")
    await tell(http, payload("Stop", last_assistant_message="Built."), payload("SessionEnd", reason="logout"))
    assert (await state_of(server)).status == "completed"


async def test_a_permission_makes_the_build_wait_until_it_goes_on(server: Running, http: httpx.AsyncClient) -> None:
    await tell(http, *TURN[:3], payload("PermissionRequest", **CALL))
    assert (await state_of(server)).needs_input == "permission: Bash: make"
    await tell(http, TURN[3])
    assert (await state_of(server)).needs_input == ""


async def test_a_long_command_is_masked_before_it_is_clipped(server: Running, http: httpx.AsyncClient) -> None:
    secret = "ghp_" + "a1B2" * 9
    long = "x" * (LIMIT - 40)
    await tell(http, payload("PermissionRequest", **{**CALL, "tool_input": {"command": f"{long} {secret} --all"}}))
    asked = (await state_of(server)).needs_input
    assert len(asked) == LIMIT
    assert asked.startswith("permission: Bash: xxx")
    assert "ghp_" not in asked


async def test_secrets_are_masked(server: Running, http: httpx.AsyncClient) -> None:
    secret = "ghp_" + "a1B2" * 9
    await tell(http, *TURN[:2], payload("PreToolUse", **{**CALL, "tool_input": {"command": f"curl {secret}"}}))
    tool = (await state_of(server)).tool("toolu_1")
    assert tool is not None
    assert tool.input is not None
    assert bytes(tool.input) == b'{"command":"curl <redacted github-token>"}'
    await tell(http, payload("Stop", last_assistant_message=f"I used {secret}."))
    notes = [note.text for note in (await state_of(server)).notes()]
    assert notes == ["Build it", "I used <redacted github-token>.", "masked 2 secrets: github-token ×2"]


async def test_a_session_stays_with_the_directory_it_began_in(server: Running, http: httpx.AsyncClient) -> None:
    await tell(http, *TURN[:2], payload("PreToolUse", **{**CALL, "cwd": "/home/u/work/shop/web/src"}))
    assert (await state_of(server)).tool("toolu_1") is not None


@pytest.mark.parametrize(
    ("agent", "body", "status", "told"),
    [
        ("claude", b"{", 400, "error"),
        ("claude", b"[]", 400, "error"),
        ("claude", b'{"hook_event_name":"Stop"}', 400, "session_id"),
        ("claude", json.dumps({"session_id": "s" * 513}).encode(), 400, "session_id"),
        ("cursor", b"{}", 404, "claude, codex, gemini"),
    ],
    ids=["cut", "no object", "no session", "long session", "unknown agent"],
)
async def test_what_is_no_hook_is_refused(
    server: Running, http: httpx.AsyncClient, agent: str, body: bytes, status: int, told: str
) -> None:
    answer = await http.post(f"/api/hooks/{agent}", content=body)
    assert answer.status_code == status
    assert told in answer.text
    assert await server.app.serving.store.projects() == ()


async def test_the_spool_is_emptied_in_order(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    for body in TURN:
        spool.put(str(folder), "claude", body)
    (folder / "half-written").write_bytes(b"{")
    spool.put(str(folder), "claude", b"no json")
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    state = await state_of(server)
    assert [(tool.id, tool.state) for tool in state.tools()] == [("toolu_1", "output-available")]
    assert os.listdir(folder) == ["half-written"]


async def test_what_a_killed_hook_began_to_write_goes_after_an_hour(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    spool.put(str(folder), "claude", TURN[0])
    for name, age in (("old", spool.STALE + 9), ("fresh", 0)):
        (folder / name).write_bytes(b"{")
        os.utime(folder / name, (time.time() - age,) * 2)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    assert os.listdir(folder) == ["fresh"]


def test_a_full_disk_leaves_no_half_a_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        spool.put(str(tmp_path), "claude", TURN[0])
    assert os.listdir(tmp_path) == []


async def test_a_store_that_cannot_write_holds_the_spool_up_and_nothing_is_lost(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentryvibe_tui.server.hooks.LOOK_EVERY", 0.01)
    store, folder, tries = server.app.serving.store, tmp_path / "hooks", [0]
    append = store.append

    async def every_other_time(*args: Any) -> Any:
        tries[0] += 1
        if tries[0] % 2:
            raise StoreUnavailable("the disk is full")
        return await append(*args)

    monkeypatch.setattr(store, "append", every_other_time)
    for body in (*TURN, payload("Stop", last_assistant_message="Built."), payload("SessionEnd", reason="logout")):
        spool.put(str(folder), "claude", body)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    state = await state_of(server)
    assert tries[0] >= 10
    assert (state.status, state.agent.agent_id, state.agent.title) == ("completed", "claude-code", "Build it")
    assert [(tool.id, tool.state) for tool in state.tools()] == [("toolu_1", "output-available")]


async def test_a_payload_that_no_reader_foresaw_does_not_end_the_picking_up(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, reader = tmp_path / "hooks", server.app.hooks._reader("claude")
    read = reader.read
    monkeypatch.setattr(reader, "read", lambda record: 1 / 0 if record.get("odd") else read(record))
    for body in (payload("PreToolUse", odd=True), *TURN):
        spool.put(str(folder), "claude", body)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    assert (await state_of(server)).tool("toolu_1") is not None


async def test_a_payload_that_is_taken_twice_counts_once(server: Running) -> None:
    for _ in range(2):
        await server.app.hooks.take("claude", TURN[1], "17-4", 1_700_000_000_000)
    state = await state_of(server)
    assert [note.text for note in state.notes() if note.kind == "prompt"] == ["Build it"]
    assert state.started_at == 1_700_000_000_000


async def test_a_server_that_was_killed_before_it_removed_a_payload_repeats_nothing(
    server: Running, tmp_path: Path
) -> None:
    """Its successor knows nothing but the store."""
    answered = payload("Stop", last_assistant_message="Built.")
    compacted = payload("PreCompact", trigger="auto")
    first = [(TURN[1], "1-1"), (compacted, "2-1"), (answered, "3-1"), (TURN[1], "4-1")]
    for body, source in first:
        await server.app.hooks.take("claude", body, source, int(source[0]) * 100_000)
    before = await state_of(server)
    again = Hooks(server.app.serving.store, lambda: 9_000_000)
    for body, source in first[1:]:
        await again.take("claude", body, source, int(source[0]) * 100_000)
    after = await state_of(server)
    assert [note.text for note in after.notes()] == [note.text for note in before.notes()]
    assert [note.text for note in after.notes()] == [
        "Build it",
        "compacting the conversation (auto)",
        "Built.",
        "Build it",
    ]


async def test_a_full_spool_takes_again_once_it_was_emptied(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    spool.put(str(folder), "claude", TURN[0])
    (folder / spool.FULL).touch()
    spool.put(str(folder), "claude", TURN[1])
    assert len(list(folder.iterdir())) == 2
    async with server.app.hooks.picking_up(folder):
        await empty(folder, spool.FULL)
    spool.put(str(folder), "claude", TURN[1])
    assert len(list(folder.iterdir())) == 1


async def empty(folder: Path, *also: str) -> None:
    """Waits until no payload is left; the test's own time limit ends a vain wait."""
    import asyncio

    def left() -> list[Any]:
        return [name for name in os.listdir(folder) if name.endswith((".claude", *also))]

    while left():  # noqa: ASYNC110  another task empties it
        await asyncio.sleep(0.02)
