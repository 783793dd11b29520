"""Watch and publisher over real sockets, against the real server."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import serve

from sentryvibe_tui.client.driver import Ear
from sentryvibe_tui.client.limits import PublisherLimits
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.reconnect import Opening
from sentryvibe_tui.client.rest import (
    AmbiguousProject,
    NoSuchProject,
    ProjectRef,
    choose,
    projects,
    resolve,
    whole_tool,
)
from sentryvibe_tui.client.transport import Ended
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, SignOfLife, Snapshot
from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.model.events import About, BuildStarted, TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, TodoItem
from sentryvibe_tui.model.progress import progress
from sentryvibe_tui.model.state import Agent
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.wire.address import parse_address
from sentryvibe_tui.wire.json import plain, raw
from sentryvibe_tui.wire.state import encode_state

from ..patience import PATIENCE

ABOUT = About("shop", "s1", "b1", Agent("claude-code", "sonnet", "Shop"))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Seen:
    """A watch that runs beside the test, and what it told."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.events, self._news = watch, [], asyncio.Event()
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(lambda _: self._news.set())

    async def _run(self) -> None:
        async for event in self.watch.events():
            self.events.append(event)
            self._news.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds(self.watch):
                assert not self.task.done(), self.task
                self._news.clear()
                await self._news.wait()

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
        async with asyncio.timeout(PATIENCE):
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


async def test_what_is_too_large_for_a_body_arrives_without_its_middle(tmp_path) -> None:
    huge = "first" + "\x1b" * 2_000_000 + "last"
    async with running(tmp_path / "data") as server, Publisher(server.url, ABOUT, tmp_path / "out") as publisher:
        publisher.publish(ToolStarted("t", "Bash", raw({"command": "cat", "input": huge})))
        publisher.publish(ToolEnded("t", raw(huge)))
        publisher.publish(TextAdded("n", huge))
        publisher.publish(TextAdded("n", "more"))
        assert await publisher.drain(20)
        assert publisher.parked == 0
        state = await server.app.context.store.state(BuildKey("shop", "s1", "b1"))
        _, kept = await whole_tool(parse_address(server.url), "s1", "t")
    assert state is not None
    tool = state.tool("t")
    assert kept is not None
    assert 50_000 < len(bytes(kept)) < 200_000
    assert tool is not None
    assert (tool.state, tool.clipped, tool.output_bytes > 2_000_000) == ("output-available", True, True)
    assert len(bytes(tool.output)) <= 4096
    assert plain(tool.input)["command"] == "cat"
    assert plain(tool.output).startswith("first")
    text = "".join(note.text for note in state.notes())
    assert text.startswith("first")
    assert text.endswith("lastmore")
    assert "characters left out" in text


