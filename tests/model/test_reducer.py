"""What each event means: the rules of docs/protocol.md#merge-rule and docs/protocol.md#completion one by one."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.model.events import (
    About,
    BuildStarted,
    Ignored,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import AgentReported, BuildEnded, CodexReported, InputNeeded, TodoItem
from sentryvibe_tui.model.notes import NOTE_LIMIT
from sentryvibe_tui.model.progress import elapsed, progress, silence
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.state import PLANNING, Agent, BuildState, Usage
from sentryvibe_tui.model.updates import Entry, TodoCompleted

IN, OUT = Raw(b'{"command":"npm test"}'), Raw(b'"ok"')


def todos(*statuses: str) -> TodosReported:
    return TodosReported(tuple(TodoItem(f"step {i}", status) for i, status in enumerate(statuses)))  # type: ignore[arg-type]


def start(tool_id: str, **fields) -> ToolStarted:
    return ToolStarted(tool_id, "Bash", IN, **fields)


def test_the_first_event_begins_the_build_with_the_envelopes_metadata(fold) -> None:
    state, log = fold([start("a")])
    assert (state.id, state.session_id, state.project_id) == ("b1", "s1", "shop")
    assert (state.agent.agent_id, state.agent.model, state.agent.project_name) == ("claude-code", "sonnet", "Shop")
    assert [entry.version for entry in log] == [1]


def test_a_tool_belongs_to_the_todo_in_progress_when_it_started(fold) -> None:
    state, log = fold(
        [
            start("plan"),
            todos("in_progress", "pending"),
            start("first"),
            todos("completed", "in_progress"),
            ToolEnded("first", OUT),
            start("second"),
        ]
    )
    ended = next(entry.updates[0] for entry in log if getattr(entry.updates[0], "output", None))
    assert (ended.id, ended.todo_index) == ("first", 0)
    keys = {tool.id: tool.todo for tool in state.tools()}
    assert keys == {"plan": PLANNING, "first": state.todos[0].key, "second": state.todos[1].key}


def test_todo_index_zero_is_a_todo_like_any_other(fold) -> None:
    state, _ = fold([todos("completed", "in_progress"), start("a", todo_index=0)])
    assert state.tool("a").todo == state.todos[0].key


def test_an_end_without_a_start_makes_a_finished_tool(fold) -> None:
    state, _ = fold([ToolEnded("a", OUT)])
    assert (state.tool("a").name, state.tool("a").state) == ("unknown", "output-available")


def test_a_start_after_its_end_fills_in_what_was_missing(fold) -> None:
    state, _ = fold([ToolEnded("a", OUT), start("a")])
    tool = state.tool("a")
    assert (tool.name, tool.input, tool.state, state.tool_count) == ("Bash", IN, "output-available", 1)


def test_a_repeated_start_does_not_reopen_a_finished_tool(fold) -> None:
    state, log = fold([start("a"), ToolEnded("a", OUT), start("a")])
    assert state.tool("a").state == "output-available"
    assert len(log) == 2


def test_a_retry_after_an_error_updates_the_tool(fold) -> None:
    state, _ = fold([start("a"), ToolEnded("a", Raw(b'"boom"'), is_error=True), ToolEnded("a", OUT)])
    assert (state.tool("a").state, state.tool("a").output, state.error_count) == ("output-available", OUT, 0)


def test_a_repeated_event_changes_nothing_and_gets_no_version(fold) -> None:
    once = [BuildStarted(), todos("in_progress"), start("a"), ToolEnded("a", OUT), UsageReported(Usage(input_tokens=1))]
    state, log = fold([*once])
    again, longer = fold([event for event in once for _ in range(2)])
    assert len(log) == len(longer)
    assert again.version == state.version


def test_finish_ends_a_message_never_the_build(fold) -> None:
    state, log = fold([BuildStarted(), Ignored("finish")])
    assert state.is_active
    assert len(log) == 1


def test_all_todos_completed_is_not_the_end(fold) -> None:
    state, _ = fold([todos("completed", "completed")])
    assert state.is_active
    assert progress(state).percent == 100
    more, _ = fold([todos("completed", "completed"), todos("completed", "completed", "in_progress")])
    assert progress(more).percent == 66
    assert more.todos[2].drift == "added"


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, 3, 0), (2, 3, 66), (299, 300, 99), (3, 3, 100), (0, 0, None)]
)
def test_a_hundred_percent_exactly_when_all_are_completed(fold, done, total, percent) -> None:
    state, _ = fold([todos(*["completed"] * done, *["pending"] * (total - done))])
    assert progress(state).percent == percent


@pytest.mark.parametrize(
    ("events", "far"),
    [
        ([("template", "in_progress")], (0, 1, 0)),
        ([("template", "completed")], (0, 0, None)),
        ([("template", "completed"), ("build", "pending")], (0, 1, 0)),
        ([("template", "completed"), ("build", "completed")], (1, 1, 100)),
        ([("template", "completed"), "end"], (1, 1, 100)),
    ],
)
def test_a_template_that_is_done_measures_nothing_while_the_build_goes_on(fold, events, far) -> None:
    told = [
        BuildEnded("completed") if event == "end" else TodosReported((TodoItem("x", event[1]),), event[0])
        for event in events
    ]
    state, _ = fold(told)
    assert (progress(state).done, progress(state).total, progress(state).percent) == far


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled", "interrupted"])
def test_an_end_completes_no_todo(fold, outcome) -> None:
    state, _ = fold([todos("completed", "in_progress", "pending", "pending"), BuildEnded(outcome)])
    assert (state.status, progress(state).percent) == (outcome, 25)
    assert [todo.status for todo in state.todos] == ["completed", "in_progress", "pending", "pending"]


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled", "interrupted"])
def test_open_tools_are_interrupted_when_the_build_ends(fold, outcome) -> None:
    state, _ = fold([start("a"), start("b"), ToolEnded("b", OUT), BuildEnded(outcome)])
    assert state.status == outcome
    assert (state.tool("a").state, state.tool("b").state) == ("interrupted", "output-available")
    assert not state.open_tools


def test_the_end_of_input_does_not_unmake_a_result(fold) -> None:
    state, _ = fold([BuildEnded("failed", error="max turns"), BuildEnded("interrupted")])
    assert (state.status, state.error) == ("failed", "max turns")


def test_an_interrupted_build_goes_on_when_its_agent_does(fold) -> None:
    state, _ = fold([start("a"), BuildEnded("interrupted"), start("b")])
    assert state.is_active
    assert state.ended_at is None


def test_a_shrunken_list_is_pruned_and_keeps_its_tools(fold) -> None:
    state, _ = fold([todos("completed", "in_progress", "pending"), start("a"), todos("in_progress")])
    assert [todo.content for todo in state.todos] == ["step 0"]
    assert [todo.content for todo in state.dropped] == ["step 1", "step 2"]
    assert state.tool("a").todo == state.dropped[0].key


def test_a_todo_that_comes_back_is_the_same_todo(fold) -> None:
    state, _ = fold([todos("in_progress"), start("a"), TodosReported(()), todos("in_progress")])
    assert not state.dropped
    assert state.tool("a").todo == state.todos[0].key


def test_a_renamed_todo_keeps_its_tools(fold) -> None:
    before = TodosReported((TodoItem("one"), TodoItem("write tests", "in_progress"), TodoItem("three")))
    after = TodosReported((TodoItem("one"), TodoItem("write unit tests", "in_progress"), TodoItem("three")))
    state, _ = fold([before, start("a"), after])
    assert state.todos[1].drift == "renamed"
    assert state.tool("a").todo == state.todos[1].key


@pytest.mark.parametrize("phase", ["build", "template"])
def test_the_originals_word_that_one_todo_is_completed(fold, phase) -> None:
    """Its index is one of the current list; of a todo that was completed before it says nothing."""
    state, _ = fold([TodosReported((TodoItem("one", "in_progress"), TodoItem("two"), TodoItem("three")), phase)])
    began = state.list_of(phase)[0].started_at
    for index, at in ((0, 5_000), (1, 6_000), (1, 7_000), (3, 8_000), (-1, 9_000)):
        state = apply(state, Entry(0, at, (TodoCompleted(index),)))
    moments = [(todo.status, todo.started_at, todo.ended_at) for todo in state.list_of(phase)]
    assert moments == [("completed", began, 5_000), ("completed", 6_000, 6_000), ("pending", None, None)]
    assert len(state.todos) + len(state.template_todos) == 3


def test_a_call_that_is_reopened_has_not_ended_until_it_does(fold) -> None:
    cut = [start("a"), BuildEnded("interrupted")]
    again, _ = fold([*cut, start("a")])
    assert (again.tool("a").state, again.tool("a").ended_at) == ("input-available", None)
    done, _ = fold([*cut, start("a"), ToolEnded("a", OUT), ToolEnded("a", OUT), start("a")])
    assert (done.tool("a").state, done.tool("a").ended_at) == ("output-available", 1_003)


def test_of_several_in_progress_the_latest_is_active(fold) -> None:
    state, _ = fold([todos("in_progress", "pending", "pending"), todos("in_progress", "pending", "in_progress")])
    assert state.active_todo == 2


def test_the_template_phase_has_its_own_list(fold) -> None:
    template = TodosReported((TodoItem("clone", "in_progress"),), "template")
    state, _ = fold([template, start("a"), todos("in_progress"), start("b")])
    assert state.tool("a").todo == state.template_todos[0].key
    assert state.tool("b").todo == state.todos[0].key
    assert progress(state).total == 1


def test_a_todo_tools_own_result_is_no_tool(fold) -> None:
    carried = TodosReported((TodoItem("x", "in_progress"),), call_id="call-1")
    state, _ = fold([carried, ToolEnded("call-1", OUT), ToolEnded("call-2", OUT, name="TodoWrite")])
    assert state.tool_count == 0


def test_metadata_is_added_never_erased(fold) -> None:
    state, _ = fold([BuildStarted(), AgentReported(Agent(cwd="/x")), AgentReported(Agent(model="opus")), start("a")])
    assert (state.agent.agent_id, state.agent.model, state.agent.cwd) == ("claude-code", "opus", "/x")


def test_codex_parts_add_up(fold) -> None:
    state, _ = fold(
        [CodexReported(Raw(b'{"threadId":"t","phases":[]}')), CodexReported(Raw(b'{"threadId":null,"phases":[1]}'))]
    )
    assert bytes(state.codex) == b'{"phases":[1],"threadId":"t"}'


def test_text_grows_by_deltas_and_is_replaced_when_whole(fold) -> None:
    state, _ = fold([TextAdded("n", "Hel"), TextAdded("n", "lo"), TextAdded("m", "x"), TextAdded("m", "y", whole=True)])
    assert [note.text for note in state.notes()] == ["Hello", "y"]


def test_long_text_goes_on_in_a_next_note(fold) -> None:
    state, _ = fold([TextAdded("n", "a" * NOTE_LIMIT), TextAdded("n", "b"), TextAdded("n", "c")])
    assert [len(note.text) for note in state.notes()] == [NOTE_LIMIT, 2]


def test_waiting_for_a_person_ends_with_the_next_activity(fold) -> None:
    waiting, _ = fold([InputNeeded("allow Bash?")])
    going_on, _ = fold([InputNeeded("allow Bash?"), start("a")])
    assert (waiting.needs_input, going_on.needs_input) == ("allow Bash?", "")


def test_another_build_starts_clean_but_keeps_the_projects_name(fold) -> None:
    old, _ = fold([todos("completed"), start("a")])
    _, entry = reduce(BuildState(), BuildStarted(), 9, About("shop", "s2", "b2"))
    after = apply(replace(old, version=0), entry)
    assert (after.id, after.session_id, after.todos, after.tool_count) == ("b2", "s2", (), 0)
    assert after.agent == Agent(project_name="Shop")


def test_a_tool_that_started_before_the_end_and_is_told_after_it_is_never_shown_running(fold) -> None:
    ended, _ = fold([start("a"), BuildEnded("completed")])
    state, _ = reduce(ended, start("late"), 1_000, About("shop", "s1", "b1"))
    state, _ = reduce(state, start("late"), 1_000, About("shop", "s1", "b1"))
    assert (state.status, state.tool("late").state, state.open_tools) == ("completed", "interrupted", frozenset())


def test_elapsed_and_silence_are_functions_of_now(fold) -> None:
    running, _ = fold([BuildStarted(), start("a")])
    ended, _ = fold([BuildStarted(), start("a"), BuildEnded("completed")])
    assert (elapsed(running, 61_000), silence(running, 61_001)) == (60_000, 60_000)
    assert (elapsed(ended, 61_000), silence(ended, 61_000)) == (2, 0)
