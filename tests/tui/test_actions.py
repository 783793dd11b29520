"""Actions are defined once, and without contradictions."""

from collections import Counter

import pytest

from sentryvibe_tui.tui.actions import ACTIONS, Action
from sentryvibe_tui.tui.screens.watch import WatchScreen
from sentryvibe_tui.tui.widgets.stream import Stream
from sentryvibe_tui.tui.widgets.todos import Todos


def test_no_key_has_two_meanings() -> None:
    keys = Counter(key for action in ACTIONS for key in action.keys.split(","))
    assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_there(action: Action) -> None:
    name = action.name.removeprefix("screen.").partition("(")[0]
    if name.startswith("app."):
        return
    owners = (WatchScreen,) if action.scope == "screen" or action.name.startswith("screen.") else (Stream, Todos)
    assert all(hasattr(owner, f"action_{name}") for owner in owners)
