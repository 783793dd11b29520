from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.updates import Entry
from sentryvibe_tui.server.hub import Watcher
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits
from sentryvibe_tui.store.contract import BuildKey
from sentryvibe_tui.wire.envelope import decode_posted
from sentryvibe_tui.wire.frames import Batch, Connected, Heartbeat, HeartbeatAck, Recovery, decode_frame

Post = Callable[..., Awaitable[dict[str, Any]]]


@asynccontextmanager
async def watching(
    server: Running, query: str = "", protocol: str = "2", **options: Any
) -> AsyncIterator[ClientConnection]:
    url = f"{server.url.replace('http', 'ws')}/ws?projectId=p&protocol={protocol}{query}"
    async with connect(url, proxy=None, compression=None, max_size=None, **options) as link:
        yield link


async def frame(link: ClientConnection) -> Any:
    return decode_frame(await asyncio.wait_for(link.recv(), 5), 0)


async def opened(link: ClientConnection) -> list[Any]:
    """Frames up to and with the first mark."""
    found = [await frame(link)]
    while not isinstance(found[-1], Heartbeat):
        found.append(await frame(link))
    return found


async def drained(link: ClientConnection) -> None:
    while True:
        await asyncio.wait_for(link.recv(), 5)


def versions(batch: Batch) -> list[int]:
    return [change.version for change in batch.changes if isinstance(change, Entry)]


async def test_a_watcher_starts_with_the_state_and_gets_every_update(server: Running, post: Post) -> None:
    await post("start")
    async with watching(server) as link:
        connected, recovery, mark = await opened(link)
        assert isinstance(connected, Connected)
        assert (connected.protocol, len(connected.epoch) > 8) == (2, True)
        assert isinstance(recovery, Recovery)
        assert recovery.state is not None
        assert (recovery.state.version, recovery.session_status, recovery.epoch) == (1, "active", connected.epoch)
        assert (mark.build_id, mark.version, mark.watchers) == ("b", 1, 1)
        state = recovery.state
        for number in range(5):
            await post("tool-call", toolCallId=f"t{number}", toolName="Read", input={})
            batch = await frame(link)
            assert batch.build_id == "b"
            for entry in batch.changes:
                assert entry.version == state.version + 1
                state = apply(state, entry)
        assert state == await server.app.context.store.state(BuildKey("p", "s", "b"))


async def test_a_project_that_does_not_exist_yet_is_waited_for(server: Running, post: Post) -> None:
    async with watching(server) as link:
        _, recovery, _ = await opened(link)
        assert recovery.state is None
        await post("start")
        assert versions(await frame(link)) == [1]


async def test_who_says_what_it_has_gets_what_it_missed(server: Running, post: Post) -> None:
    for number in range(6):
        await post("text-delta", id=f"x{number}", delta="hi")
    epoch = server.app.context.store.epoch
    async with watching(server, f"&since=4&epoch={epoch}&buildId=b") as link:
        _, batch, mark = await opened(link)
        assert versions(batch) == [5, 6]
        assert mark.version == 6
    async with watching(server, f"&since=6&epoch={epoch}&buildId=b") as link:
        assert [type(f) for f in await opened(link)] == [Connected, Heartbeat]
    for query in ("&since=4&epoch=other&buildId=b", f"&since=9&epoch={epoch}&buildId=b", f"&since=x&epoch={epoch}"):
        async with watching(server, query) as link:
            assert [type(f) for f in await opened(link)] == [Connected, Recovery, Heartbeat], query


async def test_who_has_another_entry_under_its_version_gets_the_state(server: Running, post: Post) -> None:
    for number in range(6):
        await post("text-delta", id=f"x{number}", delta="hi", at=f"1970-01-01T00:00:0{number}Z")
    place = f"&epoch={server.app.context.store.epoch}&buildId=b"
    for query, kinds in (
        ("&since=4&at=3000", [Batch]),
        ("&since=6&at=5000", []),
        ("&since=4&at=3001", [Recovery]),
        ("&since=6&at=5001", [Recovery]),
        ("&since=4&at=x", [Batch]),
    ):
        async with watching(server, query + place) as link:
            assert [type(f) for f in await opened(link)] == [Connected, *kinds, Heartbeat], query


@pytest.mark.parametrize("limits", [ServerLimits(resume_limit=3)], ids=[""])
async def test_who_missed_very_much_gets_the_state(server: Running, post: Post) -> None:
    for number in range(6):
        await post("text-delta", id=f"x{number}", delta="hi")
    epoch = server.app.context.store.epoch
    for since, kind in ((3, Batch), (2, Recovery)):
        async with watching(server, f"&since={since}&epoch={epoch}&buildId=b") as link:
            assert [type(f) for f in await opened(link)] == [Connected, kind, Heartbeat]


