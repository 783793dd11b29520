"""Invented agents for pictures of the overview: the demo's three at some second of their work, and others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.agents.demo.fleet import Actor, demo_fleet
from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.client.fleet import BuildChanges, FleetEvent, ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import Changed, LinkChanged, LinkStatus, Snapshot, WatchEvent
from sentryvibe_tui.model.activity import Activity, Option
from sentryvibe_tui.model.events import About
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import Agent, BuildState, Millis
from sentryvibe_tui.model.summary import BuildKey, BuildSummary, OpenRequest
from sentryvibe_tui.wire.projects import project_id

START: Millis = 1_767_261_600_000
SECOND = 1_000
SERVER = "here"
SEED = 4


class Stage:
    """A fleet whose clock is turned by hand: `turn` plays the demo up to a second of it."""

    def __init__(self, others: tuple[BuildSummary, ...] = ()) -> None:
        self.now = START
        self.others = others
        self._actors = [_Played(actor) for actor in demo_fleet("claude", SEED)]
        self._told: asyncio.Queue[FleetEvent] = asyncio.Queue()
        self._told.put_nowait(ServerLink(SERVER, "this machine", LinkStatus("live")))
        self._told.put_nowait(ServerBuilds(SERVER, others))

    def turn(self, second: float) -> None:
        self.now = START + int(second * SECOND)
        changed = tuple(summary_of(one.state) for one in self._actors if one.play(self.now))
        if changed:
            self._told.put_nowait(BuildChanges(SERVER, changed))

    async def events(self) -> AsyncIterator[FleetEvent]:
        while True:
            yield await self._told.get()

    def retry_now(self) -> None: ...

    async def build(self, server: str, key: BuildKey) -> BuildState | None:
        return next((one.state for one in self._actors if one.state.id == key.build_id), None)

    def watch(self, server: str, build: BuildSummary) -> _Played:
        return next(one for one in self._actors if one.state.id == build.build_id)

    def outlook(self) -> tuple[str, ...]:
        return ()


class _Played:
    """One actor as a watch sees it."""

    def __init__(self, actor: Actor) -> None:
        self.state = BuildState()
        self._about = About(project_id(actor.project), actor.project, actor.project, Agent(project_name=actor.project))
        self._steps, self._at = list(actor.steps), START
        self._told: asyncio.Queue[WatchEvent] = asyncio.Queue()

    def play(self, until: Millis) -> bool:
        """Whether anything happened until then."""
        before = self.state
        while self._steps and self._at + self._steps[0].delay_ms <= until:
            step = self._steps.pop(0)
            self._at += step.delay_ms
            self.state, entry = reduce(self.state, step.event, self._at, self._about)
            if entry is not None:
                self._told.put_nowait(Changed(self.state, entry))
        return self.state is not before

    async def events(self) -> AsyncIterator[WatchEvent]:
        self._told = asyncio.Queue()
        yield LinkChanged(LinkStatus("live", rtt_ms=3.0))
        yield Snapshot(self.state, "hydrated")
        while True:
            yield await self._told.get()

    def retry_now(self) -> None: ...

    async def builds(self) -> tuple[BuildSummary, ...]:
        return (summary_of(self.state),)

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return self.state

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return None, None


def others(now: Millis) -> tuple[BuildSummary, ...]:
    """Agents in every other state there is, as they stand at `now`."""
    ask = OpenRequest("q", "question", "Which database should the bookings go to?", since=now - 41 * SECOND,
                      options=(Option("1", "PostgreSQL"), Option("2", "SQLite")))  # fmt: skip
    return (
        _build("bookings", "waiting-person", now - 41 * SECOND, requests=(ask,), todos_done=1, todos_total=6, tools=12,
               cost_usd=0.31, context_percent=18.0, title="Bookings for the workshop", branch="bookings"),
        _build("route-planner", "working", now - 190 * SECOND, now="Bash npm test", now_since=now - 190 * SECOND,
               open_calls=1, usual_ms=22_000, p95_ms=58_000, todos_done=2, todos_total=4, tools=33, cost_usd=0.88,
               context_percent=40.0, title="Loops of a given length", branch="loops"),
        _build("tile-server", "waiting-machine", now - 372 * SECOND, "docker build (in the background)", todos_done=7,
               todos_total=8, tools=50, cost_usd=1.77, context_percent=71.0, title="Smaller images", branch="slim"),
        _build("club-site", "idle", now - 640 * SECOND, now="The calendar shows the rides of both groups.", tools=22,
               agent_id="openai-codex", model="gpt-5-codex", cost_usd=0.42, cost_estimated=True, context_percent=12.0,
               status="completed", ended_at=now - 640 * SECOND, title="One calendar", branch="main"),
        *(_build(f"done-{at}", "ended", now - (3 + at) * 1_000 * SECOND, status="completed", cost_usd=0.9,
                 ended_at=now - (3 + at) * 1_000 * SECOND, tools=30) for at in range(6)),
        _build("stopped", "ended", now - 5_000 * SECOND, status="cancelled", ended_at=now - 5_000 * SECOND, tools=4),
    )  # fmt: skip


def _build(name: str, kind: str, since: Millis, what: str = "", **more: object) -> BuildSummary:
    build = BuildSummary(
        project_id(name),
        name,
        name,
        name,
        activity=Activity(kind, since, what),  # pyright: ignore[reportArgumentType]
        agent_id="claude-code",
        model="claude-sonnet-4-5",
        started_at=since - 900 * SECOND,
        last_event_at=since,
        cwd=f"/home/mara/{name}",
    )
    return replace(build, **more)
