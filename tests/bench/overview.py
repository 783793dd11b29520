"""What the overview costs: 1,000 agents, so many of them changing each second, on a terminal of its own.

`python tests/bench/overview.py [CHANGES] [SECONDS]` prints the share of a core, and bytes a second to the terminal.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import random
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec.structs import replace

from sentryvibe_tui.client.fleet import BuildChanges, FleetEvent, ServerBuilds, ServerLink
from sentryvibe_tui.client.watching import LinkStatus
from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.summary import BuildKey, BuildSummary

AGENTS = 1_000
BATCH = 0.2
"""Seconds between two frames of the feed."""


class Busy:
    """A fleet of which `changes` agents do something else each second."""

    def __init__(self, changes: int) -> None:
        self._changes, self._chance = changes, random.Random(1)
        now = int(time.time() * 1000)
        kinds = ("working",) * 8 + ("idle", "waiting-machine")
        self._builds = [
            BuildSummary(f"p{at}", f"s{at}", f"b{at}", f"project-{at}", activity=Activity(kinds[at % 10], now),
                         agent_id="claude-code", model="claude-sonnet-4-5", title=f"Task {at}", todos_done=1,
                         todos_total=9, tools=at, cost_usd=at / 100, started_at=now - at * 1000, last_event_at=now,
                         now="Read README.md", now_since=now, open_calls=1)
            for at in range(AGENTS)
        ]  # fmt: skip

    async def events(self) -> AsyncIterator[FleetEvent]:
        yield ServerLink("here", "this machine", LinkStatus("live"))
        yield ServerBuilds("here", tuple(self._builds))
        while True:
            await asyncio.sleep(BATCH)
            yield BuildChanges("here", tuple(self._moved() for _ in range(round(self._changes * BATCH))))

    def _moved(self) -> BuildSummary:
        at, now = self._chance.randrange(AGENTS), int(time.time() * 1000)
        build = self._builds[at]
        doing = {"now": f"Edit src/file{build.tools}.ts", "now_since": now, "last_event_at": now}
        spent = {"tools": build.tools + 1, "version": build.version + 1, "cost_usd": (build.cost_usd or 0) + 0.01}
        self._builds[at] = moved = replace(build, **doing, **spent)
        return moved

    def retry_now(self) -> None: ...

    async def build(self, server: str, key: BuildKey) -> BuildState | None:
        return None

    def watch(self, server: str, build: BuildSummary) -> object:
        raise NotImplementedError

    def address_of(self, name: str) -> None:
        return None

    async def watchers(self):
        return getattr(self, "audience", ())

    def outlook(self) -> tuple[str, ...]:
        return ()


def child(changes: int) -> None:
    from sentryvibe_tui.tui.overview.app import OverviewApp
    from sentryvibe_tui.tui.overview.preferences import PreferencesFile

    with tempfile.TemporaryDirectory() as folder:
        OverviewApp(Busy(changes), PreferencesFile(Path(folder, "o.json"))).run()  # pyright: ignore


def processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    pid, near = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        child(changes)
        os._exit(0)
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    taken = [0]

    def drain() -> None:
        try:
            while data := os.read(near, 65_536):
                taken[0] += len(data)
        except OSError:
            return

    threading.Thread(target=drain, daemon=True).start()
    time.sleep(5)
    used, before, began = processor(pid), taken[0], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    print(f"{100 * (processor(pid) - used) / took:.1f} % of a core, {(taken[0] - before) / took / 1000:.1f} kB/s")
    os.write(near, b"q")
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