async def test_a_build_that_ended_while_the_watcher_was_away_and_the_next_one(server: Running, post: Post) -> None:
    await post("start", build="b1")
    await post("build-completed", build="b1")
    await post("start", build="b2")
    epoch = server.app.context.store.epoch
    async with watching(server, f"&since=1&epoch={epoch}&buildId=b1") as link:
        _, tail, recovery, mark = await opened(link)
        assert (tail.build_id, versions(tail)) == ("b1", [2])
        assert (recovery.state.id, mark.build_id) == ("b2", "b2")


async def test_questions_are_answered(server: Running, post: Post) -> None:
    for number in range(3):
        await post("text-delta", id=f"x{number}", delta="hi")
    epoch = server.app.context.store.epoch
    async with watching(server) as link:
        await opened(link)
        await link.send(json.dumps({"type": "get-state", "buildId": "b", "since": 1, "epoch": epoch}))
        assert versions(await frame(link)) == [2, 3]
        assert isinstance(await frame(link), Heartbeat)
        await link.send('{"type":"get-state"}')
        recovery = await frame(link)
        assert recovery.state.version == 3
        assert isinstance(await frame(link), Heartbeat)
        await link.send('{"type":"heartbeat"}')
        assert isinstance(await frame(link), HeartbeatAck)
        await link.send('{"type":"subscribe","projectId":"other"}')
        _, recovery, _ = await opened(link)
        assert recovery.state is None


async def test_a_session_s_watcher_sees_only_its_session(server: Running, post: Post) -> None:
    await post("start", session="s1", build="b1")
    await post("start", session="s2", build="b2")
    async with watching(server, "&sessionId=s1") as link:
        _, recovery, mark = await opened(link)
        assert (recovery.state.id, mark.build_id) == ("b1", "b1")
        await post("plan", session="s2", build="b2", text="x")
        await post("plan", session="s1", build="b1", text="y")
        batch = await frame(link)
        assert (batch.build_id, versions(batch)) == ("b1", [2])


async def test_a_large_state_is_packed_for_protocol_2_only(server: Running, post: Post) -> None:
    for number in range(30):
        await post("tool-call", toolCallId=f"t{number}", toolName="Read", input={"path": "x" * 3000})
    for protocol, kind in (("2", bytes), ("", str)):
        async with watching(server, protocol=protocol) as link:
            await link.recv()
            raw = await link.recv()
            assert type(raw) is kind
            recovery = decode_frame(raw, 0)
            assert isinstance(recovery, Recovery)
            assert recovery.state is not None
            assert recovery.state.tool_count == 30


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '{"type":7}', '{"type":"x"}', b"\xff\x00", '{"type":"get-state","since":"x"}', "[" * 9000],
)
async def test_nonsense_from_a_watcher_changes_nothing(server: Running, post: Post, message: str | bytes) -> None:
    async with watching(server) as link:
        await opened(link)
        await link.send(message)
        await post("start")
        assert versions(await frame(link)) == [1]


async def test_an_oversized_message_ends_only_its_own_link(server: Running, post: Post) -> None:
    async with watching(server) as healthy, watching(server) as bad:
        await opened(healthy)
        await opened(bad)
        await bad.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            await drained(bad)
        assert bad.close_code == 1009
        await post("start")
        assert versions(await frame(healthy)) == [1]


