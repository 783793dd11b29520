"""Starting points that race with what is committed meanwhile: at every step of preparing one, an event comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.client.replica import BuildReplica, Question
from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.server.catch_up import CatchUp, Since
from sentryvibe_tui.server.hub import Hub
from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope, decode_posted
from sentryvibe_tui.wire.frames import Batch, Connected, Heartbeat, Recovery, decode_frame

ASKED = ("find_build", "builds", "read", "state")


def said(build: str, text: str) -> EventEnvelope:
    body = b'{"projectId":"p","sessionId":"s","buildId":"%s","event":{"type":"text-delta","id":"n","delta":"%s "}}'
    return decode_posted(body % (build.encode(), text.encode()))[0]


class Interrupted:
    """The store, in which something is committed before (even `when`) or after (odd) a question of a starting point."""

    def __init__(self, store: SqliteStore, when: int, commit: Callable[[], Awaitable[object]]) -> None:
        self._store, self._left, self._commit = store, when, commit
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ASKED:
            return found

        async def question(*args: Any) -> Any:
            if self._left == 2 * self.asked:
                await self._commit()
            answer = await found(*args)
            if self._left == 2 * self.asked + 1:
                await self._commit()
            self.asked += 1
            return answer

        return question


class Reader:
    """A watcher's end: what it was sent, followed as a watcher follows it."""

    def __init__(self, epoch: str) -> None:
        self.replica = BuildReplica()
        self.replica.connected(Connected(epoch, 2))
        self.versions: list[tuple[str, int]] = []
        self.repeated = 0

    def take(self, frame: OutboundFrame) -> bool:
        match read := decode_frame(frame.text, 0):
            case Batch():
                for entry in read.changes:
                    place = (read.build_id, getattr(entry, "version", 0))
                    self.repeated += place in self.versions
                    self.versions.append(place)
            case Recovery(state) if state is not None:
                self.versions += [(state.id, version + 1) for version in range(state.version)]
            case _:
                pass
        if isinstance(read, Batch | Recovery | Heartbeat):
            self.replica.frame(read, 0)
        return True

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        raise AssertionError(reason)


SINCE = {
    "nothing known": ("", 0),
    "half of the newest": ("b2", 2),
    "all of the newest": ("b2", 4),
    "half of the one before": ("b1", 2),
    "a build that nobody knows": ("b9", 2),
}


@pytest.mark.parametrize("when", range(8))
@pytest.mark.parametrize("known", SINCE)
@pytest.mark.parametrize("comes", ["b2", "b3", "b1"], ids=["same build", "next build", "older build"])
async def test_nothing_falls_between_and_nothing_comes_twice(tmp_path: Path, known: str, when: int, comes: str) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    store.on_commit(hub.publish)
    for build in ("b1", "b2"):
        await store.append([said(build, str(number)) for number in range(4)], 1)
    build_id, version = SINCE[known]
    reader = Reader(store.epoch)
    for early in await store.read(BuildKey("p", "s", build_id), 0, version) if version else ():
        reader.replica.frame(Batch("p", "s", build_id, (early.entry(),)), 0)
    number = iter(range(100))
    interrupted = Interrupted(store, when, lambda: store.append([said(comes, f"now {next(number)}")], 2))
    watcher = hub.join("p", "", reader)
    since = Since(version, store.epoch, build_id) if version else Since()
    await CatchUp(hub, interrupted, lambda: 0).start(watcher, since)  # type: ignore[arg-type]
    await store.append([said("b2", "afterwards"), said(comes, "too")], 3)
    await asyncio.sleep(0)
    meant = await store.find_build("p")
    assert meant is not None
    shown = BuildKey("p", "s", reader.replica.state.id)
    assert reader.replica.state == await store.state(shown)
    assert shown == meant.key or comes == "b1"  # of two builds that go on, the one that is shown stays
    assert reader.replica.lack in (None, Question("b1", 0) if comes == "b1" else None)
    assert reader.repeated == 0
    await store.close()


