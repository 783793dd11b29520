from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import websockets
from msgspec import Raw
from websockets.exceptions import InvalidStatus

from sentryvibe_tui.client import rest as reading
from sentryvibe_tui.client.limits import LINK
from sentryvibe_tui.client.link import Open
from sentryvibe_tui.client.sse import stream
from sentryvibe_tui.client.transport import connect
from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.server import asgi
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.wire.address import Address, parse_address
from sentryvibe_tui.wire.frames import Recovery, decode_frame
from sentryvibe_tui.wire.state import decode_state, encode_state

Post = Callable[..., Awaitable[dict[str, Any]]]
EVENTS = "/api/build-events"
GOOD = {"projectId": "p", "sessionId": "s", "buildId": "b", "event": {"type": "start"}}


async def test_an_event_is_answered_with_counts_and_version(post: Post) -> None:
    assert await post("start", event_id="e") == {"accepted": 1, "duplicates": 0, "version": 1}
    assert await post("start", event_id="e") == {"accepted": 0, "duplicates": 1, "version": 1}


async def test_an_array_is_taken_whole_or_not_at_all(http: httpx.AsyncClient) -> None:
    wrong = [GOOD, GOOD | {"event": {"type": "tool-call", "toolCallId": 7}}]
    answer = await http.post(EVENTS, json=wrong)
    assert answer.status_code == 400
    assert "event 1" in answer.json()["error"]
    assert (await http.get("/api/projects")).json() == {"projects": []}
    assert (await http.post(EVENTS, json=[GOOD, GOOD])).json()["accepted"] == 2
    assert (await http.post(EVENTS, content=b"[]")).json() == {"accepted": 0, "duplicates": 0, "version": 0}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\x00", 400, None),
        (b"7", 400, None),
        (b'{"projectId":1,"sessionId":"s","event":{"type":"start"}}', 400, "projectId"),
        (b'{"projectId":" ","sessionId":"s","event":{"type":"start"}}', 400, "projectId"),
        (b'{"projectId":"p","sessionId":"s"}', 400, None),
        (b'{"projectId":"p","sessionId":"s","event":{"type":7}}', 400, "event.type"),
        (b'{"projectId":"p","sessionId":"s","event":{"type":"tool-call","toolCallId":7}}', 400, "event.toolCallId"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, None),
        (b"[" * 100_000, 400, None),
        (b'"' + b"x" * (1024 * 1024) + b'"', 413, None),
    ],
)
async def test_bad_bodies_are_named_and_the_connection_lives(
    http: httpx.AsyncClient, body: bytes, status: int, field: str | None
) -> None:
    answer = await http.post(EVENTS, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    if field is not None:
        assert answer.json()["field"] == field
    assert (await http.post(EVENTS, json=GOOD)).status_code == 200


async def test_a_body_without_a_length_is_bounded_too(http: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 65536

    assert (await http.post(EVENTS, content=endless())).status_code == 413


async def test_bodies_that_never_end_hold_nobody_up_and_leave_nothing(http: httpx.AsyncClient, server: Running) -> None:
    body = json.dumps(GOOD | {"projectId": "slow"}).encode()
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    slow = []
    for _ in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(head + body[:-1])
        await writer.drain()
        slow.append(writer)
    assert (await http.post(EVENTS, json=GOOD)).status_code == 200
    for writer in slow:
        writer.close()
        await writer.wait_closed()
    assert (await http.post(EVENTS, json=GOOD)).status_code == 200
    assert [project["id"] for project in (await http.get("/api/projects")).json()["projects"]] == ["p"]


async def test_a_form_is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.post(EVENTS, data={"a": "b"})).status_code == 415
    assert (await http.get(EVENTS)).status_code == 405
    assert (await http.get("/nothing")).status_code == 404


async def test_nothing_is_done_for_other_methods(http: httpx.AsyncClient, post: Post) -> None:
    await post("start")
    for path in ("/api/projects", "/api/projects/p", "/api/projects/p/events", "/healthz", EVENTS):
        for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
            answer = await asyncio.wait_for(http.request(method, path), 5)
            assert answer.status_code == 405, (method, path)
    assert (await http.get("/api/projects/p")).status_code == 200


async def test_a_head_has_no_body_and_ends(http: httpx.AsyncClient, server: Running) -> None:
    for path in ("/healthz", "/api/projects", "/api/projects/p/events"):
        answer = await asyncio.wait_for(http.head(path), 5)
        assert (answer.status_code, answer.content) == (200, b""), path
    assert server.app.context.hub.watchers == 0


async def test_a_websocket_whose_upgrade_was_stripped_on_the_way_is_told_so(http: httpx.AsyncClient) -> None:
    """Not 404, which would be final: the watcher takes the event stream."""
    assert (await http.get("/ws?projectId=p")).status_code == 426


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
async def test_a_body_may_be_exactly_as_large_as_the_limit(
    http: httpx.AsyncClient, server: Running, chunked: bool, more: int, status: int
) -> None:
    body = json.dumps(GOOD).encode().ljust(server.app.context.settings.max_body + more)

    async def pieces() -> Any:
        for start in range(0, len(body), 60_000):
            yield body[start : start + 60_000]

    assert (await http.post(EVENTS, content=pieces() if chunked else body)).status_code == status


async def test_an_array_with_another_event_of_an_id_is_refused_whole(http: httpx.AsyncClient) -> None:
    first, other, fresh = (
        GOOD | {"eventId": name, "event": {"type": "text-delta", "id": "n", "delta": delta}}
        for name, delta in (("e1", "a"), ("e1", "b"), ("e2", "c"))
    )
    assert (await http.post(EVENTS, json=[first, other])).status_code == 409
    assert (await http.post(EVENTS, json=[first, first])).json() == {"accepted": 1, "duplicates": 1, "version": 1}
    assert (await http.post(EVENTS, json=[fresh, other])).status_code == 409
    assert (await http.post(EVENTS, json=fresh)).json() == {"accepted": 1, "duplicates": 0, "version": 2}
    (session,) = (await http.get("/api/projects/p/messages")).json()["sessions"]
    assert session["hydratedState"]["textByTodo"]["-1"][0]["text"] == "ac"


NUMBERS = [b"1e400", b"-1e400", b"1" + b"0" * 30, b"9" * 5000, b"18446744073709551616", b"NaN", b"-0", b"1.5"]
PLACES = [
    b'{"type":"tool-call","toolCallId":"t","toolName":"B","todoIndex":%s,"input":{}}',
    b'{"type":"tool-call","toolCallId":"t","toolName":"B","input":{"n":%s}}',
    b'{"type":"tool-result","toolCallId":"t","output":[%s,"' + b"y" * 5000 + b'"]}',
    b'{"type":"usage","inputTokens":%s}',
    b'{"type":"usage","costUsd":%s}',
    b'{"type":"codex","x":%s}',
    b'{"type":"build-failed","error":{"message":%s}}',
    b'{"type":"todos","todos":[{"content":"a","id":%s}]}',
    b'{"type":"plan","text":"a","text":"b","n":%s}',
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:6].decode())
async def test_a_number_is_taken_or_refused_and_never_stops_what_comes_after(
    http: httpx.AsyncClient, server: Running, number: bytes
) -> None:
    head = json.dumps(GOOD).encode().partition(b'{"type"')[0]
    for place in PLACES:
        answer = await http.post(EVENTS, content=head + place % number + b"}")
        assert answer.status_code in (200, 400), place
    answer = await http.post(EVENTS, json=GOOD | {"event": {"type": "build-completed"}})
    assert answer.status_code == 200
    state = await server.app.context.store.state(BuildKey("p", "s", "b"))
    assert state is not None
    assert decode_state(encode_state(state)) == state


