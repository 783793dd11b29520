"""Deleting old builds beside a storm of events: how long the writer is held by a piece, and what publishers notice.

    python tests/bench/retention.py [ENTRIES]     of the build that is deleted; default 50,000

Longest and median hold of the writer by a piece of deletion and by a commit, and the longest wait of an append while a
build is deleted, beside the same storm without it, in one run.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.summary import BuildKey
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import EventEnvelope

PUBLISHERS, TEXT = 8, "x" * 600


def timed(of: Any, name: str, times: list[float]) -> None:
    """`of.name` notes how long each call took."""
    work = getattr(of, name)

    def wrapper(*values: Any) -> Any:
        begun = time.perf_counter()
        try:
            return work(*values)
        finally:
            times.append(time.perf_counter() - begun)

    setattr(of, name, wrapper)


async def publish(store: SqliteStore, name: str, waits: list[float], until: asyncio.Event) -> None:
    number = 0
    while not until.is_set():
        number += 1
        begun = time.perf_counter()
        await store.append([EventEnvelope(About("live", name, name), TextAdded("t", TEXT), f"{number}")], number)
        waits.append(time.perf_counter() - begun)


async def storm(store: SqliteStore, work: Any, prefix: str) -> list[float]:
    """Waits of appends while `work` goes on."""
    waits, until = list[float](), asyncio.Event()
    tasks = [asyncio.create_task(publish(store, f"{prefix}{n}", waits, until)) for n in range(PUBLISHERS)]
    await work
    until.set()
    await asyncio.gather(*tasks)
    return waits


async def main(entries: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = await SqliteStore.open(Path(name))
        about = About("old", "s", "b")
        for start in range(0, entries, 500):
            events = [EventEnvelope(about, TextAdded(f"t{n}", TEXT), f"e{n}", n + 1) for n in range(start, start + 500)]
            await store.append(events, 1)
        await store.append([EventEnvelope(about, BuildEnded("completed"), "end", entries + 2)], 1)
        pieces, commits = list[float](), list[float]()
        timed(store._ledger, "sweep", pieces)
        timed(store._ledger, "delete", pieces)
        store.on_sync(commits.append)

        async def delete() -> None:
            await store.delete(BuildKey("old", "s", "b"))
            assert store._sweeper.task is not None
            await store._sweeper.task

        begun = time.perf_counter()
        during = await storm(store, delete(), "a")
        lasted = time.perf_counter() - begun
        alone = await storm(store, asyncio.sleep(lasted), "b")
        await store.close()
    print(f"{len(pieces)} pieces in {lasted:.1f} s: median {1000 * statistics.median(pieces):.1f} ms,"
          f" longest {1000 * max(pieces):.1f} ms; longest commit {1000 * max(commits):.1f} ms")  # fmt: skip
    for title, waits in (("with deletion", during), ("without", alone)):
        print(f"{title}: {len(waits)} appends, median {1000 * statistics.median(waits):.1f} ms,"
              f" longest {1000 * max(waits):.1f} ms")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
