"""Cost of one event early and late in a build, without sockets: `python tests/bench/store_growth.py [DIRECTORY]`.

Posted bytes -> decoded, kept (commit and sync), encoded, decoded and applied by a watcher. Prints microseconds of wall
time and of CPU an event around tool 50, 200, 1,000 and 5,000, and the ratio to tool 50, from one run; the samples of
every place are spread over several builds, so that a disturbance of the machine meets all places alike.
"""

import asyncio
import json
import random
import string
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.store.contract import Commit
from sentryvibe_tui.store.sqlite import SqliteStore
from sentryvibe_tui.wire.envelope import decode_posted

PLACES = (50, 200, 1_000, 5_000)
BUILDS, AROUND = 2, 50


class Build:
    def __init__(self, store: SqliteStore, name: str) -> None:
        self._store, self.name = store, name
        self._random = random.Random(name)
        self._tools = 0
        self.watcher = BuildState()

    def _body(self, event: dict) -> bytes:
        return json.dumps({"projectId": "p", "sessionId": self.name, "agentId": "claude-code", "event": event}).encode()

    def _text(self, size: int) -> str:
        return "".join(self._random.choices(string.ascii_lowercase + " \n", k=size))

    def heard(self, commit: Commit) -> None:
        for logged in commit.entries:
            self.watcher = apply(self.watcher, logged.entry())

    async def call(self) -> tuple[float, float]:
        """Begin and end of one more tool call; seconds of wall time and of CPU for an event."""
        tool = {"toolCallId": f"t{self._tools}", "toolName": "Bash"}
        self._tools += 1
        bodies = (
            self._body({"type": "tool-input-available", **tool, "input": {"command": self._text(300)}}),
            self._body({"type": "tool-output-available", **tool, "output": self._text(2000)}),
        )
        begun, cpu = perf_counter(), process_time()
        for body in bodies:
            await self._store.append(decode_posted(body), self._tools)
        return (perf_counter() - begun) / 2, (process_time() - cpu) / 2

    async def grow_to(self, tools: int) -> None:
        """In large strides, which are not measured."""
        while self._tools < tools:
            events = []
            for _ in range(min(100, tools - self._tools)):
                tool = {"toolCallId": f"t{self._tools}", "toolName": "Bash"}
                self._tools += 1
                events += decode_posted(self._body({"type": "tool-input-available", **tool, "input": {}}))
                events += decode_posted(
                    self._body({"type": "tool-output-available", **tool, "output": self._text(2000)})
                )
            await self._store.append(events, self._tools)


async def measure(directory: Path) -> None:
    store = await SqliteStore.open(directory)
    builds: dict[str, Build] = {}

    def listen(commits: list[Commit]) -> None:
        for commit in commits:
            builds[commit.head.key.session_id].heard(commit)

    store.on_commit(listen)
    at: dict[int, list[Build]] = {}
    for place in PLACES:
        at[place] = [Build(store, f"{place}-{number}") for number in range(BUILDS)]
        builds |= {build.name: build for build in at[place]}
        for build in at[place]:
            await build.grow_to(place - AROUND)
    await asyncio.sleep(3)
    took: dict[int, list[tuple[float, float]]] = {place: [] for place in PLACES}
    for _ in range(2 * AROUND):
        for place in random.sample(PLACES, len(PLACES)):
            for build in at[place]:
                took[place].append(await build.call())
    for place, samples in took.items():
        wall, cpu = (median(side) * 1e6 for side in zip(*samples, strict=True))
        first = [median(side) * 1e6 for side in zip(*took[PLACES[0]], strict=True)]
        print(
            f"tool {place:5}: {wall:.0f} us an event ({wall / first[0]:.2f}), "
            f"{cpu:.0f} us of CPU ({cpu / first[1]:.2f})"
        )
    await store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as data:
        asyncio.run(measure(Path(data)))