async def test_invalid_utf8_nul_and_surrogates_do_no_harm(http: httpx.AsyncClient) -> None:
    body = json.dumps(GOOD | {"event": {"type": "text-delta", "id": "x", "delta": "a\x00\ud800 HERE"}}).encode()
    assert (await http.post(EVENTS, content=body.replace(b"HERE", b"\xff\xfe"))).status_code == 200
    assert (await http.get("/api/projects/p/messages")).status_code == 200


async def test_a_store_that_cannot_write_is_503_with_the_reason(
    http: httpx.AsyncClient, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(server.app.context.store, "append", full)
        answer = await http.post(EVENTS, json=GOOD)
    assert (answer.status_code, answer.json()) == (503, {"error": "the disk is full"})
    assert int(answer.headers["retry-after"]) > 0
    assert (await http.post(EVENTS, json=GOOD)).status_code == 200


async def test_hosts_and_origins(http: httpx.AsyncClient, server: Running) -> None:
    own = server.url
    for headers, status in (
        ({"host": "evil.example"}, 403),
        ({"host": "["}, 403),
        ({"host": ""}, 403),
        ({"host": "localhost:4777"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"origin": own}, 200),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ):
        answer = await http.post(EVENTS, json=GOOD, headers=headers)
        assert answer.status_code == status, headers
    assert (await http.get("/healthz")).json()["ok"] is True


async def test_projects_and_builds_are_listed(http: httpx.AsyncClient, post: Post) -> None:
    await post("start", build="b1")
    await post("todos", build="b1", todos=[{"content": "a", "status": "completed"}, {"content": "b", "status": "x"}])
    await post("build-failed", build="b1", error="no")
    await post("start", build="b2", session="s2")
    (project,) = (await http.get("/api/projects")).json()["projects"]
    assert (project["id"], project["slug"], project["status"]) == ("p", "p", "active")
    assert [build["buildId"] for build in project["builds"]] == ["b2", "b1"]
    assert project["builds"][1]["status"] == "failed"
    assert (project["builds"][1]["todosDone"], project["builds"][1]["todosTotal"]) == (1, 2)
    assert (await http.get("/api/projects/p")).json()["project"] == project
    assert (await http.get("/api/projects/p/builds")).json()["builds"] == project["builds"]
    missing = await http.get("/api/projects/nope")
    assert (missing.status_code, list(missing.json())) == (404, ["error"])


async def test_nothing_is_no_error_where_an_original_client_asks(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/projects/nope/messages")
    assert (answer.status_code, answer.json()) == (200, {"messages": [], "sessions": []})


async def test_a_plan_is_kept_whole(http: httpx.AsyncClient, post: Post) -> None:
    plan = "# Plan\n" + "- a step of it\n" * 2000
    await post("tool-input-available", toolCallId="t", toolName="ExitPlanMode", input={"plan": plan})
    (session,) = (await http.get("/api/projects/p/messages")).json()["sessions"]
    assert session["hydratedState"]["buildPlan"] == plan
    assert session["hydratedState"]["planningTools"][0]["input"]["plan"] == plan


async def test_messages_hold_a_hydrated_state_for_each_session(http: httpx.AsyncClient, post: Post) -> None:
    await post("start", session="s1", build="b1")
    await post("tool-call", session="s1", build="b1", toolCallId="t", toolName="Read", input={})
    await post("start", session="s2", build="b2")
    sessions = (await http.get("/api/projects/p/messages")).json()["sessions"]
    assert [session["session"]["id"] for session in sessions] == ["s2", "s1"]
    state = decode_state(json.dumps(sessions[1]["hydratedState"]).encode())
    assert (state.id, state.version, state.tool_count) == ("b1", 2, 1)
    only = (await http.get("/api/projects/p/messages", params={"sessionId": "s1"})).json()["sessions"]
    assert [session["session"]["buildId"] for session in only] == ["b1"]


async def test_a_tool_is_served_whole(http: httpx.AsyncClient, post: Post) -> None:
    await post("tool-call", toolCallId="a/b", toolName="Write", input={"content": "x" * 9000})
    await post("tool-result", toolCallId="a/b", output="y" * 9000)
    found = (await http.get("/api/sessions/s/tools/a%2Fb")).json()
    assert (found["name"], found["state"]) == ("Write", "output-available")
    assert found["input"] == {"content": "x" * 9000}
    assert found["output"] == "y" * 9000
    assert (await http.get("/api/sessions/s/tools/nope")).status_code == 404


async def test_large_answers_are_compressed_for_who_accepts_it(http: httpx.AsyncClient, post: Post) -> None:
    for number in range(30):
        await post("tool-call", toolCallId=f"t{number}", toolName="Read", input={"path": "x" * 500})
    async with http.stream("GET", "/api/projects/p/messages") as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join([part async for part in answer.aiter_raw()])
    plain = await http.get("/api/projects/p/messages", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content


async def test_a_publisher_s_heartbeat_is_known_only_for_active_builds(http: httpx.AsyncClient, post: Post) -> None:
    beat = {"projectId": "p", "sessionId": "s", "buildId": "b", "outbox": 3}
    assert (await http.post("/api/build-heartbeats", json=beat)).json() == {"known": False}
    await post("start")
    assert (await http.post("/api/build-heartbeats", json=beat)).json() == {"known": True}
    assert (await http.post("/api/build-heartbeats", json={"projectId": "p"})).status_code == 400


async def test_server_sent_events_carry_the_frames_and_resume(http: httpx.AsyncClient, post: Post) -> None:
    await post("start")

    async def events(count: int, headers: dict[str, str], query: str = "") -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        place = ""
        async with http.stream("GET", f"/api/projects/p/events{query}", headers=headers) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    place = line[4:]
                elif line.startswith("data: "):
                    found.append((place, json.loads(line[6:])))
                    place = ""
                    if len(found) == 3:
                        await post("text-delta", id="x", delta=f"after {count}")
                    if len(found) == count:
                        return found
        return found

    first = await asyncio.wait_for(events(4, {}), 5)
    assert [frame["type"] for _, frame in first] == ["connected", "state-recovery", "heartbeat", "batch-update"]
    place = first[-1][0]
    assert place.endswith(":b:2")
    await post("text-delta", id="x", delta="missed")
    again = await asyncio.wait_for(events(3, {"last-event-id": place}), 5)
    assert [frame["type"] for _, frame in again] == ["connected", "batch-update", "heartbeat"]
    assert [update["version"] for update in again[1][1]["updates"]] == [3]
    for query, kind in (("?since=2&at=1", "state-recovery"), ("?since=1&at=1", "batch-update")):
        told = await asyncio.wait_for(events(2, {"last-event-id": place}, query), 5)
        assert told[1][1]["type"] == kind


async def test_a_long_list_of_builds_reaches_the_client_whole(server: Running, post: Post) -> None:
    from sentryvibe_tui.client.rest import builds
    from sentryvibe_tui.wire.address import parse_address

    for number in range(60):
        await post("start", build=f"b{number}", session=f"s{number}")
    listed = await builds(parse_address(server.url), "p")
    assert [build.build_id for build in listed] == [f"b{number}" for number in reversed(range(60))]


@pytest.mark.parametrize("no_date", ["9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "soon", 10**30, -1])
async def test_a_date_that_is_none_is_counted_and_the_event_gets_the_time_of_its_receipt(
    http: httpx.AsyncClient, no_date: object
) -> None:
    assert (await http.post(EVENTS, json=GOOD | {"at": no_date})).status_code == 200
    assert (await http.get("/healthz")).json()["undated"] == 1
    answer = await http.get("/api/projects/p/messages")
    (session,) = answer.json()["sessions"]
    assert session["hydratedState"]["startTime"] > "2026"


NAMES = [
    "a/b",
    "a/messages",
    "/",
    "a//b/",
    "..",
    ".",
    "a%2Fb",
    "%00",
    "ä/ö?x=1#y",
    "a b\\c",
    "\u2028x",
    "builds",
    "a\nb",
]


@pytest.mark.parametrize("name", NAMES)
async def test_ids_of_any_signs_work_on_every_route(server: Running, http: httpx.AsyncClient, name: str) -> None:
    address = parse_address(server.url)
    start, call = {"type": "start"}, {"type": "tool-call", "toolCallId": name, "toolName": "Bash", "input": {"a": 1}}
    ids = {"projectId": name, "sessionId": name, "buildId": name, "eventId": name}
    answer = await http.post(EVENTS, json=[ids | {"event": start}, ids | {"event": call, "eventId": "2"}])
    assert answer.json() == {"accepted": 2, "duplicates": 0, "version": 2}
    assert (await http.get(address.http("projects", name))).json()["project"]["id"] == name
    assert [build.build_id for build in await reading.builds(address, name)] == [name]
    state = await reading.build(address, name, name, name)
    assert state is not None
    assert (state.project_id, state.id, state.version) == (name, name, 2)
    value, _ = await reading.whole_tool(address, name, name)
    assert value == Raw(b'{"a":1}')
    for transport in (connect, stream):
        assert (await first_state(transport, address, name)).id == name


class Ear:
    """Hears a link until the whole state came."""

    def __init__(self) -> None:
        self.state: asyncio.Future[BuildState] = asyncio.get_running_loop().create_future()

    async def opened(self, transport: object) -> None: ...

    async def heard(self, rtt_ms: float) -> None: ...

    async def arriving(self) -> None: ...

    async def frame(self, data: str | bytes) -> None:
        frame = decode_frame(data, 0)
        if isinstance(frame, Recovery) and frame.state is not None:
            self.state.set_result(frame.state)

    async def next_message(self) -> bytes:
        return await asyncio.Event().wait() or b""


async def first_state(transport: Any, address: Address, project: str) -> BuildState:
    ear = Ear()
    link = asyncio.create_task(transport(address, Open(project, project), ear, LINK))
    try:
        return await ear.state
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def test_a_slash_that_was_not_quoted_is_part_of_the_id(http: httpx.AsyncClient) -> None:
    await http.post(EVENTS, json=GOOD | {"projectId": "team/shop"})
    assert (await http.get("/api/projects/team/shop")).json()["project"]["id"] == "team/shop"
    assert len((await http.get("/api/projects/team/shop/builds")).json()["builds"]) == 1


@pytest.mark.parametrize("path", ["/api/projects/a%00b", "/api/projects/a%00b/events", "/api/sessions/%00/tools/x"])
async def test_no_path_has_u0000(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("name", ["projectId", "sessionId", "buildId"])
async def test_nobody_watches_what_nothing_can_be_called(server: Running, name: str) -> None:
    asked = {"projectId": "p"} | {name: "x" * 513}
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(parse_address(server.url).ws(asked), proxy=None)
    assert refused.value.response.status_code == 400


async def test_another_event_of_the_same_id_is_refused_and_named(http: httpx.AsyncClient) -> None:
    one = GOOD | {"eventId": "e", "event": {"type": "plan", "text": "p"}}
    assert (await http.post(EVENTS, json=one)).json()["accepted"] == 1
    other = one | {"event": {"type": "plan", "text": "q"}}
    for body in (other, [GOOD, other], other | {"padding": "x" * 100_000}):
        answer = await http.post(EVENTS, json=body)
        assert answer.status_code == 409
        assert answer.json() == {"error": "event 'e' came before with another body", "field": "eventId"}
    assert (await http.post(EVENTS, json=one | {"at": "2026-01-01T00:00:00Z"})).json()["duplicates"] == 1


async def test_large_answers_are_made_beside_the_event_loop(
    http: httpx.AsyncClient, post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    compress = asgi._packed

    def packed(body: bytes) -> bytes:
        threads.append(threading.current_thread().name)
        return compress(body)

    monkeypatch.setattr(asgi, "_packed", packed)
    for number in range(60):
        await post("agent", build=f"b{number}", session=f"s{number}", title="t" * 1000)
    assert len((await http.get("/api/builds")).json()["builds"]) == 60
    assert threads != []
    assert threading.main_thread().name not in threads
