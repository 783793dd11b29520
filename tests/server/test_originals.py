"""Original clients on our server: what they show is what `show --json` says (docs/protocol.md#original-watchers)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sentryvibe_tui.agents.detect import detect, new_reader
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.sources.event_ids import EventLabeler
from sentryvibe_tui.wire.envelope import EventEnvelope, encode_array, encode_posted

from ..patience import PATIENCE
from .original_hooks import Hook, State, V1Hook, V2Hook

SAMPLES = Path(__file__).parents[1] / "data" / "transcripts"
NAMES = sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.jsonl") if "subagents/" not in str(path))
HOOKS = [V1Hook, V2Hook]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data", settings=ServerLimits(heartbeat=0.1, idle_heartbeat=0.1)) as server:
        yield server


class Page:
    """A web page of the original: its hook on a link of its own."""

    def __init__(self, server: Running, hook: Hook) -> None:
        self.server, self.hook, self.most_at_once = server, hook, 0
        self._link: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def hydration(self) -> State:
        async with httpx.AsyncClient(base_url=self.server.url, trust_env=False, verify=False) as http:
            return (await http.get("/api/projects/p/messages")).json()

    async def connect(self) -> Page:
        url = f"{self.server.url.replace('http', 'ws')}/ws?projectId=p"
        self._link = await connect(url, proxy=None, max_size=None)
        self._reading = asyncio.create_task(self._read(self._link))
        if isinstance(self.hook, V2Hook):
            await self._link.send('{"type":"get-state"}')
        return self

    async def open(self) -> Page:
        self.hook.hydrate(await self.hydration())
        return await self.connect()

    async def _read(self, link: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in link:
                frame = json.loads(text)
                self.most_at_once = max(self.most_at_once, len(frame.get("updates", ())))
                self.hook.take(frame)

    async def close(self) -> None:
        assert self.most_at_once <= 1
        assert self._link is not None
        assert self._reading is not None
        await self._link.close()
        await self._reading


def shown(state: State, *, by: Hook | None = None) -> State:
    """What a page shows of a state. v2 leaves out calls that run; v1 while a build runs takes errors for successes and
    knows nothing of planning.
    """
    is_v1, is_v2 = isinstance(by, V1Hook) and state["isActive"], isinstance(by, V2Hook)
    calls = {index: group for index, group in state["toolsByTodo"].items() if index != "-1"}
    states = {"error": "output-available"} if is_v1 else {}
    tools = {
        index: sorted((call["id"], call["name"], states.get(call["state"], call["state"])) for call in group)
        for index, group in calls.items()
    }
    if is_v2 and state["isActive"]:
        tools = {index: [call for call in group if "input" not in call[2]] for index, group in tools.items()}
    planning = [] if is_v1 else [(call["id"], call["state"]) for call in state.get("planningTools") or ()]
    names = (
        "id",
        "agentId",
        "claudeModelId",
        "projectName",
        "activeTodoIndex",
        "isActive",
        "buildSummary",
        "buildPlan",
    )
    return {
        "todos": [(todo["content"], todo["status"]) for todo in state["todos"]],
        "tools": {index: group for index, group in tools.items() if group},
        "planning": planning,
        **{name: state.get(name) or None for name in names},
    }


async def same(server: Running, *pages: Page) -> None:
    """Waits until every page shows what the server has."""
    (session, *_) = (await pages[0].hydration())["sessions"]
    for page in pages:
        wanted = shown(session["hydratedState"], by=page.hook)
        for _ in range(600):
            if page.hook.state is not None and shown(page.hook.state, by=page.hook) == wanted:
                break
            await asyncio.sleep(0.05)
        assert page.hook.state is not None
        assert shown(page.hook.state, by=page.hook) == wanted, type(page.hook)


def told(name: str) -> list[EventEnvelope]:
    """The events that `ingest` makes of a transcript, as of one session."""
    data = (SAMPLES / name).read_bytes()
    reader, posting = new_reader(detect(data)), EventLabeler("p", "The Shop", "s", fixed=True)
    return [*posting.label(reader.feed(data), past=True), *posting.label(reader.finish(), past=True), *posting.rest()]


async def post(server: Running, events: list[EventEnvelope], *, paced: bool) -> None:
    bodies = [encode_posted(event) for event in events]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=PATIENCE, verify=False) as http:
        for body in bodies if paced else [encode_array(bodies)] if bodies else []:
            answer = await http.post("/api/build-events", content=body)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("paced", [False, True], ids=["at once", "paced"])
@pytest.mark.parametrize("name", NAMES)
async def test_every_page_shows_the_build_whenever_it_came(server: Running, name: str, paced: bool) -> None:
    events = told(name)
    third = max(1, len(events) // 3)
    early = [await Page(server, hook()).open() for hook in HOOKS]
    cut = [await Page(server, hook()).open() for hook in HOOKS]
    await post(server, events[:third], paced=paced)
    await same(server, *early, *cut)
    for page in cut:
        await page.close()
    late = [await Page(server, hook()).open() for hook in HOOKS]
    await post(server, events[third : 2 * third], paced=paced)
    for page in cut:
        await page.connect()
    await same(server, *early, *late, *cut)
    await post(server, events[2 * third :], paced=paced)
    after = [await Page(server, hook()).open() for hook in HOOKS]
    await same(server, *early, *late, *cut, *after)
    for page in (*early, *late, *cut, *after):
        await page.close()


def event(kind: str, **fields: object) -> dict[str, Any]:
    envelope = {"projectId": "p", "sessionId": "s", "buildId": "b", "agentId": "claude-code", "projectName": "Shop"}
    return envelope | {"event": {"type": kind, **fields}}


def todos(*statuses: str, phase: str = "build") -> dict[str, Any]:
    listed = [{"content": f"step {number}", "status": status} for number, status in enumerate(statuses)]
    return event("tool-input-available", toolCallId="w", toolName="TodoWrite", input={"todos": listed, "phase": phase})


STORIES: dict[str, list[dict[str, Any]]] = {
    "one post of a whole build": [
        event("start"),
        todos("in_progress"),
        todos("completed"),
        event("build-completed", summary="done"),
    ],
    "an end without a start, a retry, a list that shrinks": [
        event("start"),
        event("tool-output-available", toolCallId="a", toolName="Read", output="x"),
        todos("in_progress", "pending"),
        event("tool-output-available", toolCallId="b", toolName="Bash", output="x"),
        event("tool-error", toolCallId="b", error="no"),
        event("tool-output-available", toolCallId="b", output="yes"),
        todos("completed"),
        event("tool-input-available", toolCallId="c", toolName="Bash", input={}),
        todos("completed", "in_progress"),
        event("build-failed", error="why"),
    ],
    "a plan, a template phase, a summary after the end": [
        event("tool-input-available", toolCallId="p", toolName="ExitPlanMode", input={"plan": "# Plan"}),
        todos("in_progress", phase="template"),
        todos("completed", phase="template"),
        todos("in_progress"),
        event("build-completed"),
        event("build-summary", text="all of it"),
    ],
    "a second build after the first": [
        event("start"),
        todos("in_progress"),
        event("tool-output-available", toolCallId="a", toolName="Read", output="x"),
        event("build-completed", summary="first"),
        event("start") | {"buildId": "b2"},
        event("tool-output-available", toolCallId="b", toolName="Read", output="x") | {"buildId": "b2"},
    ],
}


@pytest.mark.parametrize("paced", [False, True], ids=["at once", "paced"])
@pytest.mark.parametrize("story", STORIES)
async def test_stories_that_originals_get_wrong(server: Running, story: str, paced: bool) -> None:
    pages = [await Page(server, hook()).open() for hook in HOOKS]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as http:
        for body in STORIES[story] if paced else [STORIES[story]]:
            assert (await http.post("/api/build-events", json=body)).status_code == 200
            if paced:
                await same(server, *pages)
    await same(server, *pages)
    for page in pages:
        await page.close()
