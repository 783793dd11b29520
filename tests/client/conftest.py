"""A link under a clock of the test's own, and builds told as events."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from sentryvibe_tui.client.link import Link
from sentryvibe_tui.client.original_replica import Hydration
from sentryvibe_tui.client.reconnect import Emit
from sentryvibe_tui.client.watching import WatchEvent
from sentryvibe_tui.model.events import About, BuildEvent, BuildStarted, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import TodoItem
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.updates import Entry
from sentryvibe_tui.wire.frames import Batch, Connected, Heartbeat, Recovery
from sentryvibe_tui.wire.original_rows import Ending, Stored


class Build:
    """A server's log of one build: states and entries by version."""

    def __init__(self, build_id: str = "b1", session_id: str = "s1", at: int = 1_000) -> None:
        self.about = About("shop", session_id, build_id, Agent("claude-code", "sonnet", "Shop"))
        self.states = [BuildState()]
        self.log: list[Entry] = []
        self.at = at

    @property
    def state(self) -> BuildState:
        return self.states[-1]

    def add(self, *events: BuildEvent) -> "Build":
        for event in events:
            state, entry = reduce(self.state, event, self.at + len(self.log), self.about)
            if entry is not None:
                self.states.append(state)
                self.log.append(entry)
        return self

    def work(self, count: int, first: int = 0) -> "Build":
        """`count` entries: the start, then tools that begin and end."""
        events: list[BuildEvent] = [BuildStarted(), TodosReported((TodoItem("one", "in_progress"), TodoItem("two")))]
        for number in range(first, first + count):
            events += [ToolStarted(f"t{number}", "Bash"), ToolEnded(f"t{number}")]
        return self.add(*events[len(self.log) : count])

    def batch(self, since: int = 0, until: int | None = None) -> Batch:
        return self.frame(self.log[since:until])

    def frame(self, entries: Iterable[Entry]) -> Batch:
        return Batch("shop", self.about.session_id, self.about.build_id, tuple(entries))

    def recovery(self, epoch: str = "e1", version: int | None = None) -> Recovery:
        state = self.state if version is None else self.states[version]
        return Recovery(state, self.about.session_id, state.status, epoch)

    def mark(self, epoch: str = "e1", version: int | None = None) -> Heartbeat:
        return Heartbeat(epoch, self.about.build_id, self.state.version if version is None else version)


class Desk:
    """Drives a link: gives it inputs, keeps what it says and does."""

    def __init__(self, **options: Any) -> None:
        session = str(options.pop("session", ""))
        self.link = Link("shop", session, chance=lambda: 0.5, **options)
        self.now = 1_000_000
        self.actions: list[object] = []
        self.did(self.link.start(self.now))

    def did(self, actions: Iterable[object]) -> "Desk":
        self.actions.extend(actions)
        return self

    def up(self, *frames, epoch: str = "e1", protocol: int = 2) -> "Desk":
        self.did(self.link.opened(self.now))
        return self.hear(Connected(epoch if protocol == 2 else "", protocol), *frames)

    def hear(self, *frames) -> "Desk":
        for frame in frames:
            self.did(self.link.frame(frame, self.now))
        return self

    def later(self, ms: int) -> "Desk":
        """Time passes; the link is ticked when it wants to be."""
        end = self.now + ms
        while (due := self.link.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.did(self.link.tick(self.now))
        self.now = end
        return self

    def close(self, code: int = 1006, reason: str = "", retry_after: int = 0) -> "Desk":
        return self.did(self.link.closed(self.now, code, reason, retry_after))

    def fail(self, status: int | None = None, reason: str = "", retry_after: int = 0) -> "Desk":
        return self.did(self.link.failed(self.now, status, reason, retry_after))

    def take(self, kind) -> list:
        """Actions or events of a kind since the last call of it."""
        found = [item for item in map(_inner, self.actions) if isinstance(item, kind)]
        self.actions = [action for action in self.actions if not isinstance(_inner(action), kind)]
        return found

    @property
    def events(self) -> list[WatchEvent]:
        return [action.event for action in self.actions if isinstance(action, Emit)]


def _inner(action: object) -> object | WatchEvent:
    return action.event if isinstance(action, Emit) else action


@pytest.fixture(scope="session")
def make_build() -> Callable[..., Build]:
    return Build


@pytest.fixture(scope="session")
def make_desk() -> Callable[..., Desk]:
    return Desk


def _answer(state: BuildState | None, *older: str, doubt: int = 0, **places: int) -> Hydration:
    if state is None:
        return Hydration(None, older)
    ending = None if state.is_active else Ending(state.status, state.ended_at or 0, doubt)
    return Hydration(Stored(replace(state, version=0, status="active", ended_at=None), ending, places), older)


@pytest.fixture(scope="session")
def make_answer() -> Callable[..., Hydration]:
    """An original server's rows that tell `state`, whose end is believed after `doubt`; `older` are other builds."""
    return _answer
