"""What the original servers get wrong (docs/protocol.md#original-servers), each tried against a real server of ours."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ..patience import PATIENCE

TODO = {"type": "tool-input-available", "toolCallId": "w", "toolName": "TodoWrite"}


def post(server, *events: dict, project: str = "p", session: str = "s", headers: dict | None = None, **envelope) -> int:
    """One body with these events; the status."""
    body = [{"projectId": project, "sessionId": session, "event": event} | envelope for event in events]
    request = urllib.request.Request(
        f"{server.url}/api/build-events",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"} | (headers or {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def todos(*statuses: str) -> dict:
    items = [{"content": f"step {n}", "status": status} for n, status in enumerate(statuses)]
    return TODO | {"input": {"todos": items}}


def begin(tool_id: str, **fields) -> dict:
    return {"type": "tool-input-available", "toolCallId": tool_id, "toolName": "Bash", "input": {}} | fields


def end(tool_id: str, **fields) -> dict:
    return {"type": "tool-output-available", "toolCallId": tool_id, "output": "ok"} | fields


def test_todo_index_0_is_not_missing(server) -> None:
    post(server, todos("completed", "in_progress"), begin("a", todoIndex=0), end("a", todoIndex=0))
    assert [tool["id"] for tool in server.state("p")["toolsByTodo"]["0"]] == ["a"]


def test_an_output_stays_with_its_own_todo(server) -> None:
    post(server, todos("in_progress", "pending"), begin("a"), todos("completed", "in_progress"), end("a"))
    tools = server.state("p")["toolsByTodo"]
    assert list(tools) == ["0"]
    assert tools["0"][0]["state"] == "output-available"


def test_projects_and_sessions_that_spell_alike_do_not_collide(server) -> None:
    post(server, begin("mine"), project="q", session="1-x")
    post(server, begin("theirs"), project="q-1", session="x")
    assert [tool["id"] for tool in server.state("q")["planningTools"]] == ["mine"]
    assert [tool["id"] for tool in server.state("q-1")["planningTools"]] == ["theirs"]


def test_what_nobody_watches_is_kept(server) -> None:
    post(server, begin("a"), end("a"))
    assert server.state("p")["stateVersion"] == 2


async def test_updates_are_numbered_and_get_state_tells_the_state_of_now(server) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/ws?projectId=p", proxy=None) as link:
        await asyncio.to_thread(post, server, {"type": "start"}, begin("a"), end("a"))
        versions: list[int] = []
        while not versions or versions[-1] < 3:
            frame = json.loads(await asyncio.wait_for(link.recv(), 10))
            versions += [update["version"] for update in frame.get("updates", ())]
        assert sorted(set(versions)) == [1, 2, 3]
        await link.send('{"type":"get-state"}')
        while (frame := json.loads(await asyncio.wait_for(link.recv(), 10)))["type"] != "state-recovery":
            pass
        assert frame["state"]["stateVersion"] == 3
        assert frame["state"]["planningTools"][0]["state"] == "output-available"


def test_a_repeated_start_does_not_reopen_a_finished_tool(server) -> None:
    post(server, begin("a"), end("a"), begin("a"))
    assert server.state("p")["planningTools"][0]["state"] == "output-available"


def test_a_shrunken_todo_list_is_pruned(server) -> None:
    post(server, todos("completed", "in_progress", "pending"), todos("completed"))
    state = server.state("p")
    assert [todo["content"] for todo in state["todos"]] == ["step 0"]
    assert [todo["content"] for todo in state["droppedTodos"]] == ["step 1", "step 2"]


def test_text_is_kept_also_with_line_separators(server) -> None:
    said = "one\u2028two\u2029three\x85four"
    post(server, {"type": "text-delta", "id": "t", "delta": said}, {"type": "text-delta", "id": "t", "delta": "!"})
    assert server.state("p")["textByTodo"]["-1"][0]["text"] == said + "!"


def test_all_todos_completed_is_not_the_end_of_the_build(server) -> None:
    post(server, todos("completed"), {"type": "finish"})
    assert server.state("p")["isActive"] is True
    post(server, todos("completed", "in_progress"))
    assert server.state("p")["todos"][1]["status"] == "in_progress"


@pytest.mark.parametrize("end_type", ["build-completed", "build-failed", "build-cancelled"])
def test_every_end_is_told_apart_and_ends_the_build_with_open_todos(server, end_type: str) -> None:
    post(server, todos("completed", "in_progress"), {"type": end_type, "error": "why"})
    state = server.state("p")
    assert state["status"] == end_type.removeprefix("build-")
    assert state["isActive"] is False
    assert [todo["status"] for todo in state["todos"]] == ["completed", "in_progress"]


def test_events_of_one_connection_never_overtake_each_other(server) -> None:
    def one_build(number: int) -> None:
        for step in range(30):
            assert post(server, {"type": "text-delta", "id": "t", "delta": f"{step},"}, project=f"p{number}") == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one_build, range(4)))
    for number in range(4):
        assert server.state(f"p{number}")["textByTodo"]["-1"][0]["text"] == "".join(f"{step}," for step in range(30))


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "", "evil.example", "127.0.0.1:notaport", "\x00"])
def test_no_host_header_harms_the_process(server, host: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as link:
        link.sendall(f"GET /api/projects HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: link.recv(4096), b""))
    assert answer.split(b" ")[1] in (b"400", b"403")
    assert server.get("/healthz")


async def test_foreign_pages_can_neither_watch_nor_post(server) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        await connect(f"ws://127.0.0.1:{server.port}/ws?projectId=p", origin="http://evil.example", proxy=None)  # type: ignore[arg-type]
    foreign = {"Origin": "http://evil.example"}
    assert await asyncio.to_thread(post, server, begin("a"), headers=foreign) == 403