async def test_upgrades_that_are_refused(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    for query, headers, status in (
        ("", {"Origin": "https://evil.example"}, 403),
        ("", {"Host": "evil.example"}, 403),
        ("", {"Host": "["}, 403),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with watching(server, query, additional_headers=headers):
                pass
        assert refused.value.response.status_code == status
    for path, status in (("/ws", 400), ("/else?projectId=p", 404)):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(server.url.replace("http", "ws") + path, proxy=None):
                pass
        assert refused.value.response.status_code == status
    assert not caplog.records


async def test_a_watcher_that_never_reads_is_closed_and_others_notice_nothing(tmp_path: Path) -> None:
    # neither the answer to a ping nor the system may end the link first
    limits = ServerLimits(send_timeout=0.5, ping_interval=600, dead_after=600)
    async with running(tmp_path, settings=limits) as server:
        store = server.app.context.store
        async with watching(server) as healthy, watching(server, max_queue=1) as stuck:
            await opened(healthy)
            await opened(stuck)
            stuck.transport.pause_reading()
            for number in range(4000):
                body = {"type": "tool-call", "toolCallId": f"t{number}", "toolName": "R", "input": {"x": "y" * 4000}}
                envelope = {"projectId": "p", "sessionId": "s", "buildId": "b", "event": body}
                await store.append(decode_posted(json.dumps(envelope).encode()), 1)
                if server.app.context.hub.watchers == 1:
                    break
                while healthy_behind(await frame(healthy), number + 1):
                    pass
            assert server.app.context.hub.watchers == 1
            stuck.transport.resume_reading()
            with pytest.raises(ConnectionClosed):
                await drained(stuck)
            assert stuck.close_code == 4408


def healthy_behind(seen: Any, version: int) -> bool:
    return not (isinstance(seen, Batch) and versions(seen)[-1] >= version)


async def test_watchers_are_told_of_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        link = await connect(server.url.replace("http", "ws") + "/ws?projectId=p&protocol=2", proxy=None)
        await opened(link)
    with pytest.raises(ConnectionClosed):
        await link.recv()
    assert link.close_code == 1012


async def test_a_silent_build_becomes_interrupted(tmp_path: Path) -> None:
    async with running(tmp_path, settings=ServerLimits(silence=0.1)) as server:
        async with watching(server) as link:
            await opened(link)
            body = b'{"projectId":"p","sessionId":"s","buildId":"b","event":{"type":"start"}}'
            await server.app.context.store.append(decode_posted(body), 1)
            assert versions(await frame(link)) == [1]
            assert versions(await frame(link)) == [2]
        state = await server.app.context.store.state(BuildKey("p", "s", "b"))
        assert state is not None
        assert state.status == "interrupted"


async def test_a_starting_point_that_cannot_be_made_ends_the_link(
    server: Running, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_: Watcher) -> None:
        raise ValueError("no such state")

    serving = server.app.context
    monkeypatch.setattr(serving.catch_up, "restart", failing)
    async with watching(server) as link:
        await opened(link)
        (watcher,) = serving.hub.channels["p"].watchers
        serving.hub.hold(watcher)
        serving.hub.on_loss(watcher)
        with pytest.raises(ConnectionClosed):
            await drained(link)
        assert link.close_code == 1012


async def test_a_round_that_fails_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = ServerLimits(heartbeat=0.01, idle_heartbeat=0.01, round_every=0.01)
    async with running(tmp_path, settings=hasty) as server:
        beat, failures = server.app.context.hub.beat, [ValueError("odd"), StoreUnavailable("full")]

        def fragile(*intervals: float) -> None:
            if failures:
                raise failures.pop()
            beat(*intervals)

        monkeypatch.setattr(server.app.context.hub, "beat", fragile)
        async with watching(server) as link:
            await opened(link)
            assert isinstance(await frame(link), Heartbeat)
            assert isinstance(await frame(link), Heartbeat)
        assert not failures


async def test_a_build_whose_agent_went_with_the_server_becomes_interrupted(tmp_path: Path) -> None:
    body = b'{"projectId":"p","sessionId":"s","buildId":"b","event":{"type":"start"}}'
    async with running(tmp_path) as server:
        await server.app.context.store.append(decode_posted(body), 1)
    hasty = ServerLimits(silence=0.1, round_every=0.01)
    async with running(tmp_path, settings=hasty) as server, watching(server) as link:
        _, recovery, _ = await opened(link)
        if recovery.session_status == "active":
            assert versions(await frame(link)) == [2]
        state = await server.app.context.store.state(BuildKey("p", "s", "b"))
        assert state is not None
        assert (state.status, state.error) == ("interrupted", "nothing heard of the agent for 0 s")


async def test_watchers_that_are_cut_and_come_back_are_all_served_and_nothing_waits_behind_them(
    server: Running, http: httpx.AsyncClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project for each watcher, so that none shares its starting point; every state takes until the gate opens."""
    names = [f"p{number}" for number in range(30)]
    for name in names:
        await post("start", project=name, build=name)
    gate, states, state = asyncio.Event(), list[str](), server.app.context.store.state

    async def slow(key: BuildKey) -> Any:
        states.append(key.build_id)
        await gate.wait()
        return await state(key)

    monkeypatch.setattr(server.app.context.store, "state", slow)
    url = f"{server.url.replace('http', 'ws')}/ws?protocol=2&projectId="

    async def links() -> list[ClientConnection]:
        return [await connect(url + name, proxy=None, compression=None) for name in names]

    for _ in range(3):
        for link in await links():
            await frame(link)
            link.transport.abort()
    served = await links()
    assert (await http.get("/readyz")).json() == {"ready": True}
    assert (await http.get("/healthz")).status_code == 200
    assert states == names[:3]
    gate.set()
    for link, name in zip(served, names, strict=True):
        (recovery,) = [one for one in await opened(link) if isinstance(one, Recovery)]
        assert recovery.state is not None
        assert recovery.state.id == name
        await link.close()
    assert states == names
