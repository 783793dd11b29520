"""A build told as events and folded, as a watch would tell it; local time is UTC."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import pytest

from sentryvibe_tui.client.watching import Changed, LinkChanged, LinkStatus, Snapshot, WatchEvent
from sentryvibe_tui.model.events import About, BuildEvent
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import Agent, BuildState

ABOUT = About("shop", "s1", "b1", Agent(agent_id="claude-code", model="sonnet", project_name="Shop"))
START = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


class Script:
    """Watch events of build events one second apart: live from the first, or joined after `joined` of them."""

    def __init__(self, events: Iterable[BuildEvent], joined: int = 0, link: Iterable[WatchEvent] = ()) -> None:
        state = BuildState()
        self.told: list[WatchEvent] = [LinkChanged(LinkStatus("live"))]
        for number, event in enumerate(events):
            state, entry = reduce(state, event, START + 1000 * number, ABOUT)
            if number + 1 == joined:
                self.told.append(Snapshot(state, "hydrated"))
            elif entry is not None and number >= joined:
                self.told.append(Changed(state, entry))
        self.told.extend(link)
        self.state = state

    async def events(self) -> AsyncIterator[WatchEvent]:
        for event in self.told:
            yield event


@pytest.fixture(scope="session")
def script() -> Callable[..., Script]:
    return Script
