"""How answers and closes of a server, or of something before it, are understood; over real sockets."""

import asyncio
import gzip
import json
import socket
import threading
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from websockets.asyncio.server import serve

from sentryvibe_tui.client import rest
from sentryvibe_tui.client.limits import LinkLimits
from sentryvibe_tui.client.link import Open
from sentryvibe_tui.client.rest import builds, hydrate, projects, states, whole_tool
from sentryvibe_tui.client.sse import EventStream
from sentryvibe_tui.client.transport import reaches, retry_after_close, seconds
from sentryvibe_tui.client.trouble import at_address, in_words
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, Skipped, Snapshot
from sentryvibe_tui.errors import BadAddress, ErrorAnswer, NoAnswer
from sentryvibe_tui.wire.address import parse_address
from sentryvibe_tui.wire.original_rows import stored

from ..patience import PATIENCE


@pytest.fixture
async def answering():
    """Starts a server that gives one answer to every request; its address, and the requests it saw."""
    listeners = []

    async def start(status: int, body: bytes = b"", headers: str = ""):
        seen: list[str] = []

        async def handle(reader, writer) -> None:
            try:
                seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
                head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
            finally:
                writer.close()

        listener = await asyncio.start_server(handle, "127.0.0.1", 0)
        listeners.append(listener)
        return parse_address(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"), seen

    yield start
    for listener in listeners:
        listener.close()


async def first_status(address, phase: str):
    watch = Watch(address, "shop", chance=lambda: 0.0)
    events = watch.events()
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, LinkChanged) and event.status.phase == phase:
                await events.aclose()
                return event.status
    raise AssertionError(f"never {phase}")


@pytest.mark.parametrize(
    ("error", "told", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused", "no server at http://a:1"),
        (OSError("Multiple exceptions: [Errno 111] x, [Errno 111] y"), "connection refused", "no server at http://a:1"),
        (socket.gaierror(-2, "Name not known"), "unknown host", "no server at http://a:1: unknown host"),
        (OSError(113, "Connect call failed"), "No route to host", "No route to host"),
        (TimeoutError(), "no answer in time", "no answer in time"),
        (EOFError(), "EOFError", "EOFError"),
        (OSError("odd"), "odd", "odd"),
    ],
)
def test_trouble_is_told_in_words(error: BaseException, told: str, reason: str) -> None:
    assert (in_words(error), at_address(error, parse_address("a:1"))) == (told, reason)


async def test_a_link_without_a_server_says_where_it_looked(unused_tcp_port: int) -> None:
    address = parse_address(f"127.0.0.1:{unused_tcp_port}")
    assert (await first_status(address, "retrying")).reason == f"no server at {address.base}"


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_final_answer_of_the_server_itself(answering, status) -> None:
    address, seen = await answering(status, b'{"error":"not for you"}')
    assert (await first_status(address, "refused")).reason == "not for you"
    assert [request.split()[1].split("?")[0] for request in seen] == ["/ws", "/api/projects/shop/events"]


async def test_what_a_server_says_is_made_safe(answering) -> None:
    address, _ = await answering(403, json.dumps({"error": "go\x1b[2J \x1b]52;c;x\x07 away\n\r!"}).encode())
    reason = (await first_status(address, "refused")).reason
    assert reason.isprintable()
    assert reason.startswith("go")


@pytest.mark.parametrize("status", [200, 400, 403, 404, 426, 501])
async def test_what_only_something_between_can_say_leads_to_the_event_stream(answering, status) -> None:
    address, seen = await answering(status, b"<html>")
    reason = (await first_status(address, "retrying")).reason
    assert f"HTTP {status}" in reason
    assert [request.split()[1].split("?")[0] for request in seen] == ["/ws", "/api/projects/shop/events"]


async def test_an_overloaded_server_is_left_alone_as_long_as_it_asks(answering) -> None:
    address, seen = await answering(503, b"", "Retry-After: 120\r\n")
    watch = Watch(address, "shop", clock=lambda: 5_000)
    async for event in watch.events():
        if isinstance(event, LinkChanged) and event.status.phase == "retrying":
            assert event.status.retry_at == 125_000
            break
    await watch.aclose()
    assert len(seen) == 1


