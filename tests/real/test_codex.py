"""Codex on its own screen: what `follow` says of it, with and without hooks, beside its daemon's word."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from .codex_truth import CodexTruth, Daemon, listening
from .company import Company, company
from .plays import COUNT, STEPS, USAGE
from .product import calls, is_active, kind_of
from .stage import Stage, new_run

TURNS = {
    "parallel": "All three came back.",
    "failing": "The log is missing.",
    "todos": "All three steps are done.",
}
"""Plays, and the words that each of them ends with."""


@pytest.fixture(scope="module", params=["follow", "hooks"])
def codex(request: pytest.FixtureRequest, command: Callable[[str], Path]) -> Iterator[Company]:
    """A first screen starts the daemon, and trusts the hooks."""
    with company("codex", command("codex")) as one:
        if request.param == "hooks":
            one.product.command("hooks", "install", "codex", "--yes")
        with one.terminal() as terminal:
            if request.param == "hooks":
                terminal.until("Trust all")
                terminal.keys("Down")
                terminal.keys("Enter")
            terminal.until(is_ready)
            socket = one.home.home / ".codex" / "app-server-control" / "app-server-control.sock"
            terminal.until(lambda _: socket.exists())
        yield one


@pytest.fixture(scope="module")
def daemon(codex: Company) -> Iterator[Daemon]:
    with listening(codex.home.home / ".codex") as one:
        yield one


def is_ready(text: str) -> bool:
    return "›" in text and "mock-model" in text and "Trust all" not in text


@contextmanager
def scene(one: Company, daemon: Daemon, run: str) -> Generator[Stage]:
    with one.terminal() as terminal:
        terminal.until(is_ready)
        truth = CodexTruth(one.home.home, terminal.pid, daemon)
        truth.cue = run
        with closing(Stage(terminal, truth, one.product)) as stage:
            yield stage


def test_turns_with_tools_todos_and_tokens(codex: Company, daemon: Daemon, tell: Callable[[str], None]) -> None:
    """Several turns of one session; it ends as its user leaves it."""
    runs = [new_run() for _ in TURNS]
    with scene(codex, daemon, runs[0]) as stage:
        stage.play_all(TURNS, runs)
        stage.terminal.type("/exit")
        stage.reach("idle|ended")
        stage.rest(1.5)
        state = stage.state
        tell(stage.check())
    assert state["status"] == "completed"
    shell = [call for call in calls(state) if "cmd" in str(call["input"]) or "command" in str(call["input"])]
    assert len(shell) == 4
    assert [call["state"] for call in shell[:3]] == ["output-available"] * 3
    assert [(todo["content"], todo["status"]) for todo in state["todos"]] == [(text, "completed") for text in STEPS]
    replies = sum(codex.model.runs[run] for run in runs)
    assert state["usage"]["outputTokens"] == replies * USAGE.output
    assert state["usage"]["cacheReadTokens"] == replies * USAGE.cache_read
    assert shell[3]["state"] == "error"


@pytest.mark.parametrize(
    ("play", "kind", "words", "answer"),
    [
        ("permission", "permission", "touch release.txt", "y"),
        ("question", "question", "Which color should the button have?", "Enter"),
    ],
)
def test_a_person_is_waited_for_until_there_is_an_answer(
    codex: Company, daemon: Daemon, tell: Callable[[str], None], play: str, kind: str, words: str, answer: str
) -> None:
    run = new_run()
    with scene(codex, daemon, run) as stage:
        stage.ask(play, run, kind, words)
        stage.rest(2)
        stage.terminal.keys(answer)
        stage.settle()
        tell(stage.check())


def test_what_runs_on_after_a_turn_is_waited_for(codex: Company, daemon: Daemon, tell: Callable[[str], None]) -> None:
    run = new_run()
    with scene(codex, daemon, run) as stage:
        stage.prompt("background", run)
        stage.reach("waiting-machine")
        stage.said(lambda state: kind_of(state) == "waiting-machine", "waiting for a machine")
        stage.reach("idle")
        stage.said(lambda state: not is_active(state), "over")
        stage.rest(1)
        tell(stage.check())


def test_a_subagents_calls_lie_in_its_own(codex: Company, daemon: Daemon, tell: Callable[[str], None]) -> None:
    run = new_run()
    with scene(codex, daemon, run) as stage:
        stage.prompt("subagent", run)
        state = stage.said(lambda state: "The helper counted" in str(state) and not is_active(state), "over")
        stage.reach("idle")
        stage.rest(1)
        tell(stage.check())
    nested = [call for call in calls(state) if COUNT.command in str(call["input"])]
    assert [bool(call.get("parentId")) for call in nested] == [True]


@pytest.mark.parametrize(("play", "begun"), [("slow-words", "Step by step"), ("slow-tool", "sleep 25")])
def test_esc_ends_a_turn(codex: Company, daemon: Daemon, tell: Callable[[str], None], play: str, begun: str) -> None:
    run = new_run()
    with scene(codex, daemon, run) as stage:
        stage.prompt(play, run)
        stage.reach("working")
        stage.terminal.until(lambda text: begun in text or begun in str(stage.state))
        stage.rest(1.5)
        stage.terminal.keys("Escape")
        stage.reach("idle")
        state = stage.said(lambda state: not is_active(state), "over")
        assert state["status"] in ("interrupted", "cancelled"), f"{stage.story()}\n{state}\n{stage.terminal.text()}"
        stage.rest(1)
        tell(stage.check())


def test_a_screen_that_is_killed_leaves_its_turn_to_the_daemon(
    codex: Company, daemon: Daemon, tell: Callable[[str], None]
) -> None:
    run = new_run()
    with scene(codex, daemon, run) as stage:
        stage.prompt("slow-words", run)
        stage.reach("working")
        stage.rest(1)
        os.kill(stage.terminal.pid, signal.SIGKILL)
        stage.reach("idle", "idle|ended")
        assert stage.said(lambda state: not is_active(state), "over")["status"] == "completed"
        stage.rest(1)
        tell(stage.check())


def test_without_a_terminal_run_tells_todos_and_tokens(codex: Company) -> None:
    run = new_run()
    prompt = f"Please go on. play:todos/{run}"
    done = codex.headless("exec", "--skip-git-repo-check", prompt)
    assert done.returncode == 0, done.stderr.decode()
    state = json.loads(codex.product.command("show", "app", "--json"))
    assert state["status"] == "completed"
    assert "All three steps are done." in str(state)
    assert [todo["status"] for todo in state["todos"]] == ["completed"] * 3
    assert state["usage"]["outputTokens"] == codex.model.runs[run] * USAGE.output