async def test_a_server_restarts_and_nothing_is_lost_or_twice(tmp_path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    troubled = asyncio.Event()
    cannot = {"report": lambda _: troubled.set(), "chance": lambda: 0.0}
    async with Publisher(url, ABOUT, tmp_path / "out", **cannot) as publisher:  # noqa: SIM117
        async with watching(url, "shop", chance=lambda: 0.0) as seen:
            async with running(tmp_path / "data", port=port):
                whole_build(publisher)
                await seen.until(lambda w: w.state.tool_count == 5)
            await seen.until(lambda w: w.status.phase in ("retrying", "connecting"))
            for number in range(5, 9):
                publisher.publish(ToolStarted(f"t{number}", "Bash"))
            await troubled.wait()
            assert publisher.depth == 4
            async with running(tmp_path / "data", port=port):
                assert await publisher.drain(10)
                await seen.until(lambda w: w.state.tool_count == 9)
                await seen.until(lambda w: bool(seen.of(CaughtUp)))
                assert seen.watch.state.version == 16
                assert [s.cause for s in seen.of(Snapshot)] in (["hydrated"], ["hydrated", "new-build"])


async def tell(url: str, outbox, about: About, *events) -> None:
    async with Publisher(url, about, outbox, chance=lambda: 0.0) as publisher:
        for event in events:
            publisher.publish(event)
        assert await publisher.drain(10)


async def back(seen: Seen) -> CaughtUp:
    """Waits for what is said of the absence that ends now."""
    count = len(seen.of(CaughtUp))
    seen.watch.retry_now()
    await seen.until(lambda _: len(seen.of(CaughtUp)) > count)
    return seen.of(CaughtUp)[-1]


@pytest.mark.parametrize("how", ["restored", "wiped", "set back with its witness"])
async def test_a_log_that_was_set_back_is_followed_from_there(tmp_path, how, monkeypatch) -> None:
    """The builds go on under the same ids, and numbers that were given once are given again."""
    port, data = free_port(), tmp_path / "data"
    url = f"http://127.0.0.1:{port}"
    lives = [[ToolStarted(f"{life}-{number}", "Bash") for number in range(4)] for life in range(3)]
    async with watching(url, "shop", chance=lambda: 0.0) as seen:
        async with running(data, port=port):
            await tell(url, tmp_path / "out", ABOUT, *lives[0])
        kept = {path: path.read_bytes() for path in data.iterdir()}
        async with running(data, port=port) as server:
            await tell(url, tmp_path / "out", ABOUT, *lives[1])
            seen.watch.retry_now()
            await seen.until(lambda w: w.state.version == 8)
            before = server.app.context.store.epoch
        for path in data.iterdir():
            path.unlink()
        for path, content in kept.items() if how != "wiped" else ():
            if how != "restored" or path.name.startswith("builds"):
                path.write_bytes(content)
        monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "another machine's"))
        async with running(data, port=port) as server:
            store = server.app.context.store
            assert (store.epoch == before) == (how == "set back with its witness")
            if how == "set back with its witness":
                assert (await back(seen)).how == "resynchronised"
            await tell(url, tmp_path / "out", ABOUT, *lives[2], *lives[1][:1])
            seen.watch.retry_now()
            expected = await store.state(BuildKey("shop", "s1", "b1"))
            await seen.until(lambda w: w.state == expected)
            seen.watch.retry_now()
            await tell(url, tmp_path / "out", ABOUT, BuildEnded("completed"))
            await seen.until(lambda w: not w.state.is_active)
            assert seen.watch.state == await store.state(BuildKey("shop", "s1", "b1"))


@pytest.mark.parametrize("past", [4, 5], ids=["as far", "further"])
async def test_a_log_set_back_that_grew_on_while_the_watcher_was_away_is_told_from_the_old_one(
    tmp_path, past, monkeypatch
) -> None:
    """A copy on another machine knows nothing of what came after it: only the watcher does."""
    port, data = free_port(), tmp_path / "data"
    url = f"http://127.0.0.1:{port}"
    async with watching(url, "shop", chance=lambda: 0.0) as seen:
        async with running(data, port=port):
            await tell(url, tmp_path / "out", ABOUT, *(ToolStarted(f"kept-{number}", "Bash") for number in range(4)))
            await seen.until(lambda w: w.state.version == 4)
        kept = {path: path.read_bytes() for path in data.iterdir()}
        async with running(data, port=port) as server:
            await tell(url, tmp_path / "out", ABOUT, *(ToolStarted(f"lost-{number}", "Bash") for number in range(4)))
            seen.watch.retry_now()
            await seen.until(lambda w: w.state.version == 8)
            epoch = server.app.context.store.epoch
        await seen.until(lambda w: w.status.phase in ("retrying", "connecting"))
        for path, content in kept.items():
            path.write_bytes(content)
        monkeypatch.setenv("SENTRYVIBE_STATE_DIR", str(tmp_path / "another machine's"))
        async with running(data) as elsewhere:
            again = (ToolStarted(f"new-{number}", "Bash") for number in range(past))
            await tell(elsewhere.url, tmp_path / "out", ABOUT, *again)
        async with running(data, port=port) as server:
            assert server.app.context.store.epoch == epoch
            assert (await back(seen)).how == "resynchronised"
            assert seen.watch.state == await server.app.context.store.state(BuildKey("shop", "s1", "b1"))


