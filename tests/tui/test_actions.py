"""Actions are defined once, and without contradictions."""

from collections import Counter

import pytest

from sentryvibe_tui.tui.actions import ACTIONS, Action, in_footer, rebound, usable_keys
from sentryvibe_tui.tui.build.screen import WatchScreen
from sentryvibe_tui.tui.build.widgets.stream import Stream
from sentryvibe_tui.tui.build.widgets.todos import Todos


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


@pytest.mark.parametrize(
    ("keys", "usable", "problems"),
    [
        ({}, {}, []),
        ({"next-error": "x"}, {"next-error": "x"}, []),
        ({"next-error": "%, f2"}, {"next-error": "percent_sign,f2"}, []),
        ({"next-eror": "x"}, {}, ["keys: no action is called 'next-eror'; did you mean 'next-error'?"]),
        ({"next-error": "q"}, {}, ["keys: 'q' means quit already, so not next-error"]),
        ({"next-error": "q", "quit": "e"}, {"next-error": "q", "quit": "e"}, []),
        ({"search": " ,"}, {}, ["keys: search = ' ,' names no key"]),
        ({"search": "X", "copy": "X"}, {"search": "X"}, ["keys: 'X' means search already, so not copy"]),
    ],
)
def test_keys_from_the_config_file(keys, usable, problems) -> None:
    assert usable_keys(keys) == (usable, problems)


def test_the_footer_shows_the_readers_own_keys() -> None:
    shown = {title: key for key, title in in_footer(rebound({"quit": "question_mark"}))}
    assert shown["quit"] == "?"
