"""Copilot CLI without a terminal: what `run` and `follow` say of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..patience import PATIENCE
from .company import Company, company
from .plays import USAGE
from .product import State, calls, is_active
from .stage import new_run


@pytest.fixture(scope="module")
def copilot(command: Callable[[str], Path]) -> Iterator[Company]:
    """`run` publishes by itself here; `follow` would tell the same session a second time."""
    with company("copilot", command("copilot"), follows=False) as one:
        yield one


def newest(one: Company) -> State:
    return json.loads(one.product.command("show", "app", "--json"))


@pytest.mark.parametrize(
    ("play", "words", "states"),
    [
        ("parallel", "All three came back.", ["output-available"] * 3),
        ("failing", "The log is missing.", ["error"]),
        ("permission", "The release is marked.", ["error"]),
        ("refused", "The second try worked.", []),
    ],
)
def test_run_tells_words_and_tools(copilot: Company, play: str, words: str, states: list[str]) -> None:
    """Without a terminal nobody can be asked, so a command that needs a permission is refused."""
    allowed = [] if play == "permission" else ["--allow-all-tools"]
    done = copilot.headless("-p", f"Please go on. play:{play}/{new_run()}", *allowed)
    assert done.returncode == 0, done.stderr.decode()
    state = newest(copilot)
    assert state["status"] == "completed"
    assert words in str(state)
    assert [call["state"] for call in calls(state) if call["name"] == "bash"] == states


def test_follow_tells_a_session_from_its_file(copilot: Company) -> None:
    """Its records come in batches, up to 1.5 s late, so only the end is asked for; tokens are there only."""
    run = new_run()
    copilot.product.follow()
    done = copilot.alone("-p", f"Please go on. play:todos/{run}", "--allow-all-tools")
    assert done.returncode == 0, done.stderr.decode()
    end = time.monotonic() + PATIENCE
    while "All three steps are done." not in str(state := newest(copilot)) or is_active(state):
        assert time.monotonic() < end, state
        time.sleep(0.5)
    assert state["status"] == "completed"
    assert [call["name"] for call in calls(state)].count("sql") == 3
    assert state["usage"]["outputTokens"] == copilot.model.runs[run] * USAGE.output
    assert state["usage"]["cacheReadTokens"] == copilot.model.runs[run] * USAGE.cache_read
