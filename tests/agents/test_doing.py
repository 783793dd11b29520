"""A build in one row: the same words as the NOW row, and what has not changed is not looked for again."""

from __future__ import annotations

from msgspec import Raw

from sentryvibe_tui.agents import doing as doing_module
from sentryvibe_tui.agents.doing import summary_of
from sentryvibe_tui.model.activity import Request
from sentryvibe_tui.model.events import (
    About,
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
)
from sentryvibe_tui.model.facts import BuildEnded, Noticed, RequestOpened, TodoItem
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import Agent, BuildState
from sentryvibe_tui.model.summary import BuildKey, BuildSummary
from sentryvibe_tui.wire.json import decode
from sentryvibe_tui.wire.summary import decode_summary, encode_summary

ABOUT = About("p", "s", "b", Agent(agent_id="claude-code", project_name="Shop", cwd="/work/shop", branch="main"))
BASH = ToolStarted("c1", "Bash", Raw(b'{"command":"npm test"}'))


def after(*events: BuildEvent, state: BuildState | None = None) -> BuildState:
    state = state or BuildState()
    for at, event in enumerate(events, state.version + 1):
        state, _ = reduce(state, event, at * 1000, ABOUT)
    return state


def test_the_call_under_way_and_the_step_it_serves() -> None:
    todos = TodosReported((TodoItem("Run the tests", "in_progress", "Running the tests"), TodoItem("Ship")))
    row = summary_of(
        after(BuildStarted(), todos, BASH, ToolStarted("c2", "Read", Raw(b'{"file_path":"/work/shop/a"}')))
    )
    assert (row.todo, row.now, row.now_since) == ("Running the tests", "Read a +1 more", 4000)
    assert (row.todos_done, row.todos_total, row.tools, row.project_name, row.branch) == (0, 2, 2, "Shop", "main")
    assert row.key == BuildKey("p", "s", "b")


def test_between_calls_it_thinks_and_in_the_end_its_words_or_its_last_call_stand() -> None:
    assert summary_of(after(BuildStarted())).now == "getting started"
    thinking = after(BuildStarted(), BASH, ToolEnded("c1", Raw(b'"ok"')))
    assert summary_of(thinking).now == "thinking"
    assert summary_of(after(BuildEnded("completed", "All green.\nBye"), state=thinking)).now == "All green."
    assert summary_of(after(BuildEnded("completed"), state=thinking)).now == "Bash npm test"
    failed = summary_of(after(BuildEnded("failed", error="\x1b[31mout of money"), state=thinking))
    assert (failed.now, failed.error) == ("out of money", "out of money")


def test_while_the_model_does_not_answer_the_retry_is_what_it_does() -> None:
    tried = after(BuildStarted(), Noticed("API retry 4/10: overloaded", "warning"))
    assert summary_of(tried).now == "API retry 4/10: overloaded"
    assert summary_of(after(TextAdded("n", "There."), state=tried)).now == "getting started"
    assert summary_of(after(BuildStarted(), Noticed("rate limit near (90%)", "warning"))).now == "getting started"


def test_an_agent_at_rest_shows_what_it_said_last() -> None:
    """Claude Code's files and hooks tell an end without a summary."""
    ended = (ToolEnded("c1", Raw(b'"ok"')), TextAdded("n1", "All green.\nBye"), BuildEnded("completed"))
    assert summary_of(after(BuildStarted(), BASH, *ended)).now == "All green."
    assert summary_of(after(BuildStarted(), TextAdded("n1", "All green."), BASH, BuildEnded("interrupted"))).now == (
        "Bash npm test"
    )


def test_words_that_a_slower_source_tells_late_are_not_the_last() -> None:
    state = after(BuildStarted(), BASH)
    state, _ = reduce(state, TextAdded("n1", "I run the tests.", whole=True), 1500, ABOUT)
    state, _ = reduce(state, BuildEnded("completed"), 9000, ABOUT)
    assert summary_of(state).now == "Bash npm test"


