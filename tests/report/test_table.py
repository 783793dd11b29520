"""`ls` as a table in a terminal: which columns there is room for."""

import pytest
from rich.cells import cell_len

from sentryvibe_tui.client.rest import ListedProject
from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest
from sentryvibe_tui.report.table import HEADER, build_rows, table_lines

NOW = 3_600_000
ASK = OpenRequest("r", title="Bash " + "rm -rf node_modules " * 5, tool="Bash", since=0)
WAITS = BuildSummary(
    *("shop", "0123-4567-89ab", "b", "shop"),
    agent_id="claude-code",
    activity=Activity("waiting-person", 0),
    requests=(ASK,),
    branch="feature/cart",
    model="claude-opus-5-5",
)
DONE = BuildSummary(
    "a", "s", "b", "日本 with a name that is long", status="completed", now="All green.", last_event_at=0, tools=3
)
ROWS = list(build_rows([ListedProject("shop", "shop", builds=(WAITS, DONE))], NOW))


@pytest.mark.parametrize("width", range(20, 240, 7))
def test_lines_fit_and_no_state_is_cut(width: int) -> None:
    lines = list(table_lines(ROWS, width))
    assert max(map(cell_len, lines)) <= width
    assert all(head in HEADER for head in lines[0].split())
    if "STATUS" in lines[0]:
        assert "needs you 1h00m" in lines[1]
        assert "completed" in lines[2]
    if width >= 60:
        assert {"PROJECT", "STATUS", "DOES"} <= set(lines[0].split())


def test_what_tells_nothing_leaves_first() -> None:
    """No build has todos, cost or context."""
    head = next(table_lines(ROWS, 90)).split()
    assert not {"TODOS", "COST", "CTX"} & set(head)
    assert {"TOOLS", "AGENT", "AGE"} <= set(head)


def test_a_pipe_gets_every_column_whole() -> None:
    head, waits, _ = table_lines(ROWS, None)
    assert tuple(head.split()) == HEADER
    assert waits.endswith("0123-4567-89ab")
