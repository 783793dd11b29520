"""An event costs the same at the 50th and at the 5,000th tool: in statements, in calls and in bytes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from msgspec import Raw

from sentryvibe_tui.model.events import About, BuildEvent, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import TodoItem
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.server.hub import Hub
from sentryvibe_tui.server.outbound_frame import OutboundFrame
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope

FEW, MANY = 50, 5_000
SNAPSHOT = "INSERT OR REPLACE INTO snapshots"
ABOUT = About("p", "s", "b")
PLAN = TodosReported(tuple(TodoItem(f"step {n}", "in_progress" if n == 3 else "completed") for n in range(10)))


def tool(number: int) -> tuple[BuildEvent, BuildEvent]:
    # as long at the first as at the last
    name = f"tool-{number:06}"
    return ToolStarted(name, "Bash", Raw(b'{"command":"make"}')), ToolEnded(name, Raw(b'"done"'))


def calls_of(work: Any) -> int:
    """How many functions `work` calls, Python's and C's."""
    count = 0

    def counting(_: object, kind: str, __: object) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def cost_of_next(state: BuildState, number: int) -> int:
    start, end = tool(number)
    begun, entry = reduce(state, start, 1_000_000, ABOUT)
    assert entry is not None
    return calls_of(lambda: (apply(state, entry), reduce(begun, end, 1_000_001, ABOUT)))


def test_deciding_and_applying_an_event() -> None:
    state, _ = reduce(BuildState(), PLAN, 1, ABOUT)
    costs: dict[int, int] = {}
    for number in range(MANY + 1):
        for event in tool(number):
            state, entry = reduce(state, event, 1_000_000, ABOUT)
            assert entry is not None
        if number in (FEW, MANY):
            costs[number] = cost_of_next(state, number + 1)
    assert 0 < costs[MANY] <= 1.1 * costs[FEW]


class Outlet:
    waiting = 0

    def __init__(self) -> None:
        self.size = 0

    def take(self, frame: OutboundFrame) -> bool:
        self.size += len(frame.message)
        return True

    def close(self, code: int, reason: str, wait: int = 0) -> None:
        raise AssertionError(reason)


async def test_keeping_an_event_and_telling_it(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path)
    hub = Hub(store.epoch, lambda: 0.0, lambda: 1_000_000)
    store.on_commit(hub.publish)
    outlet = Outlet()
    hub.begin(hub.join("p", "", outlet), (), ())
    statements: list[str] = []
    store._ledger._db.set_trace_callback(statements.append)
    await store.append([EventEnvelope(ABOUT, PLAN)], 1)
    costs: dict[int, tuple[int, int]] = {}
    for first in (0, FEW, MANY):
        before = max(costs, default=0)
        rest = [EventEnvelope(ABOUT, event, "", 1_000_000) for number in range(before, first) for event in tool(number)]
        for start in range(0, len(rest), 500):
            await store.append(rest[start : start + 500], 1_000_000)
        await asyncio.sleep(0)
        size, said = outlet.size, len(statements)
        for number in range(first, first + 5):
            for event in tool(number):
                await store.append(
                    [EventEnvelope(ABOUT, event, f"{event.id}-{type(event).__name__}", 1_000_000)], 1_000_000
                )
        done = [text for text in statements[said:] if not text.startswith((SNAPSHOT, "PRAGMA"))]
        costs[first + 5] = (len(done), outlet.size - size)
    few, many = costs[FEW + 5], costs[MANY + 5]
    assert few[0] == many[0] > 20
    assert 0 < many[1] <= 1.1 * few[1]
    await store.close()
    assert 0 < sum(text.startswith(SNAPSHOT) for text in statements) < 10
