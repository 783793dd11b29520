"""The promise of the log: however it is cut, repeated or written down, the fold is the same."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.model.events import (
    AgentReported,
    BuildEnded,
    BuildStarted,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    TextAdded,
    TodoItem,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.reducer import apply
from sentryvibe_tui.model.state import Agent, BuildState, Usage
from sentryvibe_tui.wire.frames import Batch, decode_frame, encode_batch
from sentryvibe_tui.wire.state import decode_state, encode_state
from sentryvibe_tui.wire.updates import encode_entry

_words = st.text(st.characters(codec="utf-8"), max_size=8)
_ids = st.sampled_from(["a", "b", "c", "d"])
_values = st.sampled_from([Raw(b'"x"'), Raw(b'{"k":[1,null,"\\u00e9"]}'), Raw(b"[]"), Raw(b"3")])
_todo = st.builds(
    TodoItem, _words, st.sampled_from(["pending", "in_progress", "completed"]), _words, st.sampled_from(["", "1", "2"])
)
_index = st.none() | st.integers(-1, 4)

events = st.one_of(
    st.just(BuildStarted()),
    st.builds(AgentReported, st.builds(Agent, _words, _words, _words, title=_words, cwd=_words)),
    st.builds(
        TodosReported,
        st.lists(_todo, max_size=4).map(tuple),
        st.sampled_from(["template", "build"]),
        st.sampled_from(["", "t1"]),
    ),
    st.builds(
        ToolStarted, _ids, st.sampled_from(["Bash", "Read"]), st.none() | _values, _index, st.sampled_from(["", "a"])
    ),
    st.builds(ToolEnded, _ids, st.none() | _values, st.booleans(), st.sampled_from(["", "Bash"]), _index),
    st.builds(TextAdded, _ids, _words, st.sampled_from(["text", "reasoning"]), st.booleans(), _index),
    st.builds(UsageReported, st.builds(Usage, st.none() | st.integers(0, 9), cost_usd=st.none() | st.just(0.5))),
    st.just(CodexReported(Raw(b'{"threadId":"t"}'))),
    st.builds(PlanReported, _words),
    st.builds(Noticed, _words),
    st.builds(InputNeeded, _words),
    st.builds(BuildEnded, st.sampled_from(["completed", "failed", "cancelled", "interrupted"]), _words, _words),
)


@given(st.lists(events, max_size=40))
@settings(max_examples=300)
def test_versions_have_no_holes_and_the_fold_of_the_log_is_the_state(fold, told) -> None:
    state, log = fold(told)
    assert [entry.version for entry in log] == list(range(1, len(log) + 1))
    again = BuildState()
    for entry in log:
        again = apply(again, entry)
    assert again == state


@given(st.lists(events, max_size=30), st.data())
@settings(max_examples=200)
def test_snapshot_and_tail_give_the_same_state_byte_for_byte(fold, told, data) -> None:
    state, log = fold(told)
    cut = data.draw(st.integers(0, len(log)))
    early = BuildState()
    for entry in log[:cut]:
        early = apply(early, entry)
    resumed = decode_state(encode_state(early))
    assert resumed == early
    for entry in log[cut:]:
        resumed = apply(resumed, entry)
    assert encode_state(resumed) == encode_state(state)


@given(st.lists(events, max_size=30))
@settings(max_examples=200)
def test_what_travels_as_frames_is_the_log(fold, told) -> None:
    _, log = fold(told)
    updates = [part for entry in log for part in encode_entry(entry)]
    frame = decode_frame(encode_batch("p", "s", "b", updates, 1), 0)
    assert isinstance(frame, Batch)
    assert frame.changes == tuple(log)
    assert frame.unknown == 0


@given(st.lists(events, max_size=30), st.data())
def test_an_entry_twice_or_an_old_one_changes_nothing(fold, told, data) -> None:
    state, log = fold(told)
    if log:
        assert apply(state, data.draw(st.sampled_from(log))) == state


@given(st.lists(events, max_size=40))
def test_counts_say_what_the_timeline_holds(fold, told) -> None:
    state, _ = fold(told)
    tools = list(state.tools())
    assert state.tool_count == len(tools) == len({tool.id for tool in tools})
    assert state.error_count == sum(tool.state == "error" for tool in tools)
    assert state.open_tools == frozenset(tool.id for tool in tools if tool.is_open)
    if not state.is_active:
        assert not state.open_tools
