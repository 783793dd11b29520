"""Builds told as a list of events, folded as the server does it."""

from collections.abc import Callable, Iterable

import pytest

from sentryvibe_tui.model.events import About, BuildEvent
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.updates import Entry

ABOUT = About("shop", "s1", "b1", Agent(agent_id="claude-code", model="sonnet", project_name="Shop"))

Fold = Callable[..., tuple[BuildState, list[Entry]]]


def _fold(events: Iterable[BuildEvent], about: About = ABOUT, start: int = 1_000) -> tuple[BuildState, list[Entry]]:
    state, log = BuildState(), list[Entry]()
    for number, event in enumerate(events):
        state, entry = reduce(state, event, start + number, about)
        if entry is not None:
            log.append(entry)
    return state, log


@pytest.fixture(scope="session")
def fold() -> Fold:
    """The state after events one millisecond apart, and its log."""
    return _fold
