"""Makes the SVGs of this folder: the real screen, showing the demo's build as it is after some of its steps.

Run it with `python screenshots/make.py`. The clock is fixed, so an unchanged screen gives an unchanged picture.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Raw
from msgspec.structs import replace

from agents import START as PLAYED
from agents import Stage, others
from sentryvibe_tui.agents.demo.stream import DemoAgent, demo_build
from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.client.watching import LinkChanged, LinkStatus, Snapshot, WatchEvent
from sentryvibe_tui.model.events import About
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState, Millis
from sentryvibe_tui.model.summary import BuildSummary
from sentryvibe_tui.tui.app import WatchApp
from sentryvibe_tui.tui.overview.app import OverviewApp
from sentryvibe_tui.tui.overview.preferences import PreferencesFile

FOLDER = Path(__file__).parent
START: Millis = 1_767_261_600_000
ABOUT = About("ride-board", "session-3", "build-3")
SHOTS: tuple[tuple[str, tuple[int, int], DemoAgent, float], ...] = (
    ("watch-80x24", (80, 24), "claude", 0.77),
    ("watch-120x36", (120, 36), "claude", 0.77),
    ("watch-200x50", (200, 50), "claude", 0.895),
    ("codex-120x36", (120, 36), "codex", 0.5),
    ("done-120x36", (120, 36), "claude", 1.0),
)

OVERVIEWS = ((80, 24), (120, 36), (200, 50))
SECOND = 30
"""Of the demo, at which the overview is shown."""


def build_after(agent: DemoAgent, share: float, number: int = 4, title: str = "") -> BuildState:
    """The demo's build after a share of its steps, ten times slower than the demo plays it; others came before it."""
    about = About("ride-board", f"session-{number}", f"build-{number}")
    steps = list(demo_build(agent, number))
    state, at = BuildState(), START - (4 - number) * 3_000_000
    for step in steps[: round(len(steps) * share)]:
        at += step.delay_ms * 10
        state, _ = reduce(state, step.event, at, about)
    return replace(state, agent=replace(state.agent, title=title)) if title else state


def earlier() -> list[BuildState]:
    """Builds of the project that are over, newest first."""
    failed = build_after("codex", 0.6, 3, "Riders can leave a comment")
    failed, _ = reduce(failed, BuildEnded("failed", error="rate limit"), (failed.last_event_at or 0) + 9_000, ABOUT)
    return [
        failed,
        build_after("claude", 1.0, 2, "Log in with the club's account"),
        build_after("codex", 1.0, 1, "Set up the project"),
    ]


class Still:
    """A watch of which nothing more is to come."""

    def __init__(self, state: BuildState) -> None:
        self.state = state

    async def events(self) -> AsyncIterator[WatchEvent]:
        yield LinkChanged(LinkStatus("live", rtt_ms=3.0))
        yield Snapshot(self.state, "hydrated")
        await asyncio.Event().wait()

    def retry_now(self) -> None: ...

    async def builds(self) -> tuple[BuildSummary, ...]:
        return tuple(summary_of(state) for state in (self.state, *earlier()))

    async def build(self, session_id: str, build_id: str) -> BuildState | None:
        return self.state

    async def whole_tool(self, session_id: str, tool_id: str) -> tuple[Raw | None, Raw | None]:
        return None, None


async def shot(name: str, size: tuple[int, int], agent: DemoAgent, share: float) -> None:
    state = build_after(agent, share)
    now = (state.last_event_at or START) + 4_000
    app = WatchApp(Still(state), "ride-board", now=lambda: now)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.5)
        app.watch_screen.panes.builds.update(await app.watch_screen.presenter.watching.builds())
        await pilot.press(*(("3",) if not state.is_active else ()))
        await pilot.pause(0.2)
        (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="sentryvibe-tui"))


async def overview(size: tuple[int, int]) -> Path:
    """All agents, the one that waits for a permission under the cursor."""
    stage = Stage(others(PLAYED + SECOND * 1_000))
    path = FOLDER / f"overview-{size[0]}x{size[1]}.svg"
    with tempfile.TemporaryDirectory() as folder:
        app = OverviewApp(stage, PreferencesFile(Path(folder, "overview.json")), now=lambda: stage.now)
        async with app.run_test(size=size) as pilot:
            stage.turn(SECOND)
            await pilot.pause(0.5)
            await pilot.press("j")
            await pilot.pause(0.5)
            path.write_text(app.export_screenshot(title="sentryvibe-tui"))
    return path


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    for size in OVERVIEWS:
        print(asyncio.run(overview(size)))
    for name, size, agent, share in SHOTS:
        asyncio.run(shot(name, size, agent, share))
        print(FOLDER / f"{name}.svg")


if __name__ == "__main__":
    main()
