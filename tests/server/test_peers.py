"""Several servers over one log, hints lost, late and out of order: every watcher gets every entry once, in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.model.summary import BuildKey, BuildSummary
from sentryvibe_tui.server.hub import Hub, Watcher
from sentryvibe_tui.server.metrics import Metrics
from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.server.peers import Peers
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.server.shared_channel import UNHEARD, SharedChannel
from sentryvibe_tui.store.contract import BuildHead, Commit, Logged
from sentryvibe_tui.wire.frames import Batch, Heartbeat, decode_frame
from sentryvibe_tui.wire.summary import encode_summary

BUILDS = [BuildKey("p", "s", name) for name in "abcdefgh"]


def logged(version: int) -> Logged:
    return Logged(version, b'{"type":"plan","data":{"text":"x"},"timestamp":1,"version":%d}' % version)


def commit_of(key: BuildKey, entries: Sequence[Logged], version: int, active: bool = True) -> Commit:
    head = BuildHead(key, BUILDS.index(key) + 1, version, active)
    summary = BuildSummary(key.project_id, key.session_id, key.build_id, version=version)
    return Commit(head, tuple(entries), summary, encode_summary(summary))


class Log:
    """What the servers share: versions of builds, and answers that take their time."""

    schema, epoch = "", "e"

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.versions = dict.fromkeys(BUILDS, 0)
        self.deleted: tuple[BuildKey, ...] = ()
        self.tail_reads = self.looks = 0

    async def later(self, most: int = 6) -> None:
        for _ in range(self._chance.randint(0, most)):
            await asyncio.sleep(0)

    def on_epoch(self, listener: Callable[[], None]) -> None: ...

    async def sign_of_life(self) -> None:
        self.looks += 1

    async def deletions(self) -> tuple[BuildKey, ...]:
        deleted, self.deleted = self.deleted, ()
        return deleted

    async def heard(self, keys: Sequence[BuildKey]) -> None: ...

    async def heads(self, numbers: Sequence[int]) -> tuple[BuildHead, ...]:
        await self.later()
        found = [commit_of(BUILDS[number - 1], (), self.versions[BUILDS[number - 1]]).head for number in numbers]
        await self.later()
        return tuple(head for head in found if head.version)

    async def active_heads(self) -> tuple[BuildHead, ...]:
        return await self.heads(range(1, len(BUILDS) + 1))

    async def tails(self, since: Mapping[BuildKey, int], limit: int) -> tuple[Commit, ...]:
        self.tail_reads += 1
        most = min(limit, 50)
        tails = {key: range(at + 1, min(self.versions[key], at + most) + 1) for key, at in since.items()}
        await self.later()
        return tuple(commit_of(key, [logged(v) for v in tail], tail[-1]) for key, tail in tails.items() if tail)

    async def changes(self, keys: Sequence[BuildKey]) -> tuple[Commit, ...]:
        return tuple(commit_of(key, (), self.versions[key]) for key in keys)


class Hints:
    """A bus to the other servers that loses some of what it is given."""

    def __init__(self, world: World, losses: float) -> None:
        self._world, self._losses = world, losses
        self.heard: Callable[[Mapping[int, int]], None] = lambda _: None

    def start(self, heard: Callable[[Mapping[int, int]], None], lost: Callable[[], None]) -> None:
        self.heard = heard

    async def stop(self) -> None: ...

    def announce(self, versions: Iterable[tuple[int, int]]) -> None:
        told = dict(versions)
        for server in self._world.servers:
            if server.hints is not self and self._world.chance.random() >= self._losses:
                self._world.later(lambda server=server: server.hints.heard(told))


class Healed(Metrics):
    """Counts the builds that moved without a hint."""

    def __init__(self) -> None:
        super().__init__()
        self.builds = 0

    def healed(self, builds: int) -> None:
        self.builds += builds


class Server:
    def __init__(self, world: World, losses: float) -> None:
        self.world = world
        self.hints = Hints(world, losses)
        self.hub = Hub("e", lambda: 0.0, lambda: 0, kind=SharedChannel)
        self.hub.on_loss = lambda watcher: world.spawn(self.start(watcher))
        self.listed: list[Commit] = []
        self.forgotten: list[BuildKey] = []
        self.failures = 0
        self.metrics = Healed()
        limits = ServerLimits(look_every=0.02)
        self.peers = Peers(
            world.log,  # type: ignore[arg-type]
            self.hints,  # type: ignore[arg-type]
            self.hub,
            self.listed.extend,
            self.forget,
            lambda: world.now,
            limits,
            0,
            self.metrics,
        )

    async def start(self, watcher: Watcher) -> None:
        """As `CatchUp` does it, with whole states of all builds, each read at some time after the hold; now and then
        a state is older than that, as a database that lags behind would tell it."""
        old = dict(self.world.log.versions) if self.world.chance.random() < 0.3 else {}
        await self.world.log.later(10)
        self.hub.hold(watcher)
        heads: list[BuildHead] = []
        for key in BUILDS:
            await self.world.log.later(10)
            version = old.get(key) or self.world.log.versions[key]
            heads += [commit_of(key, (), version).head] if version else []
        await self.world.log.later(10)
        for head in heads:
            watcher.outlet.state(head)  # type: ignore[attr-defined]
        self.hub.begin(watcher, (), heads)

    async def forget(self, key: BuildKey) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the database went away")
        self.forgotten.append(key)

    def write(self, key: BuildKey, count: int) -> None:
        versions = range(self.world.log.versions[key] + 1, self.world.log.versions[key] + count + 1)
        self.world.log.versions[key] = versions[-1]
        commit = commit_of(key, [logged(version) for version in versions], versions[-1])
        self.world.later(lambda: self.publish(commit))

    def publish(self, commit: Commit) -> None:
        self.peers.committed([commit])
        self.hub.publish([commit])
        self.peers.published([commit])


class Reader:
    """A watcher: it takes nothing but the next entry, of a build whose state it got or from the beginning."""

    waiting = 0

    def __init__(self) -> None:
        self.at: dict[str, int] = {}
        self.pending: dict[str, int] = {}
        self.holes: list[tuple[str, int, int]] = []
        self.setbacks: list[tuple[str, int, int]] = []

    def state(self, head: BuildHead) -> None:
        """A starting point that is being prepared; it counts once the mark after it arrives."""
        self.pending[head.key.build_id] = head.version

    def take(self, frame: OutboundFrame) -> bool:
        match decode_frame(frame.text, 0):
            case Heartbeat() as mark:
                for build, version in self.pending.items():
                    self.at[build] = max(version, self.at.get(build, 0))
                self.pending.clear()
                for build, version in (mark.others | {mark.build_id: mark.version}).items():
                    if version < self.at.get(build, 0):
                        self.setbacks.append((build, self.at[build], version))
            case Batch() as batch:
                for entry in batch.changes:
                    self._entry(batch.build_id, getattr(entry, "version", 0))
            case _:
                pass
        return True

    def _entry(self, build: str, version: int) -> None:
        at = self.at.setdefault(build, 0)
        if version > at + 1:
            self.holes.append((build, at, version))
        self.at[build] = max(at, version)

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        raise AssertionError(reason)


class World:
    def __init__(self, seed: int, losses: float, servers: int = 3) -> None:
        self.chance = random.Random(seed)
        self.log = Log(self.chance)
        self.now = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.servers = [Server(self, losses) for _ in range(servers)]
        self.readers: list[Reader] = []

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def later(self, what: Callable[[], None]) -> None:
        async def run() -> None:
            await self.log.later(20)
            what()

        self.spawn(run())

    def join(self) -> None:
        server, reader = self.chance.choice(self.servers), Reader()
        self.readers.append(reader)
        self.spawn(server.start(server.hub.join("p", "", reader)))

    async def live(self, steps: int) -> None:
        for server in self.servers:
            await server.peers.start()
            self.spawn(server.peers.run())
        joins = [0, 0, 0, *(self.chance.randrange(steps) for _ in range(9))]
        for step in range(steps):
            for _ in range(joins.count(step)):
                self.join()
            build = self.chance.choice(BUILDS[: 1 + step // 15])
            self.chance.choice(self.servers).write(build, self.chance.randint(1, 3))
            await self.log.later(8)
            if step % 5 == 0:
                self.chance.choice(self.servers).hub.beat(0, 0)
            self.now += 0.05
        for _ in range(400):  # the polls that find what no hint told
            self.now += 0.05
            for server in self.servers:
                server.hub.beat(0, 0)
            await asyncio.sleep(0.001)

    async def look(self, times: int) -> None:
        """Until each of the servers has looked so often at what no hint told."""
        due = self.log.looks + (times + 1) * len(self.servers)
        while self.log.looks < due:
            self.now += 0.05
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.mark.parametrize("losses", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(8))
async def test_every_watcher_gets_what_any_server_takes(seed: int, losses: float) -> None:
    world = World(seed, losses)
    await world.live(150)
    await world.end()
    assert len(world.readers) == 12
    for reader in world.readers:
        assert reader.holes == []
        assert reader.setbacks == [], "a mark below what one has says that the log was set back"
        for build, version in reader.at.items():
            assert version == world.log.versions[BuildKey("p", "s", build)]
    for server in world.servers:
        seen = {commit.head.key: commit.head.version for commit in server.listed}
        assert all(version <= world.log.versions[key] for key, version in seen.items())


async def test_a_server_alone_reads_nothing_of_what_it_wrote() -> None:
    world = World(1, 0.0, servers=1)
    await world.live(80)
    await world.end()
    assert world.log.tail_reads <= 25, "only when a watcher comes, and its state is ahead of what was published"


def commit(first: int, last: int) -> Commit:
    return commit_of(BUILDS[0], [logged(version) for version in range(first, last + 1)], last)


def test_what_comes_early_waits_for_what_is_between() -> None:
    channel = SharedChannel("p")
    channel.add(commit(1, 2))
    channel.add(commit(5, 6))
    assert (channel.head, channel.behind()) == (2, {BUILDS[0]: 2})
    assert channel.heads[BUILDS[0]].version == 2, "no mark says what was not sent"
    channel.add(commit(3, 4))
    assert (channel.head, channel.behind()) == (6, {})
    channel.add(commit(4, 6))
    assert channel.head == 6
    assert channel.heads[BUILDS[0]].version == 6


def test_too_much_is_not_read_but_begun_again() -> None:
    channel = SharedChannel("p")
    channel.add(commit(1, 1))
    channel.hear(commit_of(BUILDS[0], (), UNHEARD + 5).head)
    channel.add(commit(UNHEARD + 6, UNHEARD + 6))
    assert channel.pass_over(UNHEARD)
    assert (channel.head, channel.behind()) == (2, {}) or channel.at[BUILDS[0]] == UNHEARD + 6
    assert not channel.pass_over(UNHEARD)


async def test_a_deletion_that_could_not_be_handled_is_handled_at_the_next_look() -> None:
    """The store tells of it once."""
    world = World(1, 0.0, servers=1)
    (server,) = world.servers
    await server.peers.start()
    world.log.deleted, server.failures = tuple(BUILDS[:2]), 2
    world.spawn(server.peers.run())
    await world.look(4)
    await world.end()
    assert server.forgotten == BUILDS[:2]


async def test_a_hint_that_comes_late_is_not_taken_for_a_lost_one() -> None:
    world = World(1, 0.0, servers=1)
    (server,) = world.servers
    await server.peers.start()
    world.spawn(server.peers.run())

    async def moved(version: int) -> None:
        world.log.versions[BUILDS[0]] = version
        while not server.listed or server.listed[-1].head.version < version:
            world.now += 0.05
            await asyncio.sleep(0)

    await moved(1)
    server.hints.heard({1: 1})
    await world.look(2)
    assert server.metrics.builds == 0
    await moved(2)
    await world.look(2)
    assert server.metrics.builds == 1
    await world.end()
