"""Hooks by HTTP and out of the spool become builds."""

import asyncio
import errno
import json
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.errors import BadJson, StoreUnavailable
from sentryvibe_tui.hooks import spool
from sentryvibe_tui.model.questions import LIMIT
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.server.hooks import Hooks
from sentryvibe_tui.server.payload import MOST_IN_ALL, MOST_VALUES, bounded_record
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildDamaged, BuildKey

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
    state = await server.app.context.store.state(BuildKey(project, SESSION, SESSION))
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
    assert await server.app.context.store.projects() == ()


async def test_the_spool_is_emptied_in_order(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    for body in TURN:
        spool.put_payload(str(folder), "claude", body)
    (folder / "half-written").write_bytes(b"{")
    spool.put_payload(str(folder), "claude", b"no json")
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    state = await state_of(server)
    assert [(tool.id, tool.state) for tool in state.tools()] == [("toolu_1", "output-available")]
    assert os.listdir(folder) == ["half-written"]


async def test_payloads_that_lie_in_the_spool_together_are_one_commit_in_order(server: Running, tmp_path: Path) -> None:
    folder, commits = tmp_path / "hooks", list[int]()
    server.app.context.store.on_sync(lambda _: commits.append(1))
    for number in range(30):
        for session in ("one", "two"):
            prompt = payload("UserPromptSubmit", prompt=f"<{session}{number}>", session_id=session)
            spool.put_payload(str(folder), "claude", prompt)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    assert len(commits) == 1
    for session in ("one", "two"):
        (key,) = [key for key in await server.app.context.store.active_builds() if key.session_id == session]
        words = b"".join(entry.updates for entry in await server.app.context.store.read(key, 0, 1000)).decode()
        places = [words.index(f"<{session}{number}>") for number in range(30)]
        assert places == sorted(places)


async def test_what_a_killed_hook_began_to_write_goes_after_an_hour(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    spool.put_payload(str(folder), "claude", TURN[0])
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
        spool.put_payload(str(tmp_path), "claude", TURN[0])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("limits", [ServerLimits(spool_every=0.01)], ids=[""])
async def test_a_store_that_cannot_write_holds_the_spool_up_and_nothing_is_lost(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder, tries = server.app.context.store, tmp_path / "hooks", [0]
    append = store.append

    async def every_other_time(*args: Any) -> Any:
        tries[0] += 1
        if tries[0] % 2:
            raise StoreUnavailable("the disk is full")
        return await append(*args)

    monkeypatch.setattr(store, "append", every_other_time)
    for body in (*TURN, payload("Stop", last_assistant_message="Built."), payload("SessionEnd", reason="logout")):
        spool.put_payload(str(folder), "claude", body)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    state = await state_of(server)
    assert tries[0] == 2
    assert (state.status, state.agent.agent_id, state.agent.title) == ("completed", "claude-code", "Build it")
    assert [(tool.id, tool.state) for tool in state.tools()] == [("toolu_1", "output-available")]


async def test_a_damaged_build_keeps_its_own_hooks_in_the_spool_and_no_others(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder, damaged = server.app.context.store, tmp_path / "hooks", "11111111-2222-4333-8444-555555555555"
    append = store.append

    async def unless_damaged(events: Any, now: int) -> Any:
        if any(event.about.session_id == damaged for event in events):
            raise BuildDamaged(BuildKey("shop", damaged, damaged), "it is torn")
        return await append(events, now)

    monkeypatch.setattr(store, "append", unless_damaged)
    spool.put_payload(str(folder), "claude", payload("UserPromptSubmit", prompt="Go on", session_id=damaged))
    for body in TURN:
        spool.put_payload(str(folder), "claude", body)
    async with server.app.hooks.picking_up(folder), asyncio.timeout(20):
        while len(os.listdir(folder)) > 1:  # noqa: ASYNC110  the spool is a folder
            await asyncio.sleep(0.01)
    assert (await state_of(server)).agent.title == "Build it"


async def test_a_payload_that_no_reader_foresaw_does_not_end_the_picking_up(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, reader = tmp_path / "hooks", server.app.hooks._reader("claude")
    read = reader.read
    monkeypatch.setattr(reader, "read", lambda record, at: 1 / 0 if record.get("odd") else read(record, at))
    for body in (payload("PreToolUse", odd=True), *TURN):
        spool.put_payload(str(folder), "claude", body)
    async with server.app.hooks.picking_up(folder):
        await empty(folder)
    assert (await state_of(server)).tool("toolu_1") is not None


async def pick_up(hooks: Hooks, folder: Path, *payloads: tuple[bytes, str, int]) -> None:
    """Payloads as they lie in the spool: each with its number, and when it was written, in seconds."""

    def write() -> None:
        folder.mkdir(exist_ok=True)
        for body, number, at in payloads:
            path = folder / f"{number}.claude"
            path.write_bytes(body)
            os.utime(path, (at, at))

    await asyncio.to_thread(write)
    async with hooks.picking_up(folder):
        await empty(folder)


async def test_a_payload_that_is_taken_twice_counts_once(server: Running, tmp_path: Path) -> None:
    for _ in range(2):
        await pick_up(server.app.hooks, tmp_path / "hooks", (TURN[1], "17-4", 1_700_000_000))
    state = await state_of(server)
    assert [note.text for note in state.notes() if note.kind == "prompt"] == ["Build it"]
    assert state.started_at == 1_700_000_000_000


async def test_a_server_that_was_killed_before_it_removed_a_payload_repeats_nothing(
    server: Running, tmp_path: Path
) -> None:
    """Its successor knows nothing but the store."""
    answered = payload("Stop", last_assistant_message="Built.")
    compacted = payload("PreCompact", trigger="auto")
    first = [(TURN[1], "1-1", 100), (compacted, "2-1", 200), (answered, "3-1", 300), (TURN[1], "4-1", 400)]
    await pick_up(server.app.hooks, tmp_path / "hooks", *first)
    before = await state_of(server)
    again = Hooks(server.app.context.store, lambda: 9_000_000)
    await pick_up(again, tmp_path / "hooks", *first[1:])
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
    spool.put_payload(str(folder), "claude", TURN[0])
    (folder / spool.FULL).touch()
    spool.put_payload(str(folder), "claude", TURN[1])
    assert len(list(folder.iterdir())) == 2
    async with server.app.hooks.picking_up(folder):
        await empty(folder, spool.FULL)
    spool.put_payload(str(folder), "claude", TURN[1])
    assert len(list(folder.iterdir())) == 1


async def empty(folder: Path, *also: str, but: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Waits until no payload is left; the test's own time limit ends a vain wait."""

    def left() -> set[str]:
        return {name for name in os.listdir(folder) if name.endswith((".claude", *also))} - but

    while left():  # noqa: ASYNC110  another task empties it
        await asyncio.sleep(0.02)


async def test_what_was_refused_is_kept_with_what_follows(
    server: Running, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, is_full = server.app.context.store, [True]
    append = store.append

    def while_there_is_room(*args: Any) -> Any:
        if is_full[0]:
            raise StoreUnavailable("the disk is full")
        return append(*args)

    monkeypatch.setattr(store, "append", while_there_is_room)
    for body in TURN[:3]:
        assert (await http.post("/api/hooks/claude", content=body)).status_code == 503
    is_full[0] = False
    await tell(http, TURN[3])
    state = await state_of(server)
    assert (state.agent.agent_id, state.agent.title, state.agent.cwd) == ("claude-code", "Build it", BASE["cwd"])
    assert [note.text for note in state.notes() if note.kind == "prompt"] == ["Build it"]
    assert [(tool.id, tool.state) for tool in state.tools()] == [("toolu_1", "output-available")]
    assert state.started_at is not None


HEAVY = {
    "lists": b"[" + b"[]," * 300_000 + b"[]]",
    "objects": b"[" + b'{"a":1},' * 300_000 + b"{}]",
    "numbers": b"[" + b"1," * 700_000 + b"1]",
    "many texts": b"[" + b'"' + b"x," * 100 + b'",' + b'"a",' * 60_000 + b"1]",
}


@pytest.mark.parametrize("value", HEAVY.values(), ids=HEAVY)
async def test_a_value_of_too_many_parts_gives_its_place_to_words(
    server: Running, http: httpx.AsyncClient, value: bytes
) -> None:
    whole = payload("PostToolUse", **CALL, tool_response=None).replace(b"null", value)
    await tell(http, *TURN[:3], whole)
    tool = (await state_of(server)).tool("toolu_1")
    assert tool is not None
    assert tool.state == "output-available"
    assert bytes(tool.output or b"") == b'"<%d bytes of JSON with more than %d values>"' % (len(value), MOST_VALUES)


@contextmanager
def peak_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < limit


@pytest.mark.parametrize("part", [b"[],", b'{"a":1},', b"1,"], ids=["lists", "objects", "numbers"])
async def test_a_payload_of_millions_of_parts_is_refused_before_any_is_made(
    server: Running, http: httpx.AsyncClient, part: bytes
) -> None:
    value = b"[" + part * (15_000_000 // len(part)) + b"1]"
    whole = payload("PostToolUse", **CALL, tool_response=None).replace(b"null", value)
    answer = await http.post("/api/hooks/claude", content=whole)
    assert (answer.status_code, answer.json()["error"]) == (400, f"more than {MOST_IN_ALL} values")
    with pytest.raises(BadJson, match="more than"), peak_below(3 * len(whole)):  # its parts take ten times as much
        bounded_record(whole)


async def test_a_heavy_payload_of_one_session_does_not_keep_the_hooks_of_another(
    server: Running, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, at_work, may_end = server.app.hooks._reader("claude"), threading.Event(), threading.Event()
    read = reader.read

    def slowly(record: dict[str, Any], at: int) -> Any:
        if record["session_id"] == "other":
            at_work.set()
            assert may_end.wait(60)
        return read(record, at)

    monkeypatch.setattr(reader, "read", slowly)
    text = payload("UserPromptSubmit", prompt="x" * 100_000).replace(SESSION.encode(), b"other", 1)
    slow = asyncio.create_task(http.post("/api/hooks/claude", content=text))
    assert await asyncio.to_thread(at_work.wait, 60)
    await tell(http, *TURN)
    assert not slow.done()
    may_end.set()
    assert (await slow).status_code == 200


async def test_what_is_no_file_in_the_spool_keeps_nothing_up(server: Running, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "hooks", tmp_path / "elsewhere.json"
    (folder / "0-folder.claude").mkdir(parents=True)
    os.mkfifo(folder / "0-fifo.claude")
    elsewhere.write_bytes(TURN[1])
    (folder / "0-link.claude").symlink_to(elsewhere)
    for body in TURN:
        spool.put_payload(str(folder), "claude", body)
    odd = {"0-folder.claude", "0-fifo.claude", "0-link.claude"}
    async with server.app.hooks.picking_up(folder):
        await empty(folder, but=odd)
    assert (await state_of(server)).tool("toolu_1") is not None
    assert set(os.listdir(folder)) == odd
    assert server.app.hooks._passed_over == odd
