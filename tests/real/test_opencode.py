"""opencode on its own screen: what `follow` says of it beside its own event stream."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from .company import Company, company
from .offered import helper_run
from .opencode_truth import OpencodeTruth
from .plays import COUNT, STEPS, USAGE
from .product import calls, is_active, kind_of
from .stage import Stage, new_run

TURNS = {
    "parallel": "All three came back.",
    "failing": "The log is missing.",
    "todos": "All three steps are done.",
    "subagent": "The helper counted twelve tests.",
}
"""Plays, and the words that each of them ends with."""


@pytest.fixture(scope="module")
def opencode(command: Callable[[str], Path]) -> Iterator[Company]:
    with company("opencode", command("opencode")) as one:
        yield one


@contextmanager
def scene(one: Company) -> Generator[Stage]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with one.terminal("--port", str(port)) as terminal:
        terminal.until("Ask anything")
        with closing(Stage(terminal, OpencodeTruth(one.home.home, terminal.pid, port), one.product)) as stage:
            yield stage


def test_turns_with_tools_todos_and_tokens(opencode: Company, tell: Callable[[str], None]) -> None:
    """Several turns of one session; it ends as its user leaves it."""
    runs = [new_run() for _ in TURNS]
    with scene(opencode) as stage:
        stage.play_all(TURNS, runs)
        stage.terminal.type("/exit")
        stage.reach("ended")
        state = stage.said(lambda state: kind_of(state) == "ended", "ended")
        stage.rest(1)
        tell(stage.check())
    assert state["status"] == "completed"
    shell = [call for call in calls(state) if "command" in (call["input"] or {})]
    assert [call["input"]["command"] for call in shell if call.get("parentId")] == [COUNT.command]
    assert [call["state"] for call in shell if not call.get("parentId")][:3] == ["output-available"] * 3
    assert [(todo["content"], todo["status"]) for todo in state["todos"]] == [(text, "completed") for text in STEPS]
    replies = sum(opencode.model.runs[run] + opencode.model.runs[helper_run(run)] for run in runs)
    assert state["usage"]["outputTokens"] == replies * USAGE.output


@pytest.mark.parametrize(
    ("play", "kind", "words", "answer"),
    [
        ("permission", "permission", "touch release.txt", "Enter"),
        ("question", "question", "Which color should the button have?", "Enter"),
    ],
)
def test_a_person_is_waited_for_until_there_is_an_answer(
    opencode: Company, tell: Callable[[str], None], play: str, kind: str, words: str, answer: str
) -> None:
    with scene(opencode) as stage:
        stage.ask(play, new_run(), kind, words)
        stage.rest(2)
        stage.terminal.keys(answer)
        stage.settle()
        tell(stage.check())


def test_esc_twice_ends_a_turn(opencode: Company, tell: Callable[[str], None]) -> None:
    with scene(opencode) as stage:
        stage.prompt("slow-words", new_run())
        stage.reach("working")
        stage.terminal.until("Step by step")
        stage.rest(1)
        stage.terminal.keys("Escape")
        stage.terminal.until("again to interrupt")
        stage.terminal.keys("Escape")
        stage.reach("idle")
        assert stage.said(lambda state: not is_active(state), "over")["status"] in ("interrupted", "cancelled")
        stage.rest(1)
        tell(stage.check())


def test_a_killed_agent_is_over(opencode: Company, tell: Callable[[str], None]) -> None:
    with scene(opencode) as stage:
        stage.prompt("slow-words", new_run())
        stage.reach("working")
        stage.terminal.until("Step by step")
        stage.rest(1)
        assert stage.kill()["status"] == "interrupted"
        tell(stage.check())


def test_without_a_terminal_run_tells_todos_and_tokens(opencode: Company) -> None:
    run = new_run()
    done = opencode.headless("run", f"Please go on. play:todos/{run}")
    assert done.returncode == 0, done.stderr.decode()
    state = json.loads(opencode.product.command("show", "app", "--json"))
    assert state["status"] == "completed"
    assert "All three steps are done." in str(state)
    assert [todo["status"] for todo in state["todos"]] == ["completed"] * 3
    assert state["usage"]["outputTokens"] == opencode.model.runs[run] * USAGE.output