async def test_a_watcher_that_was_away_for_several_builds_sees_the_newest_and_finds_the_others(tmp_path) -> None:
    port = free_port()
    url, out = f"http://127.0.0.1:{port}", tmp_path / "out"
    one, two, three = (About("shop", f"s{number}", f"b{number}", ABOUT.agent) for number in (1, 2, 3))
    # by itself this watcher would come back after a quarter of an hour
    async with watching(url, "shop", chance=lambda: 1e3) as seen:
        async with running(tmp_path / "data", port=port):
            await tell(url, out, one, BuildStarted(), ToolStarted("t", "Bash"))
            seen.watch.retry_now()
            await seen.until(lambda w: w.state.tool_count == 1)
        await seen.until(lambda w: w.status.phase == "retrying")
        async with running(tmp_path / "data", port=port):
            await tell(url, out, one, BuildEnded("failed", error="no disk"))
            await tell(url, out, two, BuildStarted(), ToolStarted("u", "Bash"), BuildEnded("completed"))
            await tell(url, out, three, TodosReported((TodoItem("only", "completed"),)))
            said = await back(seen)
            state = seen.watch.state
            assert (state.id, state.status, state.tool_count, progress(state).percent) == ("b3", "active", 0, 100)
            assert (said.how, said.missed) == ("resynchronised", 1)
            rows = await seen.watch.builds()
            assert [(row.build_id, row.status) for row in rows] == [
                ("b3", "active"),
                ("b2", "completed"),
                ("b1", "failed"),
            ]
            first = await seen.watch.build("s1", "b1")
            assert first is not None
            assert (first.error, first.open_tools) == ("no disk", frozenset())


async def test_what_waits_in_an_outbox_is_told_to_the_watchers(tmp_path, monkeypatch) -> None:
    settings = ServerLimits(heartbeat=0.02, round_every=0.02)
    async with (
        running(tmp_path / "data", settings=settings) as server,
        Publisher(
            server.url, ABOUT, tmp_path / "out", chance=lambda: 0.0, limits=PublisherLimits(heartbeat_every=0.02)
        ) as publisher,
        watching(server.url, "shop") as seen,
    ):
        publisher.publish(BuildStarted())
        await seen.until(lambda w: w.status.phase == "live")
        store = server.app.context.store

        async def full(*_) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(store, "append", full)
            for number in range(3):
                publisher.publish(ToolStarted(f"t{number}", "Bash"))
            await seen.until(lambda _: any(sign.outbox == 3 for sign in seen.of(SignOfLife)))
        await seen.until(lambda w: w.state.tool_count == 3)
        await seen.until(lambda _: seen.of(SignOfLife)[-1].outbox == 0)


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


async def test_a_connection_that_was_cut_says_nothing_more() -> None:
    class AllAtOnce(Watch):
        """Its server sends what cannot be read and closes, before the link has heard of either."""

        async def _any_way(self, opening: Opening, ear: Ear) -> None:
            await ear.opened("ws")
            await ear.frame(b"\x1f\x8bno frame")
            raise Ended(1011)

    async with asyncio.timeout(PATIENCE), aclosing(AllAtOnce("http://127.0.0.1:1", "shop").events()) as events:
        statuses = [(await anext(events)).status for _ in range(4)]
    assert [(status.phase, status.attempt) for status in statuses] == [
        ("connecting", 0),
        ("retrying", 1),
        ("connecting", 1),
        ("retrying", 2),
    ]


async def test_a_machine_without_a_thread_to_spare_is_tried_again() -> None:
    class Full(ThreadPoolExecutor):
        """As where the limit of processes is reached."""

        def submit(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("can't start new thread")

    asyncio.get_running_loop().set_default_executor(Full(1))
    async with asyncio.timeout(PATIENCE), aclosing(Watch("http://127.0.0.1:1", "shop").events()) as events:
        statuses = [(await anext(events)).status for _ in range(2)]
    assert (statuses[-1].phase, statuses[-1].reason) == ("retrying", "RuntimeError: can't start new thread")
