"""The merge rule (docs/protocol.md#merge-rule): what a watcher keeps when a whole state comes in."""

from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.model.events import TextAdded, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded, TodoItem
from sentryvibe_tui.model.merge import merge, merge_metadata
from sentryvibe_tui.model.state import Agent, BuildState

PLAN = TodosReported((TodoItem("one", "in_progress"), TodoItem("two")))
STORY = [
    PLAN,
    ToolStarted("a", "Bash", Raw(b"{}")),
    ToolEnded("a", Raw(b'"no"'), is_error=True),
    TextAdded("n", "hello"),
]


def unversioned(state: BuildState) -> BuildState:
    return replace(state, version=0)


def test_metadata_texts_and_codex_are_never_erased(fold) -> None:
    known, _ = fold(STORY)
    known = replace(unversioned(known), codex=Raw(b'{"threadId":"t"}'))
    bare = BuildState(id="b1", todos=known.todos)
    merged = merge(known, bare, 5)
    assert merged.agent == known.agent
    assert merged.note("n") == known.note("n")
    assert merged.codex == known.codex


def test_todos_and_status_are_taken_as_they_come(fold) -> None:
    known, _ = fold(STORY)
    later, _ = fold([*STORY, TodosReported((TodoItem("one", "completed"),)), BuildEnded("completed")])
    merged = merge(unversioned(known), unversioned(later), 5)
    assert [(todo.content, todo.status) for todo in merged.todos] == [("one", "completed")]
    assert merged.status == "completed"


def test_a_lower_version_never_replaces_a_higher_one(fold) -> None:
    late, log = fold(STORY)
    early, _ = fold(STORY[:2])
    assert merge(late, early, 5) is late
    assert merge(early, late, 5) == late
    assert late.version == len(log)


def test_another_build_starts_clean_and_keeps_the_projects_name(fold) -> None:
    known, _ = fold(STORY)
    merged = merge(known, BuildState(id="b2"), 5)
    assert (merged.id, merged.todos, merged.tool_count) == ("b2", (), 0)
    assert merged.agent == Agent(project_name="Shop")


def test_an_error_that_was_retried_does_not_stay_an_error(fold) -> None:
    known, _ = fold(STORY)
    retried, _ = fold([*STORY, ToolEnded("a", Raw(b'"yes"'))])
    merged = merge(unversioned(known), unversioned(retried), 5)
    assert (merged.tool("a").state, merged.tool("a").output, merged.error_count) == (
        "output-available",
        Raw(b'"yes"'),
        0,
    )


def test_a_state_from_before_does_not_reopen_a_finished_tool(fold) -> None:
    known, _ = fold(STORY)
    earlier, _ = fold(STORY[:2])
    assert merge(unversioned(known), unversioned(earlier), 5).tool("a") == known.tool("a")


def test_a_tool_keeps_its_todo(fold) -> None:
    known, _ = fold(STORY)
    moved = replace(
        unversioned(known), timeline=known.timeline.set(0, replace(known.tool("a"), todo=known.todos[1].key))
    )
    assert merge(unversioned(known), moved, 5).tool("a").todo == known.todos[0].key


def test_a_state_of_the_builds_first_moment_brings_only_metadata(fold) -> None:
    known, _ = fold([*STORY, BuildEnded("completed")])
    known = replace(unversioned(known), agent=Agent())
    first = BuildState(id="b1", agent=Agent(agent_id="claude-code", model="sonnet"), started_at=1)
    merged = merge_metadata(known, first, 5)
    assert merged.agent == first.agent
    assert (merged.todos, merged.status, merged.tool_count) == (known.todos, "completed", 1)


def test_the_first_moment_of_another_build_is_that_build(fold) -> None:
    known, _ = fold([*STORY, BuildEnded("completed")])
    other = BuildState(id="b2", agent=Agent(agent_id="codex"), started_at=9)
    merged = merge_metadata(unversioned(known), other, 9)
    assert (merged.id, merged.status, merged.todos, merged.tool_count, merged.started_at) == ("b2", "active", (), 0, 9)
    assert merged.agent == Agent(agent_id="codex", project_name="Shop")


def test_an_empty_text_erases_none(fold) -> None:
    known, _ = fold(STORY)
    emptied = replace(unversioned(known), timeline=known.timeline.set(1, replace(known.note("n"), text="")))
    assert merge(unversioned(known), emptied, 5).note("n").text == "hello"
    fuller = replace(unversioned(known), timeline=known.timeline.set(1, replace(known.note("n"), text="hello there")))
    assert merge(unversioned(known), fuller, 5).note("n").text == "hello there"


def test_a_state_from_before_takes_no_end_from_a_finished_tool(fold) -> None:
    """One that calls it open has an end of it nevertheless: v1 leaves such calls behind."""
    known, _ = fold(STORY)
    earlier, _ = fold(STORY[:2])
    call = replace(earlier.tool("a"), ended_at=9_999)
    odd = replace(unversioned(earlier), timeline=earlier.timeline.set(0, call))
    assert merge(unversioned(known), odd, 5).tool("a").ended_at == known.tool("a").ended_at
