"""A bad network between a publisher, the server and its watchers: everybody ends with what the store has."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from msgspec import Raw

from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, WatchEvent
from sentryvibe_tui.model.events import (
    About,
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
)
from sentryvibe_tui.model.facts import BuildEnded, TodoItem
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.wire.state import encode_state

from ..patience import PATIENCE

ABOUT = About("p", "s", "b", Agent(agent_id="claude-code", model="sonnet", project_name="Proxy"))


def story(tools: int) -> Iterable[BuildEvent]:
    yield BuildStarted()
    for step in range(4):
        yield TodosReported(
            tuple(
                TodoItem(f"step {n}", "completed" if n < step else "in_progress" if n == step else "pending")
                for n in range(4)
            )
        )
        for number in range(tools // 4):
            tool_id = f"t{step}-{number}"
            yield ToolStarted(tool_id, "Bash", Raw(b'{"command":"npm test"}'))
            yield TextAdded(f"n{step}", f"word {number} ")
            yield ToolEnded(tool_id, Raw(json.dumps("line\n" * number).encode()), is_error=number % 9 == 8)
    yield TodosReported(tuple(TodoItem(f"step {n}", "completed") for n in range(4)))
    yield BuildEnded("completed", "done")


class Seen:
    """One watcher's whole life: every event it told, and the state it holds."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.told: list[WatchEvent] = []
        self.changed = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for event in self.watch.events():
            self.told.append(event)
            self.changed.set()

    @property
    def state(self) -> BuildState:
        return self.watch.state

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not reached():
                self.changed.clear()
                if reached():
                    return
                await self.changed.wait()

    async def close(self) -> None:
        await self.watch.aclose()
        await self._task


async def publish(url: str, outbox: Path, events: Iterable[BuildEvent], pace: float = 0.0) -> None:
    async with Publisher(url, ABOUT, outbox, source="story", report=lambda _: None) as publisher:
        for event in events:
            publisher.publish(event)
            await asyncio.sleep(pace)
        assert await publisher.drain(PATIENCE)


def stored(server) -> dict:
    return server.state("p")


def same(state: BuildState, server) -> bool:
    return json.loads(encode_state(state)) == stored(server)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_cut_delayed_and_split_links_lose_nothing(server, proxy_to, tmp_path: Path, seed: int) -> None:
    async with proxy_to(server.port, seed=seed) as posts, proxy_to(server.port, seed=seed + 100) as watched:
        posts.weather.cut, posts.weather.split, posts.weather.delay = 0.01, 0.1, 0.2
        watched.weather.cut, watched.weather.split, watched.weather.delay = 0.01, 0.1, 0.2
        watchers = [Seen(Watch(watched.url, "p", wait=True)) for _ in range(3)]
        publishing = asyncio.create_task(publish(posts.url, tmp_path / "outbox", story(120), pace=0.004))
        await watchers[0].until(lambda: watchers[0].state.version > 60)
        posts.cut_all()
        watched.cut_all()
        await publishing
        for watcher in watchers:
            await watcher.until(lambda watcher=watcher: not watcher.state.is_active)
            assert same(watcher.state, server)
            await watcher.close()
        assert posts.cuts
        assert watched.cuts
        assert posts.forwarded > 20_000
        assert watched.forwarded > 60_000
    kept = stored(server)
    tools = [tool for group in [*kept["toolsByTodo"].values(), kept.get("planningTools", [])] for tool in group]
    assert len(tools) == len({tool["id"] for tool in tools}) == 120


async def test_a_black_hole_is_noticed_and_made_good(server, proxy_to, tmp_path: Path) -> None:
    events = list(story(40))
    async with proxy_to(server.port, seed=5) as proxy:
        watcher = Seen(Watch(proxy.url, "p", wait=True))
        await publish(server.url, tmp_path / "one", events[:20])
        await watcher.until(lambda: watcher.state.version >= 20)
        proxy.weather.hole = True
        await publish(server.url, tmp_path / "two", events)
        await watcher.until(
            lambda: any(isinstance(e, LinkChanged) and e.status.phase == "retrying" for e in watcher.told)
        )
        assert proxy.swallowed
        proxy.weather.hole = False
        await watcher.until(lambda: not watcher.state.is_active)
        await watcher.until(lambda: any(isinstance(e, CaughtUp) for e in watcher.told))
        assert same(watcher.state, server)
        await watcher.close()


async def test_a_server_that_dies_again_and_again(server, tmp_path: Path) -> None:
    events = list(story(200))
    watcher = Seen(Watch(server.url, "p", wait=True))
    async with Publisher(server.url, ABOUT, tmp_path / "outbox", source="story", report=lambda _: None) as publisher:
        for life in range(3):
            for number, event in enumerate(events[life * 150 : (life + 1) * 150]):
                publisher.publish(event)
                await asyncio.sleep(0)
                if number == 75:
                    await watcher.until(lambda: watcher.state.version > 0)
                    await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            assert await publisher.drain(PATIENCE)
            head = stored(server)["stateVersion"]
            await watcher.until(lambda head=head: watcher.state.version >= head)
        for event in events[450:]:
            publisher.publish(event)
        assert await publisher.drain(PATIENCE)
    await watcher.until(lambda: not watcher.state.is_active)
    assert same(watcher.state, server)
    assert sum(isinstance(event, CaughtUp) for event in watcher.told) >= 3
    await watcher.close()


async def test_a_watcher_back_after_a_long_absence_gets_what_it_missed(server, proxy_to, tmp_path: Path) -> None:
    events = list(story(40))
    async with proxy_to(server.port, seed=6) as proxy:
        watcher = Seen(Watch(proxy.url, "p", wait=True))
        await publish(server.url, tmp_path / "one", events[:30])
        await watcher.until(lambda: watcher.state.version >= 30)
        proxy.weather.shut = True
        proxy.cut_all()
        await publish(server.url, tmp_path / "two", events)
        proxy.weather.shut = False
        watcher.watch.retry_now()
        await watcher.until(lambda: any(isinstance(event, CaughtUp) for event in watcher.told))
        (back,) = [event for event in watcher.told if isinstance(event, CaughtUp)]
        assert back.how == "replayed"
        assert back.missed > 50
        assert same(watcher.state, server)
        await watcher.close()


async def test_a_state_that_takes_longer_than_any_silence_may_last_arrives(server, proxy_to, tmp_path: Path) -> None:
    """Both sides wait: neither pongs nor frames get past it for 15 s, and no answer is whole for as long."""
    noise = random.Random(1)
    calls = [(f"t{number}", Raw(b'"%s"' % noise.randbytes(2000).hex().encode())) for number in range(400)]
    await publish(
        server.url,
        tmp_path / "outbox",
        [event for name, said in calls for event in (ToolStarted(name, "Bash", Raw(b"{}")), ToolEnded(name, said))],
    )
    async with proxy_to(server.port, seed=7) as proxy:
        proxy.weather.rate = 60_000
        watcher = Seen(Watch(proxy.url, "p"))
        begun = time.monotonic()
        await watcher.until(lambda: watcher.state.version >= 800)
        assert time.monotonic() - begun > 12.5
        assert proxy.connections == 1
        assert proxy.forwarded > 800_000
        assert same(watcher.state, server)
        await watcher.close()
