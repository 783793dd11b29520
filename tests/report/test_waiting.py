"""What a build waits for, in words: on a line, on `show`'s page, in `ls`, in the title."""

import time

from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.client.rest import ListedProject
from sentryvibe_tui.client.watching import Changed
from sentryvibe_tui.model.activity import Activity, Request
from sentryvibe_tui.model.events import About, ActivityReported, BuildEvent, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BackgroundMoved, RequestOpened, TurnEnded
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.model.summary import OpenRequest
from sentryvibe_tui.report.plain import PlainLines
from sentryvibe_tui.report.summary import page
from sentryvibe_tui.report.table import build_rows
from sentryvibe_tui.report.words import waits_for
from sentryvibe_tui.tui.notices import window_title

BASH = ToolStarted("c1", "Bash", Raw(b'{"command":"npm run dev"}'))
ASKS = RequestOpened(Request("r1", title="Bash rm -rf \x1b[2Jbuild", tool_call_id="c1"))
ALSO = RequestOpened(Request("r2", title="which colour?"))
TWO, LIMIT = 2 * 60_000, ActivityReported("waiting-machine", "rate limit", 90_000, "registry")
STOP = TurnEnded("completed")


def told(*story: BuildEvent) -> tuple[BuildState, list[str]]:
    state, lines, plain = BuildState(), list[str](), PlainLines(now=lambda: 0)
    for at, event in enumerate(story, start=1):
        state, entry = reduce(state, event, at * 1_000, About("p", "s", "b"))
        if entry is not None:
            lines += plain.event(Changed(state, entry))
    return state, lines


def test_a_call_that_waits_is_named_as_its_row() -> None:
    asks = Request("r1", "permission", "permission: exec_command touch x", "exec_command")
    state, lines = told(RequestOpened(asks), RequestOpened(replace(asks, id="r2", title="permission: exec_command ls")))
    assert "needs input: Shell touch x" in [line[9:] for line in lines]
    shown = "\n".join(page(state, 2_000 + TWO))
    assert "needs you: Shell touch x" in shown
    assert "also: Shell ls" in shown


def test_for_a_person() -> None:
    state, lines = told(BASH, ASKS, ALSO)
    assert lines[-1][9:].startswith("needs input: Bash rm -rf ")
    assert "\x1b" not in "".join(lines)
    shown = list(page(state, 2_000 + TWO))
    assert "waits   2m00s, needs you: Bash rm -rf" in "\n".join(shown)
    assert "        1m59s, also: which colour?" in shown
    assert window_title(state, "p")[0] == "?"
    row = list(build_rows([ListedProject("p", "P", builds=(summary_of(state),))], 2_000 + TWO))[1]
    assert row[1] == "? needs you 2m00s"
    seen = replace(
        summary_of(state), requests=(OpenRequest("w", title="permission prompt: Bash touch x", tool="Bash"),)
    )
    row = list(build_rows([ListedProject("p", "P", builds=(seen,))], 2_000 + TWO))[1]
    assert row[2].endswith("Bash touch x")
    assert "prompt" not in row[2]
    assert [(one.id, one.title) for one in summary_of(state).requests] == [
        (one.id, one.title) for one in state.requests
    ]


def test_for_a_machine() -> None:
    state, lines = told(BASH, BackgroundMoved("c1"), STOP)
    assert lines[-2][9:] == "in the background: Bash npm run dev"
    assert lines[-1][9:] == "waiting for Bash npm run dev"
    assert "waits   2m00s, waiting for Bash npm run dev" in list(page(state, 3_000 + TWO))
    assert window_title(state, "p")[0] == "◌"


def test_the_end_of_background_work_is_told_once() -> None:
    _, lines = told(BASH, BackgroundMoved("c1"), STOP, ToolEnded("c1"))
    assert sum("tool done" in line for line in lines) == 1


def test_until_when() -> None:
    state, lines = told(BASH, LIMIT)
    until = time.strftime("%H:%M:%S", time.localtime(90))
    assert lines[-1][9:] == waits_for(state.activity) == f"waiting for rate limit until {until}"


def test_idle_is_told_from_ended() -> None:
    state, _ = told(TextAdded("n", "done", whole=True), STOP)
    assert any("completed, idle" in line for line in page(state, 9_000))
    assert next(line[9:] for line in PlainLines().end(state)).startswith("build completed, idle: ")
    assert waits_for(Activity("idle", 1)) == ""
