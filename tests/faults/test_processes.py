"""The commands as processes with a bad network between them, and kill -9 of each in turn."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path

import pytest

from ..patience import PATIENCE

SAMPLE = Path(__file__).parents[1] / "data/transcripts/codex-exec/heru-file-change.jsonl"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which commands touch nothing but `tmp_path`."""
    folders = {name: str(tmp_path / name.lower()) for name in ("HOME", "SENTRYVIBE_DATA_DIR", "SENTRYVIBE_RUNTIME_DIR")}
    return os.environ | folders | {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_DATA_HOME": str(tmp_path / "share")}


async def start(home: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sentryvibe_tui", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=home, limit=2**24
    )


async def end_of(watching: asyncio.subprocess.Process) -> dict:
    """The last line of `watch --jsonl`."""
    async with asyncio.timeout(PATIENCE):
        said, trouble = await watching.communicate()
    assert said, trouble.decode()
    return json.loads(said.splitlines()[-1])


async def test_killed_and_started_again_over_cut_links(server, proxy_to, home) -> None:
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    async with proxy_to(server.port, seed=11) as posts, proxy_to(server.port, seed=12) as watched:
        posts.weather.split = watched.weather.split = 0.2
        posts.weather.delay = watched.weather.delay = 0.2
        watching = [await start(home, "watch", "p", "--jsonl", "--wait", "--server", watched.url) for _ in range(2)]
        first = await start(home, "ingest", "p", "--server", posts.url)
        first.stdin.write(b"".join(lines[:25]))
        await first.stdin.drain()
        await until(lambda: server.state("p")["stateVersion"] >= 15)
        posts.cut_all()
        watched.cut_all()
        first.kill()
        await first.communicate()
        server.kill()
        server.start()
        again = await start(home, "ingest", "p", "--server", posts.url)
        _, trouble = await again.communicate(b"".join(lines))
        assert again.returncode == 0, trouble.decode()
        ends = [await end_of(watcher) for watcher in watching]
        assert posts.cuts
        assert posts.forwarded > 50_000
        assert watched.forwarded > 20_000
    kept = server.state("p")
    tools = [tool for group in [*kept["toolsByTodo"].values(), kept.get("planningTools", [])] for tool in group]
    assert (len(tools), len({tool["id"] for tool in tools})) == (20, 20)
    for end in ends:
        assert end["status"] == "completed"
        assert end["state"] == kept


async def until(reached) -> None:
    """Asks a server until it says so; an answer of 404 is a no."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if await asyncio.to_thread(reached):
                    return
            except (OSError, IndexError):
                await asyncio.sleep(0.02)


async def test_a_publisher_killed_twenty_times_publishes_everything_once(server, home) -> None:
    rng = random.Random(50)
    whole = SAMPLE.read_bytes()
    killed = 0
    for _ in range(20):
        publisher = await start(home, "ingest", "p", "--server", server.url)
        publisher.stdin.write(whole[: rng.randrange(len(whole))])
        try:
            async with asyncio.timeout(rng.uniform(0.15, 0.6)):
                await publisher.wait()
        except TimeoutError:
            publisher.kill()
            killed += 1
        await publisher.communicate()
    assert killed > 15
    last = await start(home, "ingest", "p", "--server", server.url)
    _, trouble = await last.communicate(whole)
    assert last.returncode == 0, trouble.decode()
    once = await start(home, "ingest", "q", "--server", server.url)
    await once.communicate(whole)
    assert told(server.state("p")) == told(server.state("q"))


def told(state: dict) -> list[tuple]:
    """What a build holds, without its times."""
    tools = [tool for group in [*state["toolsByTodo"].values(), state.get("planningTools", [])] for tool in group]
    texts = [text for group in state["textByTodo"].values() for text in group]
    return sorted((item["id"], item.get("state"), item.get("output"), item.get("text")) for item in (*tools, *texts))