def test_what_a_connection_asks_for() -> None:
    assert Open("p").query() == {"projectId": "p", "protocol": "2"}
    asked = Open("p q", "s", "b", 7, "e").query()
    assert asked == {
        "projectId": "p q",
        "protocol": "2",
        "sessionId": "s",
        "buildId": "b",
        "since": "7",
        "epoch": "e",
    }
    assert Open("p", "", "b", 7, "e", 5_000).query()["at"] == "5000"
    assert parse_address("https://h:1/x/").ws({"a": "p q"}) == "wss://h:1/x/ws?a=p+q"


@pytest.mark.parametrize(("text", "ms"), [("7", 7000), (" 0 ", 0), ("soon", 0), (None, 0), ("-1", 0), ("9" * 30, 0)])
def test_retry_after(text, ms) -> None:
    assert seconds(text) == ms


def test_the_wish_in_a_close() -> None:
    assert retry_after_close(1013, "overloaded, come back in 2500 ms") == 2500
    assert retry_after_close(1013, "retry_ms: 40") == 40
    assert retry_after_close(1012, "the server is stopping; retry_ms=1800") == 1800
    assert retry_after_close(1006, "2500 ms") == 0


@pytest.mark.parametrize(
    ("text", "base"),
    [("localhost:4777", "http://localhost:4777"), ("ws://h/ws", "http://h"), ("https://h/a/", "https://h/a")],
)
def test_addresses(text, base) -> None:
    assert parse_address(text).base == base


@pytest.mark.parametrize("text", ["ftp://h", "http://", "http://h:port", "http://h/?x=1"])
def test_bad_addresses(text) -> None:
    with pytest.raises(BadAddress, match="not a server's URL"):
        parse_address(text)


def test_loopback() -> None:
    assert all(parse_address(text).is_loopback for text in ("localhost", "127.0.0.1:1", "http://[::1]:3", "127.8.8.8"))
    assert not any(parse_address(text).is_loopback for text in ("example.org", "127.example.org", "127.0.0.1.nip.io"))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1), max_size=5), st.data())
def test_an_event_stream_may_be_cut_anywhere(frames, data) -> None:
    text = b"".join(b": alive\n\nid: e:b:1\ndata: " + frame.encode() + b"\r\n\r\n" for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    lines = EventStream()
    found = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for frame in lines.feed(text[start:end])
    ]
    assert found == [frame.encode() for frame in frames]


def test_a_large_event_in_many_pieces_is_read_in_one_go() -> None:
    lines, text = EventStream(), b"data: " + b"x" * 16_000_000 + b"\r\n\r\n"
    found = [frame for at in range(0, len(text), 4096) for frame in lines.feed(text[at : at + 4096])]
    assert [len(frame) for frame in found] == [16_000_000]


@pytest.mark.parametrize("piece", [b"x" * 600, b"data: " + b"x" * 600 + b"\n", b"x"], ids=["a line", "lines", "bytes"])
def test_an_event_without_end_is_not_kept(piece) -> None:
    lines = EventStream(LinkLimits(max_frame=1_000))
    with pytest.raises(ValueError, match="larger"):
        list(map(lines.feed, [piece] * 3_000))


MESSAGES = {
    "messages": [],
    "sessions": [
        {
            "session": {"id": "s2", "status": "failed", "endedAt": "2026-11-22T18:51:30.000Z"},
            "hydratedState": {"id": "b2", "isActive": True, "todos": [{"content": "a", "status": "completed"}]},
        },
        {"session": {"id": "s1", "status": "active"}, "hydratedState": {"id": "b1", "isActive": True}},
        {"session": {"id": "s0", "status": "active"}, "hydratedState": None},
    ],
}


async def test_hydration_takes_the_newest_session_and_knows_the_others(answering) -> None:
    body = gzip.compress(json.dumps(MESSAGES).encode())
    address, seen = await answering(200, body, "Content-Encoding: gzip\r\n")
    answer = await hydrate(address, "my shop")
    state = answer.stored.ended
    assert (state.id, state.session_id, state.status) == ("b2", "s2", "failed")
    assert state.ended_at == 1795373490000
    assert answer.older == ("b1",)
    assert (await hydrate(address, "my shop", "s1")).stored.state.id == "b1"
    assert (await hydrate(address, "my shop", "s9")).stored is None
    assert seen[0].startswith("GET /api/projects/my%20shop/messages HTTP/1.1")


