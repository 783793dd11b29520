"""What became of the plan: the list as it stood when its first todo started."""

import pytest

from sentryvibe_tui.model.events import TodosReported
from sentryvibe_tui.model.facts import TodoItem
from sentryvibe_tui.model.state import TodoStatus


def listed(*texts: str) -> TodosReported:
    """`>` before a text: in progress; `1=` before it: its id."""
    items: list[TodoItem] = []
    for text in texts:
        status: TodoStatus = "in_progress" if text.startswith(">") else "pending"
        name, _, content = text.removeprefix(">").rpartition("=")
        items.append(TodoItem(content, status, id=name))
    return TodosReported(tuple(items))


PLAN = ("Read the code", "Fix the parser", "Run tests")
GOING = (">Read the code", "Fix the parser", "Run tests")


@pytest.mark.parametrize(
    ("lists", "drifts", "dropped"),
    [
        ([PLAN[:1], PLAN[:2], PLAN, GOING], ["", "", ""], []),
        ([PLAN[:2], GOING], ["", "", ""], []),
        ([PLAN[:2], (*GOING, "Write docs"), (*GOING, "Write docs", "Deploy")], ["", "", "", "", "added"], []),
        ([PLAN, ("Read all the code", *PLAN[1:]), GOING], ["", "", ""], []),
        ([GOING, (*GOING[:2], "Run all tests")], ["", "", "renamed"], []),
        ([GOING, (*GOING[:2], "Run tests with coverage and race detector on")], ["", "", "renamed"], []),
        ([GOING, (*GOING[:2], "Deploy to production")], ["", "", "added"], ["Run tests"]),
        ([GOING, (GOING[0], "Update docs", *GOING[1:])], ["", "added", "", ""], []),
        ([GOING, (GOING[1], GOING[0], GOING[2])], ["", "", ""], []),
        ([GOING, (*GOING[:2], "Run all tests", "Deploy")], ["", "", "renamed", "added"], []),
        ([(">Plan it",), (">Plan all of it",)], ["renamed"], []),
        ([(">1=Read", "2=Fix"), (">1=Look closer", "2=Fix")], ["renamed", ""], []),
        ([(">1=Read", "2=Run tests"), (">1=Read", "3=Run all tests")], ["", "added"], ["Run tests"]),
    ],
)
def test_drift(fold, lists: list[tuple[str, ...]], drifts: list[str], dropped: list[str]) -> None:
    state, _ = fold([listed(*texts) for texts in lists])
    assert [todo.drift for todo in state.todos] == drifts
    assert [todo.content for todo in state.dropped] == dropped
