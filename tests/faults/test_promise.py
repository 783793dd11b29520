"""The promise, over the real store, hub, starting points and link, without sockets.

Random events arrive with repeats and out of order; frames to the watchers are dropped, repeated and cut; watchers
stall; the server dies and comes back, also with an older copy of its database. After the storm every watcher, of the
project or of one session, holds the fold of the log, as the store tells it.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.client.link import Link, Open
from sentryvibe_tui.client.reconnect import CloseLink, SendFrame
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
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.server.catch_up import CatchUp, Since
from sentryvibe_tui.server.hub import Hub, Watcher
from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.store.sqlite import DATABASE, SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope
from sentryvibe_tui.wire.frames import ClientFrame, GetState, decode_asked, decode_frame, encode_connected
from sentryvibe_tui.wire.state import decode_state, encode_state

AGENT = Agent(agent_id="claude-code", model="sonnet", project_name="Shop")
BUILDS = tuple(About("shop", f"s{number}", f"b{number}", AGENT) for number in range(2))


def told(about: About) -> list[EventEnvelope]:
    """One build's story: every event with its id and the agent's time."""
    events: list[BuildEvent] = [BuildStarted()]
    for step in range(3):
        events.append(
            TodosReported(tuple(TodoItem(f"{n}", "completed" if n < step else "in_progress") for n in range(step + 1)))
        )
        for number in range(3):
            events += [
                ToolStarted(f"t{step}{number}", "Bash", Raw(b'{"command":"x"}')),
                TextAdded(f"n{step}", f"{number} "),
                ToolEnded(f"t{step}{number}", Raw(b'"ok"'), is_error=number == 1),
            ]
    events.append(BuildEnded("completed", "done"))
    return [EventEnvelope(about, event, f"e{n}", 1_000 + n) for n, event in enumerate(events)]


class Server:
    """Store, hub and starter of one life of a server; the directory outlives it."""

    def __init__(self, store: SqliteStore, world: World) -> None:
        self.store = store
        self.hub = Hub(store.epoch, lambda: world.now / 1000, lambda: world.now)
        self.catch_up = CatchUp(self.hub, store, lambda: world.now)
        self.tasks: list[asyncio.Task[None]] = []
        self.hub.on_loss = lambda watcher: self.tasks.append(asyncio.create_task(self.catch_up.restart(watcher)))
        store.on_commit(self.hub.publish)


class Terminal:
    """A watcher: a link, and the one connection it may have. Frames wait on the wire until they are delivered."""

    waiting = 0

    def __init__(self, world: World, session_id: str = "") -> None:
        self.world = world
        self.link = Link("shop", session_id, chance=lambda: 0.5, wait=True, probe=True)
        self.wire: list[OutboundFrame] = []
        self.watcher: Watcher | None = None
        self.stalled = False
        self.actions: list[object] = list(self.link.start(world.now))

    def take(self, frame: OutboundFrame) -> bool:
        self.wire.append(frame)
        return not self.stalled

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        self.cut()

    async def act(self) -> None:
        while self.actions:
            match self.actions.pop(0):
                case Open() as asked:
                    await self._connect(asked)
                case SendFrame(data) if self.watcher is not None:
                    await self._answer(self.watcher, decode_asked(data))
                case CloseLink():
                    self._leave()
                case _:
                    pass

    async def _answer(self, watcher: Watcher, asked: ClientFrame) -> None:
        if isinstance(asked, GetState):
            await self.world.server.catch_up.start(watcher, Since(asked.since, asked.epoch, asked.build_id))
        else:
            self.world.server.hub.tell(watcher, OutboundFrame(b'{"type":"heartbeat-ack"}'))

    async def _connect(self, asked: Open) -> None:
        self._leave()
        hub = self.world.server.hub
        self.watcher = hub.join("shop", asked.session_id, self)
        hub.tell(self.watcher, OutboundFrame(encode_connected("c", "shop", "", hub.epoch, "0", self.world.now)))
        self.actions += self.link.opened(self.world.now)
        since = Since(asked.since or None, asked.epoch, asked.build_id)
        await self.world.server.catch_up.start(self.watcher, since)

    def _leave(self) -> None:
        if self.watcher is not None:
            self.world.server.hub.leave(self.watcher)
        self.watcher, self.wire, self.stalled = None, [], False

    def cut(self) -> None:
        if self.watcher is not None:
            self._leave()
            self.actions += self.link.closed(self.world.now)

    def deliver(self, frame: OutboundFrame) -> None:
        self.actions += self.link.frame(decode_frame(frame.text, self.world.now), self.world.now)

    def greet(self) -> None:
        """The first frame of a link always arrives: without it there is no link."""
        if self.wire and b'"type":"connected"' in self.wire[0].text:
            self.deliver(self.wire.pop(0))

    def flow(self) -> None:
        if self.stalled and self.watcher is not None:
            self.stalled = False
            self.world.server.hub.resume(self.watcher)


class World:
    """Everything there is, under one clock."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.now = 1_000_000
        self.chance = random.Random(seed)
        self.unsent = {about: told(about) for about in BUILDS}
        self.is_set_back = False

    async def begin(self) -> None:
        self.server = Server(await SqliteStore.open(self.folder), self)
        self.terminals = [Terminal(self), Terminal(self), Terminal(self, "s0")]

    async def post(self, number: int, count: int, shuffled: bool) -> None:
        """The next events of a build, some of them again, perhaps not in order."""
        about = BUILDS[number]
        if number and self.unsent[BUILDS[0]] and not any(self._begun()):
            return
        fresh, self.unsent[about] = self.unsent[about][:count], self.unsent[about][count:]
        again = self.chance.choices(fresh, k=2) if fresh else []
        events = [*fresh, *again]
        if shuffled:
            self.chance.shuffle(events)
        for event in events:
            await self.server.store.append((event,), self.now)

    def _begun(self) -> Iterable[bool]:
        return (len(rest) < len(told(about)) for about, rest in self.unsent.items())

    async def restart(self) -> None:
        for terminal in self.terminals:
            terminal.cut()
        await self.server.store.close()
        self.server = Server(await SqliteStore.open(self.folder), self)

    def back_up(self) -> None:
        with closing(sqlite3.connect(self.folder / DATABASE)) as db, closing(sqlite3.connect(self._copy)) as copy:
            db.backup(copy)

    async def restore(self) -> None:
        """The server comes back with the copy; what came after it is forgotten, and its versions are given again."""
        if self._copy.exists():
            await self.server.store.close()
            shutil.copyfile(self._copy, self.folder / DATABASE)
            self.server.store = await SqliteStore.open(self.folder)
            self.is_set_back = True
        await self.restart()

    @property
    def _copy(self) -> Path:
        return self.folder / "copy"

    async def settle(self) -> None:
        """What was begun is carried out: commits told, questions answered."""
        for _ in range(3):
            await asyncio.sleep(0)
            await asyncio.gather(*self.server.tasks)
            self.server.tasks.clear()
            for terminal in self.terminals:
                await terminal.act()

    def later(self, millis: int) -> None:
        self.now += millis
        self.server.hub.beat(5, 30)
        for terminal in self.terminals:
            due = terminal.link.next_deadline()
            if due is not None and due <= self.now:
                terminal.actions += terminal.link.tick(self.now)

    async def fold(self, about: About) -> BuildState:
        key = BuildKey(about.project_id, about.session_id, about.build_id)
        state = BuildState()
        for logged in await self.server.store.read(key, 0, 10_000):
            state = apply(state, logged.entry())
        return state