async def test_states_are_decoded_beside_the_loop(answering, monkeypatch) -> None:
    """They may be megabytes, and frames go on meanwhile."""
    address, _ = await answering(200, json.dumps(MESSAGES).encode())
    threads = set[threading.Thread]()
    monkeypatch.setattr(rest, "stored", lambda row: threads.add(threading.current_thread()) or stored(row))
    assert [state.id for state in await states(address, "my shop")] == ["b2", "b1"]
    assert threads
    assert threading.main_thread() not in threads


async def test_an_original_list_of_projects_has_no_builds(answering) -> None:
    address, _ = await answering(200, b'{"projects":[{"id":"p","name":null,"slug":"x"}]}')
    [project] = await projects(address)
    assert (project.name, project.builds) == ("", ())


@pytest.mark.parametrize(("status", "body"), [(500, b"oops"), (404, b'{"error":"no such project"}')])
async def test_an_http_error_is_said(answering, status, body) -> None:
    address, _ = await answering(status, body)
    with pytest.raises(ErrorAnswer, match=str(status)):
        await builds(address, "p")


async def test_what_is_no_answer_is_said(answering) -> None:
    address, _ = await answering(200, b"<html>")
    with pytest.raises(NoAnswer, match="another shape"):
        await projects(address)
    with pytest.raises(NoAnswer):
        await projects(parse_address("127.0.0.1:9"))


async def test_a_tool_that_the_server_does_not_keep(answering) -> None:
    address, _ = await answering(404, b'{"error":"no"}')
    assert await whole_tool(address, "s", "t") == (None, None)


async def test_an_original_server_is_hydrated_and_followed_over_sockets(answering) -> None:
    """HTTP and WebSocket on one port, as the original has it: the state first, then the update that came before it."""
    hydrated, applied, connections = asyncio.Event(), asyncio.Event(), []

    def http(connection, request):
        if request.path.startswith("/ws"):
            return None
        hydrated.set()
        return connection.respond(200, json.dumps(MESSAGES))

    async def talk(ws) -> None:
        await ws.send('{"type":"connected","clientId":"c","projectId":"shop"}')
        call = {"id": "t", "name": "Bash", "todoIndex": 0, "state": "input-available"}
        update = {"type": "tool-call", "data": call, "timestamp": 1}
        await ws.send(json.dumps({"type": "batch-update", "sessionId": "s2", "updates": [update]}))
        await hydrated.wait()
        hydrated.clear()
        connections.append(ws)
        await (applied.wait() if len(connections) == 1 else ws.wait_closed())

    async with serve(talk, "127.0.0.1", 0, process_request=http) as server:
        address = parse_address(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        watch = Watch(address, "shop", chance=lambda: 0.0)
        seen = []
        async for event in watch.events():
            seen.append(event)
            if watch.state.tool("t") is not None:
                applied.set()
            if isinstance(event, CaughtUp):
                break
        await watch.aclose()
    assert watch.state.tool("t") is not None
    assert watch.state.status == "failed"
    assert [event.how for event in seen if isinstance(event, CaughtUp)] == ["nothing missed"]
    assert [event.cause for event in seen if isinstance(event, Snapshot)] == ["hydrated"]


async def test_what_keeps_an_original_server_from_being_asked_is_told_whatever_it_is(monkeypatch) -> None:
    async def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def talk(ws) -> None:
        await ws.send('{"type":"connected","clientId":"c","projectId":"shop"}')
        await ws.wait_closed()

    monkeypatch.setattr(rest, "hydrate", refused)
    async with serve(talk, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        watch = Watch(parse_address(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"), "shop")
        async with aclosing(watch.events()) as events:
            while not isinstance(event := await anext(events), Skipped):
                pass
    assert event.reason == "no state over HTTP: can't start new thread"


async def test_a_websocket_that_cannot_even_be_tried_does_not_get_through() -> None:
    """The event stream beside which it is tried goes on, and tries again."""
    server = replace(parse_address("https://127.0.0.1:9"), authorities="/nowhere/authority.pem")
    assert not await reaches(server, Open("shop"), LinkLimits())
