"""What an agent's hooks and its session file both tell is one thing, whichever comes first."""

from collections.abc import Iterable
from itertools import permutations

import pytest
from msgspec import Raw

from sentryvibe_tui.model.events import About, BuildEvent, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, InputNeeded, Noticed
from sentryvibe_tui.model.hook_dedup import NEAR, hook_note_id
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState

MINUTE = 60_000


def state_of(*events: tuple[int, BuildEvent]) -> BuildState:
    state = BuildState()
    for at, event in events:
        state, _ = reduce(state, event, at, About("shop", "s1", "b1"))
    return state


def hook(words: str, number: int = 1) -> TextAdded:
    return TextAdded(hook_note_id("prompt", words, number), words, "prompt", whole=True)


def file(words: str, uuid: str = "u1") -> TextAdded:
    return TextAdded(uuid, words, "prompt", whole=True)


def said(state: BuildState) -> list[str]:
    return [note.text for note in state.notes()]


def test_words_of_both_are_said_once() -> None:
    for first, second in permutations([(5_000, hook("go")), (5_200, file(" go\n"))]):
        assert len(said(state_of(first, second))) == 1


def test_the_same_words_again_are_said_again() -> None:
    later = 5 * MINUTE
    both = [(0, hook("go")), (9, file("go")), (later, hook("go", 2)), (later + 9, file("go", "u2"))]
    for swapped in (both, [both[1], both[0], both[3], both[2]]):
        assert said(state_of(*swapped)) == ["go", "go"]
    assert said(state_of((0, file("go")), (1, file("go", "u2")))) == ["go", "go"], "of one source"
    assert said(state_of((0, hook("go")), (NEAR, file("go")))) == ["go", "go"]


def test_a_file_that_is_read_later_repeats_nothing() -> None:
    hooks: list[tuple[int, BuildEvent]] = [(at * MINUTE, hook(f"step {at}")) for at in range(200)]
    files: list[tuple[int, BuildEvent]] = [(at * MINUTE + 50, file(f"step {at}", f"u{at}")) for at in range(200)]
    assert said(state_of(*hooks, *files)) == [f"step {at}" for at in range(200)]


def test_a_payload_that_is_read_again_repeats_nothing() -> None:
    assert said(state_of((5_000, hook("go")), (5_000, hook("go", 2)))) == ["go"]


def test_words_that_come_late_do_not_reopen_the_build() -> None:
    state = state_of((0, hook("go")), (500, BuildEnded("completed")), (20, file("go")))
    assert (state.status, said(state)) == ("completed", ["go"])


@pytest.mark.parametrize(
    ("at", "event", "needs"),
    [
        (990, TextAdded("u2", "I run make", whole=True), "permission: Bash"),
        (995, ToolStarted("t2", "Read", Raw(b"{}")), "permission: Bash"),
        (1_001, ToolEnded("t1", Raw(b'"ok"')), ""),
        (1_000, TextAdded("u2", "so be it", whole=True), ""),
    ],
)
def test_what_happened_before_is_no_answer(at: int, event: BuildEvent, needs: str) -> None:
    """A session file tells of a call's words only after a hook asked for its permission."""
    call = ToolStarted("t1", "Bash", Raw(b"{}"))
    state = state_of((900, call), (1_000, InputNeeded("permission: Bash")), (at, event))
    assert state.needs_input == needs


def test_the_file_tells_of_which_subagent_a_call_is() -> None:
    start, end = ToolStarted("t", "Read", Raw(b"{}")), ToolEnded("t", Raw(b'"x"'))
    placed = (ToolStarted("t", "Read", Raw(b"{}"), parent_id="p"), ToolEnded("t", Raw(b'"x"'), parent_id="p"))
    orders: Iterable[tuple[BuildEvent, ...]] = ((start, placed[0]), (start, end, placed[0]), (start, end, placed[1]))
    for order in orders:
        state = state_of(*((at, event) for at, event in enumerate((Noticed("x"), *order))))
        tool = state.tool("t")
        assert tool is not None
        assert tool.parent_id == "p"
        assert (tool.state == "output-available") == (end in order)
