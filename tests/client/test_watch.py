"""Watch and publisher over real sockets, against the real server."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import serve

from sentryvibe_tui.client.address import parse_address
from sentryvibe_tui.client.hydrate import AmbiguousProject, NoSuchProject, ProjectRef, choose, projects, resolve
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, Snapshot
from sentryvibe_tui.model.events import (
    About,
    BuildEnded,
    BuildStarted,
    TextAdded,
    TodoItem,
    TodosReported,
    ToolEnded,
    ToolStarted,
)
from sentryvibe_tui.model.state import Agent
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.wire.state import encode_state

ABOUT = About("shop", "s1", "b1", Agent("claude-code", "sonnet", "Shop"))
pytestmark = pytest.mark.timeout(60)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Seen:
    """A watch that runs beside the test, and what it told."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.events = watch, []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for event in self.watch.events():
            self.events.append(event)

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds(self.watch):
                assert not self.task.done(), self.task
                await asyncio.sleep(0.005)

    def of(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def watching(*args, **options):
    before = asyncio.all_tasks()
    seen = Seen(Watch(*args, **options))
    try:
        yield seen
    finally:
        await seen.watch.aclose()
        async with asyncio.timeout(5):
            await seen.task
        left = {task for task in asyncio.all_tasks() - before if task.get_name() in ("watch", "connection")}
        assert not left


def whole_build(publisher: Publisher, tools: int = 5, big: int = 0) -> None:
    publisher.publish(BuildStarted())
    publisher.publish(TodosReported((TodoItem("one", "in_progress"),)))
    for number in range(tools):
        publisher.publish(ToolStarted(f"t{number}", "Bash"))
        publisher.publish(ToolEnded(f"t{number}"))
        if big:
            publisher.publish(TextAdded(f"n{number}", "lorem " * big))


async def test_what_is_published_is_seen_by_all(tmp_path) -> None:
    async with running(tmp_path / "data") as server, Publisher(server.url, ABOUT, tmp_path / "out") as publisher:
        async with watching(server.url, "shop") as early:
            await early.until(lambda w: w.status.phase == "waiting" and w.status.rtt_ms is not None)
            whole_build(publisher)
            await early.until(lambda w: w.state.tool_count == 5)
            async with watching(server.url, "shop") as late:
                publisher.publish(BuildEnded("completed", "done"))
                assert await publisher.drain(5)
                for seen in (early, late):
                    await seen.until(lambda w: w.state.status == "completed")
            assert early.watch.state.version == 13
            assert encode_state(early.watch.state) == encode_state(late.watch.state)
            [summary] = await early.watch.builds()
            assert (summary.build_id, summary.status, summary.tools) == ("b1", "completed", 5)
            assert await early.watch.build("s1", "b1") == early.watch.state
            assert await early.watch.build("s1", "b9") is None
        assert publisher.depth == publisher.parked == 0
    assert not list((tmp_path / "out").glob("*.sqlite*"))


async def test_large_states_come_compressed(tmp_path) -> None:
    async with running(tmp_path / "data") as server, Publisher(server.url, ABOUT, tmp_path / "out") as publisher:
        whole_build(publisher, 60, 800)
        assert await publisher.drain(10)
        async with watching(server.url, "shop") as seen:
            await seen.until(lambda w: w.state.tool_count == 60)
            assert len(encode_state(seen.watch.state)) > 200_000


async def test_a_server_restarts_and_nothing_is_lost_or_twice(tmp_path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with Publisher(url, ABOUT, tmp_path / "out", chance=lambda: 0.0) as publisher:  # noqa: SIM117
        async with watching(url, "shop", chance=lambda: 0.0) as seen:
            async with running(tmp_path / "data", port=port):
                whole_build(publisher)
                await seen.until(lambda w: w.state.tool_count == 5)
            await seen.until(lambda w: w.status.phase in ("retrying", "connecting"))
            for number in range(5, 9):
                publisher.publish(ToolStarted(f"t{number}", "Bash"))
            await asyncio.sleep(0.1)
            assert publisher.depth == 4
            async with running(tmp_path / "data", port=port):
                assert await publisher.drain(10)
                await seen.until(lambda w: w.state.tool_count == 9)
                await seen.until(lambda w: bool(seen.of(CaughtUp)))
                assert seen.watch.state.version == 16
                assert [s.cause for s in seen.of(Snapshot)] in (["hydrated"], ["hydrated", "new-build"])


async def test_accept_then_close_is_no_storm() -> None:
    count = 0

    async def slam(ws) -> None:
        nonlocal count
        count += 1

    async with serve(slam, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with watching(f"http://127.0.0.1:{port}", "shop") as seen:
            await seen.until(lambda w: w.status.attempt == 2)
    assert count <= 3


async def test_giving_up_ends_the_watch_unless_it_stays() -> None:
    times = iter(range(0, 10**9, 40_000))
    watch = Watch(f"http://127.0.0.1:{free_port()}", "shop", clock=lambda: next(times))
    phases = [event.status.phase async for event in watch.events() if isinstance(event, LinkChanged)]
    assert phases[-1] == "gave-up"
    assert phases.count("retrying") == 10


LISTING = [ProjectRef("p-1", "Shop", "shop"), ProjectRef("p-2", "Shoes", "shoes"), ProjectRef("q", "Ünder", "p-1x")]


@pytest.mark.parametrize(
    ("text", "found"), [("p-1", "p-1"), ("shop", "p-1"), ("SHOES", "p-2"), ("sho", None), ("ü", "q")]
)
def test_projects_are_found_by_id_slug_name_or_unique_prefix(text, found) -> None:
    if found is None:
        with pytest.raises(AmbiguousProject, match="p-1, p-2"):
            choose(text, LISTING)
    else:
        assert choose(text, LISTING).id == found


async def test_a_wrong_name_lists_what_there_is(tmp_path) -> None:
    async with running(tmp_path / "data") as server, Publisher(server.url, ABOUT, tmp_path / "out") as publisher:
        publisher.publish(BuildStarted())
        assert await publisher.drain(5)
        address = parse_address(server.url)
        assert (await resolve(address, "sho")).id == "shop"
        with pytest.raises(NoSuchProject, match="Shop"):
            await resolve(address, "tide")
        [project] = await projects(address)
        assert project.builds[0].build_id == "b1"
        assert isinstance(project.builds[0].started_at, int)
