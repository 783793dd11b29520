"""opencode's own server as a source: a real one on loopback that says what version 1.18.33 says."""

import asyncio
import json
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.common.live import Sighting, merged, polled
from sentryvibe_tui.agents.common.reader import Reported
from sentryvibe_tui.agents.opencode import live
from sentryvibe_tui.agents.opencode.port import Ports
from sentryvibe_tui.agents.opencode.processes import OpencodeProcess, listening, says_so
from sentryvibe_tui.model.facts import RequestOpened, RequestResolved
from sentryvibe_tui.processes import started_at

from ..patience import PATIENCE

PROCESS = OpencodeProcess(7, "1", 0, "/w")


def asked(ident: str, session: str = "A", call: str = "c1") -> dict[str, Any]:
    return {"id": ident, "sessionID": session, "permission": "bash", "metadata": {"command": "touch x"},
            "tool": {"callID": call}}  # fmt: skip


class Server:
    """Answers `/event` with events as they are put, and the lists of open requests."""

    def __init__(self, kind: str = "text/event-stream", status: int = 200) -> None:
        self.kind, self.status = kind, status
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.lists: dict[str, Any] = {"/permission": [asked("per0")], "/question": []}
        self.asked_for: list[str] = []
        self.links: set[asyncio.Task[None] | None] = set()

    @asynccontextmanager
    async def at_port(self) -> AsyncIterator[int]:
        """Until then it answers; a link that lasts ends with it."""
        listener = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            links = [link for link in self.links if link is not None]
            for link in links:
                link.cancel()
            await asyncio.gather(*links, return_exceptions=True)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.CancelledError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, *_ = head.split()
        self.asked_for.append(f"{method} {path}")
        if path == "/event":
            writer.write(f"HTTP/1.1 {self.status} OK\r\ncontent-type: {self.kind}\r\n\r\n".encode())
            while True:
                await writer.drain()
                writer.write(b"data: " + json.dumps(await self.events.get()).encode() + b"\n\n")
        body = json.dumps(self.lists[path]).encode()
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}"
        writer.write(f"HTTP/1.1 200 OK\r\n{kind}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()

    def tells(self, kind: str, **properties: Any) -> None:
        self.events.put_nowait({"id": f"evt_{kind}", "type": kind, "properties": properties})


async def told(sightings: AsyncIterator[Sighting], count: int) -> list[Sighting]:
    return [await asyncio.wait_for(anext(sightings), PATIENCE) for _ in range(count)]


async def test_requests_and_turns_are_told_as_they_come(fold: Any) -> None:
    server = Server()
    async with server.at_port() as port:
        ports = Ports(
            lambda: [PROCESS], lambda session: ("A", "t1") if session == "B" else (session, ""), lambda _: [port]
        )
        async with aclosing(ports.sightings()) as sightings:
            seen = await told(sightings, 1)
            (request,) = fold(Reported(one.event, one.at, one.session) for one in seen).requests
            assert (request.id, request.title, seen[0].directory) == ("per0", "permission: bash: touch x", "/w")
            server.tells("message.part.delta", sessionID="A", partID="p", delta="not told: the database has it whole")
            server.tells("permission.replied", sessionID="A", requestID="per0", reply="once")
            server.tells("permission.asked", **asked("per1", "B", "c2"))
            seen += await told(sightings, 2)
            (request,) = fold(Reported(one.event, one.at, one.session) for one in seen).requests
            assert (request.id, request.parent_id, {one.session for one in seen}) == ("per1", "t1", {"A"})
            server.tells("permission.replied", sessionID="B", requestID="per1", reply="reject")
            server.tells("session.idle", sessionID="B")
            server.tells("session.idle", sessionID="A")
            seen += await told(sightings, 2)
            state = fold(Reported(one.event, one.at, one.session) for one in seen)
            assert (state.requests, state.activity.kind) == ((), "idle")
    assert server.asked_for == ["GET /event", "GET /permission", "GET /question"]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_server_that_is_heard_says_which_calls_wait() -> None:
    server, other = Server(), OpencodeProcess(8, "1", 0, "/w")
    async with server.at_port() as port:
        ports = Ports(lambda: [PROCESS, other], lambda session: (session, ""), lambda pid: [port] if pid == 7 else [])
        assert ports.waiting_calls("/w", [PROCESS]) is None
        async with aclosing(ports.sightings()) as sightings:
            await told(sightings, 1)
            await until(lambda: ports.waiting_calls("/w", [PROCESS]) == {"c1"})
            assert [ports.waiting_calls("/w", list_) for list_ in ([], [other], [PROCESS, other])] == [None] * 3
            assert ports.waiting_calls("/v", [PROCESS]) is None
            server.tells("permission.replied", sessionID="A", requestID="per0", reply="once")
            await told(sightings, 1)
            assert ports.waiting_calls("/w", [PROCESS]) == frozenset()
        assert ports.waiting_calls("/w", [PROCESS]) is None


def slow_to_begin(database: sqlite3.Connection, now: int) -> None:
    """A session whose command runs and has no metadata yet."""
    database.executescript("""
    CREATE TABLE event (id text PRIMARY KEY, aggregate_id text NOT NULL, seq integer NOT NULL, type text, data text);
    CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text NOT NULL, time_updated integer NOT NULL);
    """)
    state = {"status": "running", "input": {"command": "make"}, "time": {"start": now}}
    events: dict[str, dict[str, Any]] = {
        "session.created": {"info": {"id": "A", "directory": "/w", "title": "T", "time": {"created": now}}},
        "message.updated": {"info": {"id": "m1", "role": "assistant", "time": {"created": now}}},
        "message.part.updated": {"time": now, "part": {"id": "p1", "messageID": "m1", "type": "tool", "tool": "bash",
                                                       "callID": "c1", "state": state}},
    }  # fmt: skip
    database.execute("INSERT INTO session VALUES ('A', NULL, '/w', ?)", (now,))
    for seq, (kind, data) in enumerate(events.items()):
        row = (f"evt_{seq}", "A", seq, f"{kind}.1", json.dumps({"sessionID": "A"} | data))
        database.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)


