"""Clocks that jump: order is by version, timers by the steady clock, and no link is lost for it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from msgspec import Raw

from sentryvibe_tui.client import driver
from sentryvibe_tui.client.publisher import Publisher
from sentryvibe_tui.client.watch import Watch
from sentryvibe_tui.client.watching import LinkChanged
from sentryvibe_tui.model.events import About, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.progress import elapsed, silence
from sentryvibe_tui.server.serve import running
from sentryvibe_tui.wire.state import encode_state

from ..patience import PATIENCE

DAY = 24 * 3600
ABOUT = About("p", "s", "b")


@pytest.mark.parametrize("jump", [-DAY, DAY, -400 * DAY], ids=["a day back", "a day on", "more than a year back"])
async def test_a_clock_that_is_set_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    offset = [0]
    clock, clock_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: clock() + offset[0])
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + offset[0] * 10**9)
    async with running(tmp_path / "data") as server:
        watch, phases = Watch(server.url, "p", wait=True), list[str]()

        async def follow() -> None:
            async for event in watch.events():
                if isinstance(event, LinkChanged):
                    phases.append(event.status.phase)
                if watch.state.id and not watch.state.is_active:
                    break

        following = asyncio.create_task(follow())
        async with Publisher(server.url, ABOUT, tmp_path / "outbox", source="x") as publisher:
            for number in range(20):
                if number == 10:
                    offset[0] = jump
                publisher.publish(ToolStarted(f"t{number}", "Bash", Raw(b"{}")))
                publisher.publish(ToolEnded(f"t{number}", Raw(b'"ok"')))
                assert await publisher.drain(20)
            publisher.publish(BuildEnded("completed"))
            assert await publisher.drain(20)
        async with asyncio.timeout(PATIENCE):
            await following
        state = watch.state
        stored = await server.app.context.store.state((await server.app.context.store.builds("p", 1))[0].key)
    assert stored is not None
    assert json.loads(encode_state(state)) == json.loads(encode_state(stored))
    assert [tool.id for tool in state.tools()] == [f"t{number}" for number in range(20)]
    assert "retrying" not in phases
    assert elapsed(state, 0) >= 0
    assert silence(state, 0) >= 0


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_no_timer_of_a_watch_moves_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    now, steady = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(time, "monotonic", lambda: steady)
    clock = driver.steady()
    assert clock() == pytest.approx(now * 1000, abs=1)
    monkeypatch.setattr(time, "time", lambda: now + jump)
    monkeypatch.setattr(time, "monotonic", lambda: steady + 7)
    assert clock() == pytest.approx((now + 7) * 1000, abs=1)
