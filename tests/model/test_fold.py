"""The promise of the log: however it is cut, repeated or written down, the fold is the same."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from sentryvibe_tui.model.activity import OVER, Option, Request
from sentryvibe_tui.model.events import (
    About,
    ActivityReported,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import (
    AgentReported,
    BackgroundMoved,
    BuildEnded,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    RequestOpened,
    RequestResolved,
    TodoItem,
    TurnEnded,
)
from sentryvibe_tui.model.reducer import apply, reduce
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

_outcomes = st.sampled_from(["completed", "failed", "cancelled", "interrupted"])
_sources = st.sampled_from(["", "silence", "file", "stream", "hook", "registry", "socket"])
_requests = st.builds(
    Request,
    _ids,
    st.sampled_from(["permission", "question", "plan", "form"]),
    _words,
    st.sampled_from(["", "Bash", "AskUserQuestion"]),
    st.just("") | _ids,
    st.none() | _values,
    st.lists(st.builds(Option, _words, _words, _words), max_size=2).map(tuple),
    st.none() | _values,
    _words,
    st.booleans(),
    st.sampled_from([0, 0, 1_003, 1_020]),
    st.booleans(),
    st.sampled_from(["", "a"]),
)

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
        ToolStarted,
        _ids,
        st.sampled_from(["Bash", "Read", "AskUserQuestion"]),
        st.none() | _values,
        _index,
        st.sampled_from(["", "a"]),
    ),
    st.builds(ToolEnded, _ids, st.none() | _values, st.booleans(), st.sampled_from(["", "Bash"]), _index),
    st.builds(TextAdded, _ids, _words, st.sampled_from(["text", "reasoning"]), st.booleans(), _index),
    st.builds(UsageReported, st.builds(Usage, st.none() | st.integers(0, 9), cost_usd=st.none() | st.just(0.5))),
    st.just(CodexReported(Raw(b'{"threadId":"t"}'))),
    st.builds(PlanReported, _words),
    st.builds(Noticed, _words),
    st.builds(InputNeeded, _words),
    st.builds(BuildEnded, _outcomes, _words, _words, _sources),
    st.builds(TurnEnded, _outcomes, _words, _words, _sources),
    st.builds(
        ActivityReported,
        st.sampled_from(["working", "waiting-person", "waiting-machine", "idle", "ended"]),
        _words,
        st.none() | st.integers(1, 9_000),
        _sources,
    ),
    st.builds(RequestOpened, _requests),
    st.builds(RequestResolved, _ids, st.sampled_from(["answered", "withdrawn", "expired"]), _words),
    st.builds(BackgroundMoved, _ids, _words, st.none() | st.integers(1, 9_000), _words, st.sampled_from(["", "a"])),
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


@given(st.lists(st.tuples(events, st.integers(900, 2_000)), max_size=30))
@settings(max_examples=300)
@example([(BuildEnded("completed", source="silence"), 901), (ActivityReported("waiting-person"), 900)])
def test_status_activity_requests_and_background_agree_whatever_comes_in_whatever_order(told) -> None:
    state, again = BuildState(), BuildState()
    for event, at in told:
        state, entry = reduce(state, event, at, About("p", "s", "b"))
        again = again if entry is None else apply(again, entry)
        assert again == state
        assert_agrees(state)


def assert_agrees(state: BuildState) -> None:
    """Nothing is over while anything runs on, and a build that waits for a person says for what."""
    kind = state.activity.kind
    assert state.is_active or kind in OVER
    assert kind != "ended" or not state.is_active
    assert state.in_background <= state.open_tools
    assert state.in_background == {tool.id for tool in state.tools() if tool.is_open and tool.background}
    assert state.is_active or not (state.open_tools or state.requests or state.turn)
    assert (kind == "waiting-person") == bool(state.requests)
    assert state.turn is None or kind in ("waiting-machine", "waiting-person")
    if state.requests:
        assert (state.activity.what, state.activity.since) == (state.needs_input, state.requests[0].since)
        assert sorted(one.since for one in state.requests) == [one.since for one in state.requests]
        assert len({one.id for one in state.requests}) == len(state.requests)


@given(st.lists(events, max_size=30), events)
@settings(max_examples=300)
def test_an_end_and_then_words_of_the_past_stay_an_end(fold, told, late) -> None:
    state, _ = fold([*told, BuildEnded("completed", source="hook")])
    after, _ = reduce(state, late, (state.activity.since or 0) - 1, About("shop", "s1", "b1"))
    assert after.is_active == state.is_active
