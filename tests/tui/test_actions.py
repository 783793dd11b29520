"""Actions are defined once, and without contradictions."""

from collections import Counter
from collections.abc import Iterable

import pytest

from sentryvibe_tui.tui.actions import (
    ACTIONS,
    Action,
    bindings,
    in_footer,
    key_name,
    list_bindings,
    offered,
    rebound,
    usable_keys,
)
from sentryvibe_tui.tui.build.history import History
from sentryvibe_tui.tui.build.panes import Panes
from sentryvibe_tui.tui.build.presenter import Presenter
from sentryvibe_tui.tui.build.screen import BuildScreen
from sentryvibe_tui.tui.build.search import Search
from sentryvibe_tui.tui.build.widgets.stream import Stream
from sentryvibe_tui.tui.build.widgets.todos import Todos
from sentryvibe_tui.tui.export.export import Export
from sentryvibe_tui.tui.overview.screen import OverviewScreen


def _twice(keys: Iterable[str]) -> list[str]:
    return [key for key, times in Counter(keys).items() if times > 1]


def test_no_key_has_two_meanings_on_one_screen() -> None:
    assert _twice(key for action in offered(ACTIONS, "screen") for key in action.keys.split(",")) == []
    bound = [*bindings("overview"), *list_bindings()]
    assert _twice(key for binding in bound for key in binding.key.split(",")) == []


def test_actions_of_one_name_have_the_same_keys() -> None:
    keys = {action.ident: action.keys for action in ACTIONS}
    assert [action.ident for action in ACTIONS if action.keys != keys[action.ident]] == []


def test_what_a_list_loses_to_the_overview_has_another_key_there() -> None:
    assert [binding.id for binding in list_bindings() if binding.id in ("first", "fold")] == ["first"]
    assert {action.ident for action in offered(ACTIONS, "overview")} >= {"quit", "next-that-waits", "up", "pin"}


PARTS = {"panes": Panes, "search": Search, "history": History, "presenter": Presenter, "export": Export}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_there(action: Action) -> None:
    owner, _, method = action.name.partition("(")[0].rpartition(".")
    if owner in PARTS:
        assert callable(getattr(PARTS[owner], method))
        assert action.call.startswith(f"do({owner!r}, {method!r}")
    elif owner != "app":
        screens = {"both": (BuildScreen, OverviewScreen), "screen": (BuildScreen,), "overview": (OverviewScreen,)}
        owners = screens.get(action.scope, (Stream, Todos)) if owner != "screen" else screens["both"]
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
        ({"pin": "F"}, {"pin": "F"}, []),
        ({"pin": "q"}, {}, ["keys: 'q' means quit already, so not pin"]),
        ({"search": " ,"}, {}, ["keys: search = ' ,' names no key"]),
        ({"search": "X", "copy": "X"}, {"search": "X"}, ["keys: 'X' means search already, so not copy"]),
    ],
)
def test_keys_from_the_config_file(keys, usable, problems) -> None:
    assert usable_keys(keys) == (usable, problems)


def test_the_footer_shows_the_readers_own_keys() -> None:
    shown = {title: key_name(action.keys) for action, title in in_footer(rebound({"quit": "question_mark"}))}
    assert shown["quit"] == "?"
