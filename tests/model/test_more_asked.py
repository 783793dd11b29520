"""An ended build goes on when its agent does, and by nothing else."""

import pytest

from sentryvibe_tui.model.events import About, BuildEvent, BuildStarted, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, Noticed
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


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled", "interrupted"])
@pytest.mark.parametrize("event", [TOOL, TextAdded("n", "words"), ToolEnded("unseen")], ids=["call", "text", "end"])
def test_any_activity_does(outcome: Outcome, event: BuildEvent) -> None:
    assert fold(FIRST, BuildEnded(outcome), event).status == "active"


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("event", [FIRST, TextAdded("n", ""), ToolEnded("t"), BuildStarted(), Noticed("words")])
def test_what_is_known_or_no_work_does_not(outcome: Outcome, event: BuildEvent) -> None:
    assert fold(FIRST, TOOL, BuildEnded(outcome), event).status == outcome