async def test_questions_one_after_another_are_each_answered_in_full(tmp_path: Path) -> None:
    """A new starting point takes the place of the one that is still under way."""
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    store.on_commit(hub.publish)
    await store.append([said("b", str(number)) for number in range(4)], 1)
    reader = Reader(store.epoch)
    watcher = hub.join("p", "", reader)
    starter = CatchUp(hub, store, lambda: 0)
    asked = [starter.start(watcher, Since(number, store.epoch, "b")) for number in (0, 1, 3)]
    await asyncio.gather(*asked, store.append([said("b", "meanwhile")], 2), starter.restart(watcher))
    await store.append([said("b", "afterwards")], 3)
    await asyncio.sleep(0)
    assert reader.replica.state == await store.state(BuildKey("p", "s", "b"))
    assert reader.replica.lack is None
    await store.close()


class Counting:
    """The store, whose `fails` next states cannot be read."""

    def __init__(self, store: SqliteStore, fails: int = 0) -> None:
        self._store, self._fails = store, fails
        self.states = 0

    async def state(self, key: BuildKey) -> Any:
        self.states += 1
        if self.states <= self._fails:
            raise StoreUnavailable("the disk reports an error")
        return await self._store.state(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_many_who_want_the_same_state_share_one_reading_of_it(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    store.on_commit(hub.publish)
    await store.append([said("b", "one")], 1)
    counting = Counting(store)
    starter = CatchUp(hub, counting, lambda: 0)  # type: ignore[arg-type]
    readers = [Reader(store.epoch) for _ in range(20)]
    await asyncio.gather(*(starter.start(hub.join("p", "", reader), Since()) for reader in readers))
    assert counting.states == 1
    await store.append([said("b", "two")], 2)
    late = Reader(store.epoch)
    await starter.start(hub.join("p", "", late), Since())
    assert counting.states == 2
    for reader in (*readers, late):
        assert reader.replica.state == await store.state(BuildKey("p", "s", "b"))
    await store.close()


async def test_a_state_that_could_not_be_read_is_read_again_for_the_next(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    await store.append([said("b", "one")], 1)
    starter = CatchUp(hub, Counting(store, fails=1), lambda: 0)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await starter.start(hub.join("p", "", Reader(store.epoch)), Since())
    reader = Reader(store.epoch)
    await starter.start(hub.join("p", "", reader), Since())
    assert reader.replica.state == await store.state(BuildKey("p", "s", "b"))
    await store.close()


async def test_a_version_without_its_build_means_something_only_where_there_is_one_build(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    starter = CatchUp(hub, store, lambda: 0)
    for build, sent in (("a", [3, 4]), ("b", [1, 2, 3, 4])):
        await store.append([said(build, str(number)) for number in range(4)], 1)
        reader = Reader(store.epoch)
        await starter.start(hub.join("p", "", reader), Since(2, store.epoch))
        assert reader.versions == [(build, version) for version in sent]
    await store.close()


class Gated:
    """The store, whose states are read only once the gate is open; `busy`: three are under way; `most`: at once."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.gate, self.busy = asyncio.Event(), asyncio.Event()
        self.states: list[str] = []
        self.at_once = self.most = 0

    async def state(self, key: BuildKey) -> Any:
        self.states.append(key.build_id)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once == 3:
            self.busy.set()
        await self.gate.wait()
        self.at_once -= 1
        return await self._store.state(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_few_starting_points_are_prepared_at_once_in_turn_and_none_for_who_left(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 0)
    names = [f"b{number:02}" for number in range(30)]
    for name in names:
        await store.append([said(name, "one")], 1)
    gated = Gated(store)
    starter = CatchUp(hub, gated, lambda: 0, ServerLimits(starting_points=3))  # type: ignore[arg-type]
    readers = {name: Reader(store.epoch) for name in names}
    watchers = {name: hub.join("p", "", reader, build_id=name) for name, reader in readers.items()}
    starts = [asyncio.create_task(starter.start(watcher, Since())) for watcher in watchers.values()]
    await gated.busy.wait()
    gone = names[3:25]
    for name in gone:
        hub.leave(watchers[name])
    gated.gate.set()
    await asyncio.gather(*starts)
    assert gated.states == [name for name in names if name not in gone]
    assert gated.most == 3
    assert {name for name, reader in readers.items() if reader.versions} == set(gated.states)
    await store.close()