async def carry_out(world: World, step: tuple[str, int, int]) -> None:
    kind, number, count = step
    terminal = world.terminals[number]
    terminal.greet()
    match kind:
        case "post" | "shuffled":
            await world.post(number % 2, count, kind == "shuffled")
        case "deliver" if terminal.wire:
            for frame in terminal.wire[:count]:
                terminal.deliver(frame)
            del terminal.wire[:count]
        case "drop" if terminal.wire:
            terminal.wire.pop(min(count, len(terminal.wire) - 1))
        case "twice" if terminal.wire:
            terminal.wire.insert(0, terminal.wire[min(count, len(terminal.wire) - 1)])
        case "cut":
            terminal.cut()
        case "stall":
            terminal.stalled = True
        case "flow":
            terminal.flow()
        case "restart":
            await world.restart()
        case "back up":
            world.back_up()
        case "restore":
            await world.restore()
        case "wait":
            world.later(count * 1_500)
        case _:
            pass
    await world.settle()


KINDS = ["post"] * 4 + ["shuffled"] + ["deliver"] * 4 + ["drop", "twice", "cut", "stall", "flow", "restart", "wait"]
KINDS += ["back up", "restore"]
steps = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(1, 6)), max_size=50)


async def weather(storm: list[tuple[str, int, int]], seed: int, folder: Path) -> None:
    world = World(folder, seed)
    await world.begin()
    try:
        for step in storm:
            await carry_out(world, step)
        await calm(world)
        await verify(world)
    finally:
        await world.server.store.close()


async def calm(world: World) -> None:
    """The rest is posted and everything is delivered, until nothing changes any more."""
    for number in range(len(BUILDS)):
        await world.post(number, 100, False)
    for _ in range(14):
        await world.settle()
        for terminal in world.terminals:
            terminal.flow()
            while terminal.wire:
                terminal.deliver(terminal.wire.pop(0))
                await terminal.act()
        world.later(5_000)


async def verify(world: World) -> None:
    for terminal in world.terminals:
        newest = await world.server.store.find_build("shop", terminal.link.session_id)
        if newest is None:
            continue
        about = next(about for about in BUILDS if about.build_id == newest.key.build_id)
        expected = await world.fold(about)
        assert await world.server.store.state(newest.key) == expected
        assert decode_state(encode_state(expected)) == expected
        if not world.is_set_back:
            assert expected.agent == AGENT
            assert expected.tool_count == 9
        assert terminal.link.status.phase == "live"
        assert terminal.link.state == expected


NUMBERS_GIVEN_AGAIN = [
    *[("post", 0, 6), ("deliver", 2, 6), ("back up", 0, 1), ("post", 0, 6), ("deliver", 2, 6)],
    *[("restore", 0, 1), ("post", 0, 6), ("post", 0, 6), ("wait", 0, 2), ("deliver", 2, 6)],
]


@given(steps, st.integers(0, 2**16))
@example(NUMBERS_GIVEN_AGAIN, 0)
@settings(max_examples=25)
def test_after_the_storm_everybody_holds_what_the_store_has(storm, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(weather(storm, seed, Path(folder)))
