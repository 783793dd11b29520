"""Two servers over one PostgreSQL schema: what one takes, the watchers of the other see, whatever wakes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.wire.envelope import decode_posted
from sentryvibe_tui.wire.frames import Batch, Recovery, decode_frame

from ..services import drop_schemas, execute, need_postgres, need_redis, new_schema, with_schema

PATIENCE = 20.0
KEY = BuildKey("p", "s", "b")


@pytest.fixture(params=["postgres", "redis"])
def hints(request: pytest.FixtureRequest) -> str:
    """The URL of what wakes the servers; empty: the database."""
    return need_redis() if request.param == "redis" else ""


@pytest.fixture
def schema() -> Iterator[str]:
    need_postgres()
    name = new_schema()
    yield name
    drop_schemas(name)


@pytest.fixture
def look_every() -> float:
    """Seconds between two looks at the store without a hint."""
    return 1.0


@pytest.fixture
async def servers(tmp_path: Path, schema: str, hints: str, look_every: float) -> AsyncIterator[list[Running]]:
    async with AsyncExitStack() as stack:
        limits = ServerLimits(store=with_schema(schema), hints=hints, heartbeat=0.5, look_every=look_every)
        yield [await stack.enter_async_context(running(tmp_path / name, settings=limits)) for name in ("one", "other")]


def event(text: str, build: str = "b", **more: Any) -> dict[str, Any]:
    said = {"type": "text-delta", "id": "x", "delta": text}
    return {"projectId": "p", "sessionId": "s", "buildId": build, "event": said} | more


async def post(server: Running, *events: dict[str, Any]) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        answer = await http.post("/api/build-events", content=json.dumps(events))
        assert answer.status_code == 200, answer.text
        return answer.json()


class Watch:
    """Versions of a build as they come over a WebSocket; a hole or a repeat is an error."""

    def __init__(self, server: Running) -> None:
        self._url = f"{server.url.replace('http', 'ws', 1)}/ws?projectId=p&protocol=2"
        self.at = 0
        self.recoveries = 0
        self._moved = asyncio.Event()

    async def run(self) -> None:
        import websockets

        async with websockets.connect(self._url, proxy=None) as link:
            async for message in link:
                self._take(decode_frame(message, 0))

    def _take(self, frame: object) -> None:
        match frame:
            case Recovery(state) if state is not None:
                self.at, self.recoveries = state.version, self.recoveries + 1
            case Batch() as batch:
                for entry in batch.changes:
                    version = getattr(entry, "version", 0)
                    assert version == self.at + 1, f"{version} after {self.at}"
                    self.at = version
            case _:
                return
        self._moved.set()

    async def reaches(self, version: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.at < version:
                self._moved.clear()
                await self._moved.wait()


@pytest.fixture
async def watching() -> AsyncIterator[Any]:
    tasks: list[asyncio.Task[None]] = []

    async def start(server: Running, since: int) -> Watch:
        watch = Watch(server)
        tasks.append(asyncio.create_task(watch.run()))
        await watch.reaches(since)
        return watch

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result


async def test_a_watcher_sees_what_another_server_takes(servers: list[Running], watching: Any) -> None:
    one, other = servers
    await post(one, event("a"))
    watch = await watching(other, 1)
    for number in range(2, 30):
        await post(servers[number % 3 == 0], event(f"{number},"))
    await watch.reaches(29)
    assert watch.recoveries == 1
    states = [await server.app.context.store.state(KEY) for server in servers]
    assert states[0] == states[1]


@pytest.mark.parametrize("look_every", [3600.0])
async def test_a_hint_is_quicker_than_the_look_at_the_store(servers: list[Running], watching: Any) -> None:
    await post(servers[0], event("a"))
    watch = await watching(servers[1], 1)
    for number in range(2, 8):
        await post(servers[0], event("b"))
        await watch.reaches(number)


async def test_without_any_hint_a_look_at_the_store_finds_it(servers: list[Running], watching: Any) -> None:
    for server in servers:
        await server.app.context._peers._bus.stop()  # type: ignore[union-attr]
    await post(servers[0], event("a"))
    watch = await watching(servers[1], 1)
    await post(servers[0], event("b"), event("c"))
    await watch.reaches(3)


async def _cut(hints: str, schema: str) -> None:
    """The connections by which the servers of a schema hear hints."""
    if hints:
        import redis.asyncio

        async with redis.asyncio.Redis.from_url(hints) as admin:
            for client in await admin.client_list():
                if client["name"] == f"sentryvibe-tui:{schema}":
                    await admin.client_kill_filter(_id=client["id"])
        return
    hearing = "query LIKE '%pg_notify%' OR query LIKE 'LISTEN%' OR query = 'SELECT 1'"
    of_ours = f"application_name = 'sentryvibe-tui {schema}' AND ({hearing})"
    await asyncio.to_thread(execute, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of_ours}")


@pytest.mark.parametrize("look_every", [3600.0])
async def test_hints_come_back_after_the_connections_were_cut(
    servers: list[Running], watching: Any, hints: str, schema: str
) -> None:
    await post(servers[0], event("a"))
    watch = await watching(servers[1], 1)
    await _cut(hints, schema)
    number = 1
    async with asyncio.timeout(PATIENCE):
        while watch.at == 1:  # hints that nobody hears are lost, and no look finds what they told of
            await post(servers[0], event("b"))
            number += 1
            await asyncio.sleep(0.1)
    await post(servers[0], event("c"))
    await watch.reaches(number + 1)


async def test_the_list_of_one_server_has_the_builds_of_the_other(servers: list[Running]) -> None:
    import websockets

    url = f"{servers[1].url.replace('http', 'ws', 1)}/ws?scope=builds&protocol=2"
    async with websockets.connect(url, proxy=None) as link, asyncio.timeout(PATIENCE):
        await post(servers[0], event("a", build="new"))
        while '"new"' not in str(await link.recv(decode=True)):
            pass


@pytest.mark.parametrize("look_every", [3600.0])
async def test_the_list_of_one_server_hears_at_once_of_what_the_other_finds_damaged(
    servers: list[Running], schema: str
) -> None:
    import websockets

    for number in range(3):
        await post(servers[0], event(f"{number}"))
    await asyncio.to_thread(execute, f"DELETE FROM {schema}.entries WHERE version = 2")
    url = f"{servers[0].url.replace('http', 'ws', 1)}/ws?scope=builds&protocol=2"
    async with (
        websockets.connect(url, proxy=None) as link,
        httpx.AsyncClient(base_url=servers[1].url, trust_env=False) as http,
        asyncio.timeout(PATIENCE),
    ):
        while "heartbeat" not in str(await link.recv(decode=True)):
            pass
        await http.get("/api/projects/p/messages", params={"sessionId": "s"})
        while True:
            frame = json.loads(await link.recv(decode=True))
            if any(row.get("damaged") for row in frame.get("builds", ())):
                break


@pytest.mark.parametrize(("remaining", "code"), [(("kept",), 1012), ((), 4404)])
async def test_what_one_server_deletes_is_gone_from_the_other(
    servers: list[Running], remaining: tuple[str, ...], code: int
) -> None:
    import websockets

    for build in (*remaining, "b"):
        await post(servers[0], event("a", build=build) | {"sessionId": build})
    await post(servers[0], event("", event={"type": "build-completed"}) | {"sessionId": "b"})
    base = servers[1].url.replace("http", "ws", 1)
    async with (
        websockets.connect(f"{base}/ws?projectId=p&protocol=2&sessionId=b", proxy=None) as link,
        websockets.connect(f"{base}/ws?scope=builds&protocol=2", proxy=None) as overview,
        httpx.AsyncClient(base_url=servers[0].url, trust_env=False) as http,
        asyncio.timeout(PATIENCE),
    ):
        for _ in range(3):  # connected, the state, and the mark after it
            await link.recv()
        deleted = await http.delete("/api/builds", params={"projectId": "p", "sessionId": "b", "buildId": "b"})
        assert deleted.status_code == 200, deleted.text
        with suppress(websockets.ConnectionClosed):
            async for _ in link:
                pass
        assert link.close_code == code
        while '"removed":[{' not in str(await overview.recv(decode=True)):
            pass


async def test_a_heartbeat_is_known_wherever_it_is_sent_and_silence_is_ended_once(
    servers: list[Running], schema: str
) -> None:
    one, other = servers
    await post(one, event("a"))
    context = other.app.context
    async with httpx.AsyncClient(base_url=other.url, trust_env=False) as http:
        beat = {"projectId": "p", "sessionId": "s", "buildId": "b"}
        assert (await http.post("/api/build-heartbeats", json=beat)).json() == {"known": True}
        beat["buildId"] = "nobody's"
        assert (await http.post("/api/build-heartbeats", json=beat)).json() == {"known": False}
    shared = [server.app.context._shared for server in servers]
    assert await shared[0].silent(60) == ()  # type: ignore[union-attr]
    await asyncio.to_thread(execute, f"UPDATE {schema}.builds SET heard_at = now() - interval '1 hour'")
    given = await asyncio.gather(*(store.silent(60) for store in shared))  # type: ignore[union-attr]
    assert sorted(given) == [(), ((KEY, 0),)]
    await asyncio.to_thread(execute, f"UPDATE {schema}.builds SET heard_at = now() - interval '1 hour'")
    await shared[1].heard([KEY])  # type: ignore[union-attr]
    assert await shared[0].silent(60) == ()  # type: ignore[union-attr]
    assert context.liveness.sign(KEY) is not None


async def test_a_silent_agent_is_ended_by_one_of_them(tmp_path: Path, schema: str) -> None:
    limits = ServerLimits(store=with_schema(schema), silence=1.5)
    async with running(tmp_path / "one", settings=limits) as one, running(tmp_path / "other", settings=limits) as other:
        await post(one, event("a"))
        async with asyncio.timeout(PATIENCE):
            while await other.app.context.store.active_builds():  # noqa: ASYNC110  the servers' own time
                await asyncio.sleep(0.1)
        state = await other.app.context.store.state(KEY)
        assert state is not None
        assert state.status == "interrupted"
        assert state.version == 2


async def test_after_a_renewal_a_list_still_belongs_to_the_server_that_counts_its_changes(
    servers: list[Running], schema: str
) -> None:
    """Who moves to the other server with what the first one counted must get the whole list."""
    contexts = [server.app.context for server in servers]
    before = [context.feed.epoch for context in contexts]
    await asyncio.to_thread(execute, f"UPDATE {schema}.meta SET value = 'other' WHERE key = 'epoch'")
    async with asyncio.timeout(PATIENCE):
        while any(context.hub.epoch != "other" for context in contexts):  # noqa: ASYNC110  the servers' own time
            await asyncio.sleep(0.05)
    assert len({*before, *(context.feed.epoch for context in contexts)}) == 4


async def test_a_renewed_log_ends_every_link_of_every_server(servers: list[Running], schema: str) -> None:
    import websockets

    await post(servers[0], event("a"))
    url = f"{servers[1].url.replace('http', 'ws', 1)}/ws?projectId=p&protocol=2"
    async with websockets.connect(url, proxy=None) as link, asyncio.timeout(PATIENCE):
        await link.recv()
        await asyncio.to_thread(execute, f"UPDATE {schema}.meta SET value = 'other' WHERE key = 'epoch'")
        with suppress(websockets.ConnectionClosed):
            async for _ in link:
                pass
    assert link.close_code == 1012
    assert servers[1].app.context.hub.epoch == "other"
    assert (await servers[1].app.context.store.append(decode_posted(json.dumps(event("b")).encode()), 1)).version == 2
