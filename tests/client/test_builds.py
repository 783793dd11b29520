"""The builds feed end to end: a real server, real sockets, a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.client import rest, transport
from sentryvibe_tui.client.builds import BuildsWatch
from sentryvibe_tui.client.builds_link import BuildsChanged, BuildsListed
from sentryvibe_tui.client.rest import ListedProject
from sentryvibe_tui.client.watching import LinkChanged
from sentryvibe_tui.errors import ErrorAnswer, NoAnswer
from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.wire.address import Address, parse_address

from ..patience import PATIENCE


async def post(url: str, kind: str, build: str = "b", project: str = "p", **fields: object) -> None:
    body = {"projectId": project, "sessionId": build, "buildId": build, "event": {"type": kind, **fields}}
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        assert (await client.post(f"{url}/api/build-events", json=body)).status_code == 200


class Seen:
    """A watch under way and what it has told."""

    def __init__(self, watch: BuildsWatch) -> None:
        self.watch, self.events = watch, []
        self._came = asyncio.Event()

    async def run(self) -> None:
        async for event in self.watch.events():
            self.events.append(event)
            self._came.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._came.clear()
                await self._came.wait()

    def build(self, name: str) -> BuildSummary | None:
        return next((one for key, one in self.watch.builds.items() if key.build_id == name), None)

    @property
    def phases(self) -> list[str]:
        return [event.status.phase for event in self.events if isinstance(event, LinkChanged)]


@asynccontextmanager
async def watching(watch: BuildsWatch) -> AsyncIterator[Seen]:
    seen = Seen(watch)
    task = asyncio.create_task(seen.run())
    try:
        yield seen
    finally:
        await watch.aclose()
        await task


async def test_all_builds_and_then_every_change_of_one(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await post(server.url, "start", "old")
        await post(server.url, "build-completed", "old", summary="All green.")
        await post(server.url, "start", "b", "q")
        async with watching(BuildsWatch(server.url)) as seen:
            await seen.until(lambda: len(seen.watch.builds) == 2)
            old = seen.build("old")
            assert old is not None
            assert (old.status, old.now, old.project_name, old.host) == ("completed", "All green.", "p", "")
            call = {"toolCallId": "t", "toolName": "Bash", "input": {"command": "npm test"}}
            await post(server.url, "tool-input-available", "b", "q", **call)
            await seen.until(lambda: (now := seen.build("b")) is not None and now.now == "Bash npm test")
            await post(server.url, "start", "new")
            await seen.until(lambda: seen.build("new") is not None)
            assert next(type(event) for event in seen.events if not isinstance(event, LinkChanged)) is BuildsListed
            assert seen.phases[:2] == ["connecting", "live"]


async def test_after_a_restart_of_the_server_the_list_is_true_again(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        await post(server.url, "start")
        seen_by = watching(BuildsWatch(server.url, chance=lambda: 0.0))
        seen = await seen_by.__aenter__()
        await seen.until(lambda: seen.build("b") is not None)
    await seen.until(lambda: "retrying" in seen.phases)
    async with running(tmp_path, port=port) as server:
        await post(server.url, "build-completed")
        await seen.until(lambda: (now := seen.build("b")) is not None and now.status == "completed")
        await seen_by.__aexit__(None, None, None)


@pytest.mark.parametrize("way", ["ws", "sse"])
async def test_what_was_missed_in_an_absence_comes_and_nothing_else(tmp_path: Path, monkeypatch, way: str) -> None:
    if way == "sse":

        async def blocked(*_: object) -> None:
            raise transport.Blocked("no WebSocket here")

        monkeypatch.setattr(transport, "connect", blocked)
    async with running(tmp_path) as server:
        await post(server.url, "start", "a")
        async with watching(BuildsWatch(server.url, chance=lambda: 0.0)) as seen:
            await seen.until(lambda: seen.build("a") is not None and seen.watch.status.phase == "live")
            assert seen.watch.status.transport == way
            server.app.context.feed.close(1012, "for a test")
            await seen.until(lambda: "retrying" in seen.phases)
            await post(server.url, "start", "b")
            await seen.until(lambda: seen.build("b") is not None)
            lists = [event for event in seen.events if isinstance(event, BuildsListed)]
            changes = [event for event in seen.events if isinstance(event, BuildsChanged)]
            assert len(lists) == 1
            assert [build.build_id for build in changes[-1].builds] == ["b"]


async def test_one_project_and_what_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for build, project in (("a", "p"), ("b", "q"), ("c", "p")):
            await post(server.url, "start", build, project)
        await post(server.url, "build-completed", "c")
        async with watching(BuildsWatch(server.url, project="p", active=True)) as seen:
            await seen.until(lambda: len(seen.watch.builds) > 0)
            assert [key.build_id for key in seen.watch.builds] == ["a"]
            await post(server.url, "build-completed", "a")
            await seen.until(lambda: not seen.watch.builds)


async def test_the_list_is_paged(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client,
    ):
        for number in range(5):
            await post(server.url, "start", f"b{number}")
        pages, place = [], None
        while True:
            asked = {"limit": "2"} | ({"page": place} if place else {})
            answer = (await client.get("/api/builds", params=asked)).json()
            pages.append([build["buildId"] for build in answer["builds"]])
            place = answer["next"]
            if place is None:
                break
        assert [len(page) for page in pages] == [2, 2, 1]
        assert sorted(build for page in pages for build in page) == [f"b{number}" for number in range(5)]
        assert (await client.get("/api/builds", params={"page": "x"})).status_code == 400
        address = parse_address(server.url)
        assert len(await rest.all_builds(address, limit=3)) == 3
        assert await rest.all_builds(address, since=2**52) == ()


async def test_an_original_server_is_polled_and_says_so(monkeypatch) -> None:
    """Its list has no builds; they are read from its projects' messages."""
    state = '{"id":"b1","projectId":"p1","projectName":"Shop","isActive":true,"todos":[],"toolsByTodo":{}}'
    session = '{"session":{"id":"s1","status":"active"},"todos":[],"tools":[],"notes":[],"hydratedState":' + state + "}"
    answers = {
        "/api/projects": '{"projects":[{"id":"p1","name":"Shop","slug":"shop","status":"in_progress"}]}',
        "/api/projects/p1/messages": '{"messages":[],"sessions":[' + session + "]}",
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).decode().split()[1]
        body = answers.get(path)
        status, text = ("200 OK", body) if body else ("404 Not Found", "<html>nothing here</html>")
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    original = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = original.sockets[0].getsockname()[1]
    try:
        async with watching(BuildsWatch(f"http://127.0.0.1:{port}")) as seen:
            await seen.until(lambda: seen.build("b1") is not None)
            assert (seen.watch.status.phase, seen.watch.status.transport) == ("live", "poll")
    finally:
        original.close()


async def test_no_server_is_a_reason_and_tries_again() -> None:
    async with watching(BuildsWatch("http://127.0.0.1:9")) as seen:
        await seen.until(lambda: "retrying" in seen.phases)
        assert seen.watch.status.reason == "no server at http://127.0.0.1:9"


@pytest.mark.parametrize("status", [429, 408, 404])
async def test_a_feed_that_could_not_be_told_at_first_is_found_with_the_next_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Somebody between answers 404 for a server that restarts; a server with too many guests 429."""
    usual, answers = rest.all_builds, [ErrorAnswer(status, "not now")]

    async def all_builds(*asked: Any, **choice: Any) -> tuple[BuildSummary, ...]:
        if answers:
            raise answers.pop()
        return await usual(*asked, **choice)

    async def projects(_: Address) -> tuple[ListedProject, ...]:
        raise NoAnswer("connection refused")

    monkeypatch.setattr(rest, "all_builds", all_builds)
    monkeypatch.setattr(rest, "projects", projects)
    async with running(tmp_path) as server, watching(BuildsWatch(server.url, chance=lambda: 0.0)) as seen:
        await seen.until(lambda: seen.watch.status.phase == "live")
        assert seen.watch.status.transport == "ws"
