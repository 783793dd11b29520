"""Actions are defined once, and without contradictions."""

from collections import Counter

import pytest

from sentryvibe_tui.tui.actions import ACTIONS, Action, in_footer, key_name, rebound, usable_keys
from sentryvibe_tui.tui.build.feed import Feed
from sentryvibe_tui.tui.build.history import History
from sentryvibe_tui.tui.build.panes import Panes
from sentryvibe_tui.tui.build.screen import BuildScreen
from sentryvibe_tui.tui.build.search import Search
from sentryvibe_tui.tui.build.widgets.stream import Stream
from sentryvibe_tui.tui.build.widgets.todos import Todos
from sentryvibe_tui.tui.export.export import Export


def test_no_key_has_two_meanings() -> None:
    keys = Counter(key for action in ACTIONS for key in action.keys.split(","))
    assert [key for key, times in keys.items() if times > 1] == []


PARTS = {"panes": Panes, "search": Search, "history": History, "feed": Feed, "export": Export}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_there(action: Action) -> None:
    owner, _, method = action.name.partition("(")[0].rpartition(".")
    if owner in PARTS:
        assert callable(getattr(PARTS[owner], method))
        assert action.call.startswith(f"do({owner!r}, {method!r}")
    elif owner != "app":
        owners = (BuildScreen,) if action.scope == "screen" or owner == "screen" else (Stream, Todos)
        assert all(hasattr(owner, f"action_{method}") for owner in owners)


def test_the_build_screen_lays_out_and_leaves_the_rest_to_its_parts() -> None:
    own = [name for name, value in vars(BuildScreen).items() if callable(value) and not name.startswith("__")]
    assert len(own) <= 40


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
    shown = {title: key_name(action.keys) for action, title in in_footer(rebound({"quit": "question_mark"}))}
    assert shown["quit"] == "?"
