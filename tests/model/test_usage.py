"""Shares of a session's files add up to the usage of its build, in whatever order the files are read."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.difference import difference
from sentryvibe_tui.model.events import About, UsageReported
from sentryvibe_tui.model.facts import AgentReported
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.updates import Entry
from sentryvibe_tui.model.usage import Usage
from sentryvibe_tui.wire.json import decode
from sentryvibe_tui.wire.state import decode_state, encode_state
from sentryvibe_tui.wire.updates import WireUpdate, decode_updates, encode_entry

ABOUT = About("shop", "b1", "s1", Agent())


def used(tokens: int, cost: float | None = None, estimated: bool = False) -> Usage:
    return Usage(tokens, tokens, cost_usd=cost, cost_estimated=estimated, price_table="prices 1" if estimated else "")


def folded(*reports: tuple[int, UsageReported]) -> BuildState:
    state = BuildState()
    for at, report in reports:
        state, _ = reduce(state, report, at, ABOUT)
    return state


def total(state: BuildState) -> tuple[int | None, float | None]:
    return state.usage.input_tokens, state.usage.cost_usd


MAIN = [(10, UsageReported(used(5, 0.5, True))), (30, UsageReported(used(9, 0.9, True)))]
ONE = [(20, UsageReported(used(100, 1.0, True), "agent-1")), (25, UsageReported(used(150, 1.5, True), "agent-1"))]
TWO = [(22, UsageReported(used(1000, None), "agent-2"))]


@pytest.mark.parametrize("files", permutations((MAIN, ONE, TWO)))
def test_files_add_up_in_any_order(files: tuple[list[tuple[int, UsageReported]], ...]) -> None:
    state = folded(*(report for file in files for report in file))
    assert total(state) == (1159, 2.4)
    assert (state.usage.cost_estimated, state.usage.price_table) == (True, "prices 1")


def test_how_full_the_context_of_another_model_is_nobody_has_said() -> None:
    full = UsageReported(Usage(5, context_percent=40.0))
    of_subagent = UsageReported(Usage(7), "agent-1")
    state = folded((1, AgentReported(Agent(model="claude-haiku-4-5"))), (2, full), (3, of_subagent))
    for same in ("claude-haiku-4-5[1m]", "anthropic/claude-haiku-4-5", ""):
        now, _ = reduce(state, AgentReported(Agent(model=same)), 4, ABOUT)
        assert now.usage.context_percent == 40.0
    state, _ = reduce(state, AgentReported(Agent(model="claude-opus-5-5")), 4, ABOUT)
    assert state.usage.context_percent is None
    for report in (UsageReported(Usage(9)), UsageReported(Usage(8), "agent-1")):
        state, _ = reduce(state, report, 5, ABOUT)
        assert state.usage.context_percent is None
    state, _ = reduce(state, UsageReported(Usage(10, context_percent=3.0)), 6, ABOUT)
    assert state.usage.context_percent == 3.0


def test_a_file_that_is_read_again_changes_nothing() -> None:
    state = folded(*MAIN, *ONE)
    assert total(folded(*MAIN, *ONE, *MAIN, *ONE)) == total(state)


WHOLE = (40, UsageReported(used(1200, 3.0), whole=True))


@pytest.mark.parametrize("files", permutations(([*MAIN, WHOLE], ONE, TWO)))
def test_a_total_of_the_agent_holds_what_its_subagents_used(files: tuple[list[tuple[int, UsageReported]], ...]) -> None:
    state = folded(*(report for file in files for report in file))
    assert total(state) == (1200, 3.0)
    assert not state.usage.cost_estimated


LATER = [(60, UsageReported(used(1210, 3.1, True)))]
THREE = [(61, UsageReported(used(7, 0.2, True), "agent-3"))]


@pytest.mark.parametrize("files", [([*MAIN, WHOLE, *LATER], *others) for others in permutations((ONE, TWO, THREE))])
def test_what_comes_after_a_total_is_added_to_it(files: tuple[list[tuple[int, UsageReported]], ...]) -> None:
    state = folded(*(report for file in files for report in file))
    assert total(state) == (1217, 3.3)
    again = folded(*(report for file in files for report in file), *MAIN, WHOLE, *LATER)
    assert total(again) == (1217, 3.3)


def test_a_cost_comes_with_all_that_is_said_of_it() -> None:
    state = folded(*MAIN, (40, UsageReported(Usage(cost_usd=0.7))))
    assert state.usage == Usage(9, 9, cost_usd=0.7)


REPORTS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.builds(
            UsageReported,
            st.builds(Usage, st.none() | st.integers(0, 99), st.integers(0, 9), cost_usd=st.none() | st.just(0.25)),
            st.sampled_from(["", "", "agent-1", "agent-2"]),
            st.booleans(),
        ),
    ),
    max_size=12,
)


@given(REPORTS)
def test_the_wire_carries_states_and_their_changes_whole(reports: list[tuple[int, UsageReported]]) -> None:
    state = BuildState()
    for at, report in reports:
        before = state
        state, entry = reduce(state, report, at, ABOUT)
        if entry is not None:
            (again,) = decode_updates([decode(one, WireUpdate) for one in encode_entry(entry)], 0).items
            assert isinstance(again, Entry)
            assert apply(before, again) == state
        assert decode_state(encode_state(state)) == state
        news = Entry(0, at, difference(before, state))
        assert apply(before, news).usage == state.usage
        assert apply(before, news).shares == state.shares
