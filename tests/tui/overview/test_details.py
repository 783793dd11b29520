"""What stands below the list: no head without its words, whatever room there is."""

from __future__ import annotations

import pytest
from msgspec import Raw
from tests.tui.overview.conftest import NOW, row

from sentryvibe_tui.model.events import About, BuildStarted, TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import TodoItem
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.summary import OpenRequest
from sentryvibe_tui.tui.context import RenderContext
from sentryvibe_tui.tui.lines import line_text
from sentryvibe_tui.tui.overview.arrangement import entry_of
from sentryvibe_tui.tui.overview.details_pane import details
from sentryvibe_tui.tui.overview.preferences import Preferences

CONTEXT = RenderContext(lambda: NOW)
WHY = "error TS2345: no such type"
TODOS = TodosReported(tuple(TodoItem(f"Step {number}", "pending") for number in range(9)))


def failed_build(*more) -> BuildState:
    call = ToolStarted("c1", "Bash", Raw(b'{"command":"npm run build"}'))
    end = ToolEnded("c1", Raw(f'"building\\n{WHY}"'.encode()), is_error=True)
    state = BuildState()
    for at, event in enumerate((BuildStarted(), *more, TextAdded("n1", "I build it."), call, end), 1):
        state, _ = reduce(state, event, NOW - 9_000 + at, About("p", "s", "b"))
    return state


def shown(width: int, height: int, state: BuildState, title: str = "Bash touch x") -> list[str]:
    ask = OpenRequest("r", "permission", title, "Bash", since=NOW - 9_000)
    entry = entry_of(row("shop", "waiting-person", requests=(ask,)), Preferences(), "", NOW)
    return [line_text(line) for line in details(entry, state, CONTEXT, width, height)]


@pytest.mark.parametrize("height", [4, 5, 6, 9])
def test_the_last_error_says_what_went_wrong_however_little_room_there_is(height):
    lines = shown(78, height, failed_build())
    assert len(lines) <= height
    assert any(WHY in line for line in lines), lines


def test_a_long_list_of_todos_leaves_the_error_its_room():
    assert any(WHY in line for line in shown(118, 9, failed_build(TODOS)))


@pytest.mark.parametrize("height", range(2, 12))
@pytest.mark.parametrize("width", [38, 78, 118])
def test_no_head_stands_without_its_words(width, height):
    lines = shown(width, height, failed_build(TODOS), "Bash " + "very long words " * 20)
    assert not lines[-1].strip().removesuffix("…").strip().startswith(("last said  ", "last error  ")) or (
        len(lines[-1].split()) > 3
    ), lines


def test_what_is_asked_is_said_as_in_the_row():
    assert shown(78, 6, failed_build(), "permission: exec_command touch x")[2].startswith("exec_command touch x")
    assert shown(78, 6, failed_build(), "permission: Bash: touch x")[2] == "Bash touch x"


@pytest.mark.parametrize("width", [78, 118])
def test_what_stands_in_the_row_already_is_not_said_again_as_the_last_words(width):
    def lines(now: str) -> list[str]:
        entry = entry_of(row("shop", "idle", now=now), Preferences(), "", NOW)
        return [line_text(line) for line in details(entry, failed_build(), CONTEXT, width, 9)]

    assert sum("I build it." in line for line in lines("I build it.")) == 1
    assert any(line.startswith("last said") for line in lines("I build"))


def test_where_nothing_stands_beside_it_what_is_asked_has_the_whole_width():
    lines = shown(118, 9, BuildState(), "Bash " + "a-word " * 15)
    assert lines[2].startswith("Bash a-word")
    assert len(lines[2]) > 100


@pytest.mark.parametrize("height", range(5, 8))
@pytest.mark.parametrize("width", [60, 78, 118])
def test_an_error_is_said_once_and_no_word_of_it_is_cut_in_the_middle(width, height):
    state = BuildState()
    call = ToolStarted("c1", "Bash", Raw(b'{"command":"sleep 12; cat no-such-file.txt"}'))
    end = ToolEnded("c1", Raw(b'"cat: no-such-file.txt: No such file or directory"'), is_error=True)
    for at, event in enumerate((BuildStarted(), call, end), 1):
        state, _ = reduce(state, event, NOW - 9_000 + at, About("p", "s", "b"))
    entry = entry_of(row("shop", "working"), Preferences(), "", NOW)
    lines = [line_text(line) for line in details(entry, state, CONTEXT, width, height)]
    assert " ".join(" ".join(lines).split()).count("cat: no-such-file.txt: No such file or directory") == 1, lines
    assert not any("…" in line for line in lines[2:]), lines


@pytest.mark.parametrize("width", range(40, 120, 3))
def test_no_figure_is_cut_in_two(width):
    figures = {"tools": 6, "errors": 1, "todos_done": 3, "todos_total": 4, "context_percent": 40.0, "cost_usd": 1.12}
    one = row("shop", "working", input_tokens=105_000, output_tokens=3_200, **figures)
    line = line_text(details(entry_of(one, Preferences(), "", NOW), None, CONTEXT, width, 2)[1])
    assert "…" not in line
    assert "3/4 todos" in line


def test_what_is_asked_for_is_called_as_its_row_is():
    ask = OpenRequest("r", "permission", "exec_command touch x", "exec_command", since=NOW - 9_000)
    entry = entry_of(row("shop", "waiting-person", requests=(ask,)), Preferences(), "", NOW)
    lines = [line_text(line) for line in details(entry, None, CONTEXT, 78, 6)]
    assert lines[1].startswith("? permission for Shell")
