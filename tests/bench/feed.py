"""The builds feed under load: active builds, some of them changing each second, and overviews that watch them.

    python tests/bench/feed.py [BUILDS] [CHANGING] [WATCHERS] [SECONDS]

Prints the server's processor time while it only takes events in, and while overviews watch too; what each of them got,
and how late. The server is a process of its own; overviews and publisher share another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import psutil

from sentryvibe_tui.client.builds import BuildsWatch
from sentryvibe_tui.client.builds_link import BuildsChanged, BuildsListed


def event(number: int, kind: str, **fields: object) -> dict[str, object]:
    name = f"b{number}"
    project = f"p{number % 50}"
    return {"projectId": project, "sessionId": name, "buildId": name, "event": {"type": kind, **fields}}


async def post(client: httpx.AsyncClient, events: list[dict[str, object]]) -> None:
    answer = await client.post("/api/build-events", content=json.dumps(events))
    answer.raise_for_status()


async def change(client: httpx.AsyncClient, builds: int, changing: int, seconds: float, sent: dict[str, float]) -> None:
    """One call begins in `changing` builds each second, evenly; when it was told, by its command."""
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        number = (count * 7) % builds
        name = f"make {count}"
        sent[name] = time.monotonic()
        call = {"toolCallId": f"{id(sent)}-{count}", "toolName": "Bash", "input": {"command": name}}
        await post(client, [event(number, "tool-input-available", **call)])
        count += 1
        await asyncio.sleep(max(0.0, begun + count / changing - time.monotonic()))


class Overview:
    def __init__(self, url: str) -> None:
        self.watch = BuildsWatch(url)
        self.listed, self.changes = 0, 0
        self.late: list[float] = []

    async def run(self, sent: dict[str, float], measures: bool) -> None:
        async for news in self.watch.events():
            if isinstance(news, BuildsListed):
                self.listed = len(news.builds)
            elif isinstance(news, BuildsChanged):
                self.changes += len(news.builds)
                if measures:
                    now = time.monotonic()
                    told = (build.now[5:].partition(" +")[0] for build in news.builds)
                    self.late += [now - sent[name] for name in told if name in sent]


def share(process: psutil.Process, before: float, seconds: float) -> float:
    now = process.cpu_times()
    return (now.user + now.system - before) / seconds * 100


def spent(process: psutil.Process) -> float:
    now = process.cpu_times()
    return now.user + now.system


async def main(builds: int = 1000, changing: int = 50, watchers: int = 100, seconds: float = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SENTRYVIBE_RUNTIME_DIR": folder, "SENTRYVIBE_STATE_DIR": folder}
        command = [sys.executable, "-m", "sentryvibe_tui", "serve", "--port", "0", "--data", str(Path(folder) / "data")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as serve:  # noqa: ASYNC220
            assert serve.stdout is not None
            url = re.sub(r"^ready ", "", serve.stdout.readline().decode().strip())
            process = psutil.Process(serve.pid)
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
                for first in range(0, builds, 100):
                    await post(client, [event(n, "start") for n in range(first, min(builds, first + 100))])
                await asyncio.sleep(2)
                before = spent(process)
                await change(client, builds, changing, seconds, {})
                alone = share(process, before, seconds)
                sent: dict[str, float] = {}
                overviews = [Overview(url) for _ in range(watchers)]
                tasks = [asyncio.create_task(one.run(sent, at == 0)) for at, one in enumerate(overviews)]
                while not all(one.listed for one in overviews):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                await asyncio.sleep(2)
                before = spent(process)
                await change(client, builds, changing, seconds, sent)
                watched = share(process, before, seconds)
                late = sorted(overviews[0].late)
                print(
                    f"{builds} builds, {changing}/s changing, {watchers} overviews, {len(sent) / seconds:.0f} events/s"
                )
                print(f"server: {alone:.1f} % of a core without overviews, {watched:.1f} % with them")
                print(f"listed {overviews[0].listed}; changes to one {overviews[0].changes}")
                print(f"late: median {1000 * median(late):.0f} ms, worst {1000 * late[-1]:.0f} ms")
                print(f"server memory {process.memory_info().rss / 2**20:.0f} MiB")
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            serve.terminate()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