def test_what_it_asks_is_what_it_does_now() -> None:
    ask = RequestOpened(Request("r", "permission", "Bash rm -rf build", "Bash", input=Raw(b'{"secret":1}')))
    row = summary_of(after(BuildStarted(), BASH, ask))
    assert (row.activity.kind, row.now, row.needs_input) == ("waiting-person", "Bash rm -rf build", "Bash rm -rf build")
    assert b"secret" not in encode_summary(row)


def test_the_last_error_is_looked_for_once(monkeypatch) -> None:
    failed = ToolEnded("c1", Raw(b'"boom\\nError: no such file"'), is_error=True)
    state = after(BuildStarted(), BASH, failed)
    row = summary_of(state)
    assert row.error == "Error: no such file"
    monkeypatch.setattr(doing_module, "error_line", None)
    later = after(ToolStarted("c2", "Bash", Raw(b'{"command":"ls"}')), state=state)
    assert summary_of(later, row).error == "Error: no such file"


def test_a_row_is_read_as_it_was_written() -> None:
    row = summary_of(after(BuildStarted(), BASH))
    assert decode_summary(encode_summary(row)) == row
    assert set(decode(encode_summary(row), dict)) >= {"projectId", "activity", "costUsd", "contextPercent", "now"}


def test_rows_of_older_stores_and_unknown_words_are_read() -> None:
    old = b"""{"projectId":"p","sessionId":"s","buildId":"b","status":"active","agentId":"codex","todosDone":1,
        "startedAt":5000,"activity":{"kind":"waiting-person","since":"1970-01-01T00:00:09.000Z","what":"which?"},
        "requests":[{"id":"r","kind":"question","title":"which?","since":"1970-01-01T00:00:09.000Z"}]}"""
    row = decode_summary(old)
    assert (row.activity.kind, row.activity.since, row.requests[0].since) == ("waiting-person", 9000, 9000)
    oldest = decode_summary(b'{"projectId":"p","sessionId":"s","buildId":"b","status":"failed","endedAt":7000}')
    assert (oldest.activity.kind, oldest.activity.since) == ("ended", 7000)
    newer = decode_summary(b'{"projectId":"p","sessionId":"s","buildId":"b","status":"paused","what":{}}')
    assert newer == BuildSummary("p", "s", "b")


def test_what_calls_of_its_kind_take_is_said_of_the_call_under_way_and_reckoned_once(monkeypatch) -> None:
    events: list[BuildEvent] = [BuildStarted()]
    for number in range(6):
        events += [ToolStarted(f"b{number}", "Bash"), ToolEnded(f"b{number}")]
    few = summary_of(after(*events[:9], BASH))
    assert (few.open_calls, few.usual_ms, few.p95_ms) == (1, None, None)
    state = after(*events, BASH)
    row = summary_of(state)
    assert (row.open_calls, row.usual_ms, row.p95_ms) == (1, 1000, 1000)
    monkeypatch.setattr(doing_module, "verb_of", None)
    assert summary_of(after(TodosReported((TodoItem("Ship"),)), state=state), row).p95_ms == 1000


def test_a_quick_and_a_slow_kind_of_call_are_not_mixed() -> None:
    events: list[BuildEvent] = [BuildStarted()]
    for number in range(5):
        events += [ToolStarted(f"r{number}", "Read"), ToolEnded(f"r{number}")]
    assert summary_of(after(*events, BASH)).p95_ms is None


def test_the_error_of_an_end_goes_with_the_end() -> None:
    failed = after(
        BuildStarted(),
        BASH,
        ToolEnded("c1", Raw(b'"Error: no such file"'), True),
        BuildEnded("failed", error="API Error: 529"),
    )
    row = summary_of(failed)
    assert row.error == "API Error: 529"
    on = after(ToolStarted("c2", "Bash", Raw(b"{}")), state=failed)
    assert summary_of(on, row).error == summary_of(on).error == "Error: no such file"
