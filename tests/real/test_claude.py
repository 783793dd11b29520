"""Claude Code on its own screen: what `follow` says of it, with and without hooks, beside its own register."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from .company import Company, company
from .offered import helper_run
from .plays import COUNT, STEPS, USAGE
from .product import calls, is_active, kind_of
from .stage import Stage, new_run
from .truth import ClaudeTruth

TURNS = {
    "parallel": "All three came back.",
    "failing": "The log is missing.",
    "tasks": "All three steps are done.",
    "subagent": "The helper counted twelve tests.",
}
"""Plays, and the words that each of them ends with."""
COST_OF_A_REPLY = (USAGE.fresh * 4 + USAGE.output * 20 + USAGE.cache_read * 0.2 + USAGE.cache_write * 5) / 1e6
"""USD; what Claude Code takes for claude-opus-5-5."""


@pytest.fixture(scope="module", params=["follow", "hooks"])
def claude(request: pytest.FixtureRequest, command: Callable[[str], Path]) -> Iterator[Company]:
    with company("claude", command("claude")) as one:
        if request.param == "hooks":
            one.product.command("hooks", "install", "claude", "--yes")
        yield one


@contextmanager
def scene(one: Company, *words: str) -> Generator[Stage]:
    with one.terminal(*words) as terminal:
        terminal.until(lambda text: "mode on" in text or "for shortcuts" in text)
        with closing(Stage(terminal, ClaudeTruth(one.home.home, terminal.pid), one.product)) as stage:
            yield stage


def test_turns_with_tools_todos_tokens_and_cost(claude: Company, tell: Callable[[str], None]) -> None:
    """Several turns of one session; it ends as its user leaves it."""
    runs = [new_run() for _ in range(4)]
    with scene(claude) as stage:
        stage.play_all(TURNS, runs)
        stage.terminal.type("/exit")
        stage.reach("ended")
        state = stage.said(lambda state: kind_of(state) == "ended", "ended")
        stage.rest(1.5)
        tell(stage.check())
    assert state["status"] == "completed"
    assert [call["name"] for call in calls(state)].count("Bash") == 5
    (agent,) = (call for call in calls(state) if call["name"] == "Agent")
    assert [call["input"]["command"] for call in calls(state) if call.get("parentId") == agent["id"]] == [COUNT.command]
    failed = [call for call in calls(state) if call["state"] == "error"]
    assert [call["input"]["command"] for call in failed] == ["cat no-such-file.txt"]
    assert [(todo["content"], todo["status"]) for todo in state["todos"]] == [(text, "completed") for text in STEPS]
    replies, helpers = (sum(claude.model.runs[run] for run in some) for some in (runs, map(helper_run, runs)))
    assert helpers == 2
    whole = replies + helpers
    assert state["usage"]["outputTokens"] == whole * USAGE.output
    assert state["usage"]["cacheReadTokens"] == whole * USAGE.cache_read
    assert state["usage"]["costUsd"] == pytest.approx(whole * COST_OF_A_REPLY)


@pytest.mark.parametrize(
    ("play", "kind", "words", "answer"),
    [
        ("permission", "permission", "touch release.txt", "1"),
        ("question", "question", "Which color should the button have?", "2"),
    ],
)
def test_a_person_is_waited_for_until_there_is_an_answer(
    claude: Company, tell: Callable[[str], None], play: str, kind: str, words: str, answer: str
) -> None:
    with scene(claude) as stage:
        stage.ask(play, new_run(), kind, words)
        stage.rest(2)
        stage.terminal.keys(answer)
        stage.settle()
        tell(stage.check())


def test_a_plan_waits_for_its_approval(claude: Company, tell: Callable[[str], None]) -> None:
    with scene(claude, "--permission-mode", "plan") as stage:
        stage.ask("plan", new_run(), "plan", "")
        stage.rest(1)
        stage.terminal.keys("Escape")
        stage.settle()
        tell(stage.check())


def test_what_runs_on_after_a_turn_is_waited_for(claude: Company, tell: Callable[[str], None]) -> None:
    with scene(claude) as stage:
        stage.prompt("background", new_run())
        stage.reach("waiting-machine")
        stage.said(lambda state: kind_of(state) == "waiting-machine", "waiting for a machine")
        stage.said(lambda state: "The watcher is finished." in str(state) and not is_active(state), "finished")
        stage.rest(1)
        tell(stage.check())


def test_a_subagent_that_runs_on_keeps_the_build_until_it_is_back(claude: Company, tell: Callable[[str], None]) -> None:
    with scene(claude) as stage:
        stage.prompt("helper-runs-on", new_run())
        stage.reach("waiting-machine")
        waits = stage.said(lambda state: kind_of(state) == "waiting-machine", "waiting for the helper")
        assert "Count slowly" in waits["activity"]["what"]
        assert is_active(waits)
        over = stage.said(lambda state: "The helper is back." in str(state) and not is_active(state), "finished")
        assert over["status"] == "completed"
        by_name = {call["name"]: call for call in calls(over)}
        assert by_name["Bash"]["parentId"] == by_name["Agent"]["id"]
        assert {call["state"] for call in by_name.values()} == {"output-available"}
        stage.rest(1)
        tell(stage.check())


@pytest.mark.parametrize(("play", "begun"), [("slow-words", "Step by step"), ("slow-tool", "sleep 25")])
def test_esc_ends_a_turn(claude: Company, tell: Callable[[str], None], play: str, begun: str) -> None:
    with scene(claude) as stage:
        stage.prompt(play, new_run())
        stage.reach("working")
        stage.terminal.until(begun)
        stage.rest(1.5)
        stage.terminal.keys("Escape")
        stage.reach("idle")
        assert stage.said(lambda state: not is_active(state), "over")["status"] in ("interrupted", "cancelled")
        stage.rest(1)
        tell(stage.check())


def test_esc_takes_a_request_back(claude: Company, tell: Callable[[str], None]) -> None:
    with scene(claude) as stage:
        stage.prompt("permission", new_run())
        stage.reach("waiting-person")
        stage.rest(1.5)
        stage.terminal.keys("Escape")
        stage.settle()
        tell(stage.check())


@pytest.mark.parametrize(("play", "kind"), [("slow-words", "working"), ("permission", "waiting-person")])
def test_a_killed_agent_is_over(claude: Company, tell: Callable[[str], None], play: str, kind: str) -> None:
    with scene(claude) as stage:
        stage.prompt(play, new_run())
        stage.reach(kind)
        stage.rest(1.5)
        assert stage.kill()["status"] == "interrupted"
        tell(stage.check())


def test_a_busy_model_is_asked_again(claude: Company, tell: Callable[[str], None]) -> None:
    with scene(claude) as stage:
        stage.prompt("refused", new_run())
        stage.said(lambda state: "The second try worked." in str(state) and not is_active(state), "over")
        stage.rest(1)
        tell(stage.check())


def test_without_a_terminal_run_tells_tokens_and_cost(claude: Company) -> None:
    run = new_run()
    prompt = f"Please go on. play:tasks/{run}"
    done = claude.headless("-p", prompt)
    assert done.returncode == 0, done.stderr.decode()
    state = json.loads(claude.product.command("show", "app", "--json"))
    assert state["status"] == "completed"
    assert prompt in str(state)
    assert [todo["status"] for todo in state["todos"]] == ["completed"] * 3
    replies = claude.model.runs[run]
    assert state["usage"]["outputTokens"] == replies * USAGE.output
    assert state["usage"]["costUsd"] == pytest.approx(replies * COST_OF_A_REPLY)
