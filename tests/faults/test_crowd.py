"""Two hundred watchers and twenty publishers at once, in one server process."""

from __future__ import annotations

import asyncio
import json

import httpx
from websockets.asyncio.client import connect

from ..patience import PATIENCE

WATCHERS, PUBLISHERS, TOOLS = 200, 20, 6
ENTRIES = PUBLISHERS * (1 + 2 * TOOLS)


async def publish(client: httpx.AsyncClient, url: str, number: int) -> None:
    about = {"projectId": "p", "sessionId": f"s{number}"}
    events: list[dict] = [{"type": "start"}]
    for tool in range(TOOLS):
        call = {"toolCallId": f"t{tool}", "toolName": "Bash"}
        events.append({"type": "tool-input-available", "input": {"command": "x"}} | call)
        events.append({"type": "tool-output-available", "output": "ok"} | call)
    for event in events:
        answer = await client.post(f"{url}/api/build-events", json=about | {"event": event})
        assert answer.status_code == 200, answer.text


async def follow(url: str, ready: asyncio.Semaphore) -> int:
    """How many updates came, until every entry of every build did."""
    seen: set[tuple[str, int]] = set()
    updates = 0
    async with connect(f"{url.replace('http', 'ws')}/ws?projectId=p&protocol=2", proxy=None, compression=None) as link:
        assert json.loads(await link.recv())["type"] == "connected"
        assert json.loads(await link.recv())["type"] == "state-recovery"
        ready.release()
        while len(seen) < ENTRIES:
            frame = json.loads(await link.recv())
            for update in frame.get("updates", ()):
                seen.add((frame["buildId"], update["version"]))
                updates += 1
    return updates


async def test_a_crowd_is_served_and_nobody_misses_anything(server) -> None:
    ready = asyncio.Semaphore(0)
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False) as client:
        watching = [asyncio.create_task(follow(server.url, ready)) for _ in range(WATCHERS)]
        for _ in range(WATCHERS):
            await ready.acquire()
        assert server.get("/healthz")["watchers"] == WATCHERS
        await asyncio.gather(*(publish(client, server.url, number) for number in range(PUBLISHERS)))
        counts = await asyncio.gather(*watching)
    assert len(set(counts)) == 1, "everybody got every update once"
