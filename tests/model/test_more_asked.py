"""An ended build goes on when a person asks for more."""

import pytest

from sentryvibe_tui.model.events import About, BuildEnded, BuildEvent, TextAdded, ToolStarted
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState, Outcome

ABOUT = About("p", "s", "b")


def fold(*events: BuildEvent) -> BuildState:
    state = BuildState()
    for at, event in enumerate(events):
        state, _ = reduce(state, event, at, ABOUT)
    return state


FIRST, SECOND = (TextAdded(f"prompt-{n}", "do it", "prompt", whole=True) for n in (1, 2))
TOOL = ToolStarted("t", "Bash")


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled", "interrupted"])
def test_a_new_prompt_reopens(outcome: Outcome) -> None:
    state = fold(FIRST, BuildEnded(outcome, error="so it ended"), SECOND, TOOL)
    assert (state.status, state.ended_at, state.error) == ("active", None, "")
    assert state.open_tools == {"t"}


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("event", [FIRST, TOOL, TextAdded("n", "words")], ids=["known prompt", "call", "text"])
def test_nothing_else_does(outcome: Outcome, event: BuildEvent) -> None:
    assert fold(FIRST, BuildEnded(outcome), event).status == outcome