@pytest.mark.skipif(not says_so(), reason="only Linux tells which process listens where")
async def test_a_guess_is_withdrawn_as_soon_as_its_own_server_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fold: Any
) -> None:
    """A command that is slow to begin; this very process stands for opencode, and opens its port late."""
    monkeypatch.setattr(live, "at_work", lambda _: [OpencodeProcess(os.getpid(), started_at(os.getpid()), 0, "/w")])
    (tmp_path / "opencode").mkdir()
    with closing(sqlite3.connect(tmp_path / "opencode" / "opencode.db", isolation_level=None)) as database:
        slow_to_begin(database, int(time.time() * 1000))
    server, seen = Server(), list[Sighting]()
    server.lists["/permission"] = []
    async with asyncio.timeout(2 * PATIENCE), aclosing(live.Live({"XDG_DATA_HOME": str(tmp_path)}).sightings()) as all_:
        while not any(isinstance(one.event, RequestOpened) for one in seen):
            seen.append(await anext(all_))
        async with server.at_port():
            while not any(isinstance(one.event, RequestResolved) for one in seen):
                seen.append(await anext(all_))
    state = fold(Reported(one.event, one.at, one.session) for one in seen)
    assert (state.requests, state.activity.kind, state.open_tools) == ((), "working", {"c1"})


@pytest.mark.parametrize(("kind", "status"), [("text/html", 200), ("text/event-stream", 401)])
async def test_what_is_no_server_of_opencode_is_left_alone_and_others_are_heard(kind: str, status: int) -> None:
    other, server = Server(kind, status), Server()
    async with other.at_port() as first, server.at_port() as second:
        ports = Ports(lambda: [PROCESS], lambda session: (session, ""), lambda _: [first, second])
        async with aclosing(ports.sightings()) as sightings:
            await told(sightings, 1)
    assert other.asked_for == ["GET /event"]


@pytest.mark.skipif(not says_so(), reason="only Linux tells which process listens where")
def test_the_port_of_a_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert server.getsockname()[1] in listening(os.getpid())
    assert listening(2**22 + 1) == []


async def test_witnesses_of_one_agent_are_heard_together_and_fail_together() -> None:
    def breaks() -> list[Sighting]:
        raise ValueError("another shape")

    def sees(session: str) -> AsyncIterator[Sighting]:
        return polled(lambda: [Sighting(session, None)], 0.01)  # type: ignore[arg-type]

    async with aclosing(merged(sees("A"), sees("B"))) as both:
        heard: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            async for one in both:
                heard.add(one.session)
                if len(heard) == 2:
                    break
    with pytest.raises(ValueError, match="another shape"):
        async for _ in merged(sees("A"), polled(breaks)):
            pass


async def test_a_witness_that_ended_takes_nothing_of_what_the_others_say() -> None:
    async def ends() -> AsyncIterator[Sighting]:
        for session in ("A", "B"):
            yield Sighting(session, None)  # type: ignore[arg-type]

    def breaks() -> list[Sighting]:
        raise ValueError("another shape")

    async with asyncio.timeout(PATIENCE):
        assert [one.session async for one in merged(ends(), ends())].count("A") == 2
        with pytest.raises(ValueError, match="another shape"):
            async for _ in merged(ends(), polled(breaks)):
                pass
