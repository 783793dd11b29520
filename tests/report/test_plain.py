"""Plain lines: every fact once, in words, safe for a terminal."""

from collections.abc import Callable
from typing import Any

import pytest

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus, SignOfLife, Skipped
from sentryvibe_tui.model.events import (
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    UsageReported,
)
from sentryvibe_tui.model.facts import AutoFixReported, BuildEnded, Noticed, TodoItem
from sentryvibe_tui.model.state import AutoFix, Usage
from sentryvibe_tui.report.plain import PlainLines
from sentryvibe_tui.wire.json import raw

START = 1_700_000_000_000
HOSTILE = "a[/]\x1b]52;c;ZXZpbA==\x07b\x1b[2Jc\x9b31md\u202ee\ud800f"


def _told(script: Any, detail: Any = "normal") -> list[str]:
    report = PlainLines(detail, lambda: START + 60_000)
    lines = [line for event in script.told for line in report.event(event)]
    return [*lines, *report.end(script.state)]


STORY: list[BuildEvent] = [
    BuildStarted(),
    TodosReported((TodoItem("Read it", "in_progress", "Reading it"), TodoItem("Fix it"))),
    ToolStarted("t1", "Bash", raw({"command": "npm test"})),
    TextAdded("n1", "All is "),
    TextAdded("n1", "well.\nGoing on."),
    ToolEnded("t1", raw("boom\nexit code 1"), is_error=True),
    TodosReported((TodoItem("Read it", "completed"), TodoItem("Fix it all", "in_progress"))),
    ToolStarted("t2", "Read", raw({"file_path": "a.py"})),
    BuildEnded("failed", error="gave up"),
]


def test_story(script: Callable[..., Any]) -> None:
    assert _told(script(STORY)) == [
        "22:13:20 build started: Shop (claude-code · sonnet) running, 0 tools, 0 errors, 0.0s",
        "22:13:21 todo 1/2 in progress: Reading it",
        "22:13:21 todo 2/2 pending: Fix it",
        "22:13:22 tool running: Bash npm test",
        "22:13:23 says: All is well. Going on.",
        "22:13:25 tool error: Bash npm test exit 1 (3.0s): boom",
        "22:13:26 todo 1/2 done: Read it (5.0s)",
        "22:13:26 todo 2/2 in progress: Fix it all",
        "22:13:27 tool running: Read a.py",
        "22:13:28 tool interrupted: Read a.py (1.0s)",
        "22:13:28 build failed: 1/2 todos, 2 tools, 1 error, 8.0s",
        "22:13:28 error: gave up",
    ]


def test_who_joins_late_is_told_what_happened(script: Callable[..., Any]) -> None:
    lines = _told(script(STORY, joined=6))
    assert lines[0] == (
        "22:13:25 Shop (claude-code · sonnet) running, 0/2 todos, 1 tool, 1 error, 1m00s, since 22:13:20"
    )
    assert lines[1:5] == [
        "22:13:21 todo 1/2 in progress: Reading it",
        "22:13:22 tool error: Bash npm test exit 1 (3.0s): boom",
        "22:13:23 says: All is well. Going on.",
        "22:13:25 todo 2/2 pending: Fix it",
    ]
    assert lines[-2:] == _told(script(STORY))[-2:]


def test_a_todo_says_its_text_and_its_time_where_there_are_any(script: Callable[..., Any]) -> None:
    lines = _told(script([TodosReported((TodoItem(" \t", "completed"), TodoItem("**Test** `it`")))]))
    assert lines[1:3] == ["22:13:20 todo 1/2 done: (no text)", "22:13:20 todo 2/2 pending: Test it"]


@pytest.mark.parametrize("joined", [0, 1])
def test_a_question_is_told_once(script: Callable[..., Any], joined: int) -> None:
    ask = ToolStarted("q", "AskUserQuestion", raw({"questions": [{"question": "Which?", "options": [{"label": "A"}]}]}))
    lines = _told(script([ask, TodosReported(()), UsageReported(Usage(1))], joined))
    assert [line for line in lines if "needs input" in line] == ["22:13:20 needs input: Which? (A)"]


def test_a_call_is_done_once_though_another_source_words_its_output_otherwise(script: Callable[..., Any]) -> None:
    ends = [ToolEnded("t1", raw({"stdout": "a"})), ToolEnded("t1", raw("a"))]
    told = script([ToolStarted("t1", "Bash", raw({"command": "ls"})), *ends])
    assert sum("tool done" in line for line in _told(told)) == 1
    assert sum("tool done" in line for line in _told(told, "verbose")) == 2


def test_a_failure_is_told_by_its_telling_line_once(script: Callable[..., Any]) -> None:
    failed = [
        ToolStarted("t", "Read", raw({"file_path": "a"})),
        ToolEnded("t", raw("File does not exist\nstack"), is_error=True),
        ToolStarted("u", "Bash", raw({"command": "b"})),
        ToolEnded("u", raw("Command failed: boom\nstack line 1"), is_error=True),
    ]
    assert [line[9:] for line in _told(script(failed)) if "error:" in line] == [
        "tool error: Read a · File does not exist (1.0s)",
        "tool error: Bash b · Command failed: boom (1.0s)",
    ]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("## Done ##\n\nAll **14 tests** pass, see `a.py`.", "Done All 14 tests pass, see a.py."),
        ("```sh\nls *.py # all\n```\n---\nso *it* is", "ls *.py # all so it is"),
        ("a * b ** c __init__.py snake_case #1", "a * b ** c __init__.py snake_case #1"),
        ("- one\n- two", "- one - two"),
    ],
)
def test_markdown_is_read_without_its_marks(script: Callable[..., Any], said: str, read: str) -> None:
    lines = _told(script([TextAdded("n", said), BuildEnded("completed", said)]))
    assert [line.partition(": ")[2] for line in lines if "says" in line or "summary" in line] == [read, read]


@pytest.mark.parametrize("detail", ["quiet", "normal", "verbose"])
def test_nothing_hostile_reaches_a_terminal(script: Callable[..., Any], detail: str) -> None:
    text = HOSTILE + "x" * 200_000
    lines = _told(
        script(
            [
                TodosReported((TodoItem(HOSTILE, "in_progress", HOSTILE),)),
                ToolStarted("t1", HOSTILE, raw({"command": text})),
                ToolEnded("t1", raw(text), is_error=True),
                TextAdded("n1", text),
                TextAdded("n2", text, "reasoning"),
                Noticed(HOSTILE, "warning"),
                BuildEnded("failed", HOSTILE, HOSTILE),
            ]
        ),
        detail,
    )
    joined = "".join(lines)
    assert not set(joined) & set("\x1b\x07\x9b\u202e\ud800\n")
    assert "a[/]" in joined
    assert detail == "verbose" or max(map(len, lines)) < 1_000


def test_quiet_tells_todos_errors_start_and_end(script: Callable[..., Any]) -> None:
    lines = _told(script(STORY), "quiet")
    assert not [line for line in lines if "says" in line or "tool running" in line]
    assert [line for line in lines if "tool error" in line]


def test_growing_text_is_told_once_and_whole(script: Callable[..., Any]) -> None:
    told = script([TextAdded("n1", "one "), TextAdded("n1", "two "), TextAdded("n1", "three")])
    told.told.insert(3, SignOfLife())
    says = [line for line in _told(told) if "says" in line]
    assert [line.split(": ", 1)[1] for line in says] == ["one two", "three"]


def test_link_trouble_is_told_and_its_end(script: Callable[..., Any]) -> None:
    lost = LinkChanged(LinkStatus("retrying", attempt=1, retry_at=9_000, lost_at=5_000, reason="reset\x1b[2J"))
    live = LinkStatus("live", rtt_ms=1.0)
    link = [lost, LinkChanged(live), LinkChanged(LinkStatus("live", rtt_ms=2.0)), CaughtUp(0, 7000, 3, "replayed")]
    lines = _told(script([BuildStarted()], link=[*link, Skipped(2, "odd")]))
    assert lines[1:-1] == [
        "link lost: retry 1 of 10, next in 4s (reset)",
        "link is back",
        "link lost 00:00:00 · back 00:00:07 · 3 events replayed",
        "skipped: 2 updates that this version cannot read odd",
    ]


@pytest.mark.parametrize("joined", [0, 2])
def test_what_is_repaired_is_told(script: Callable[..., Any], joined: int) -> None:
    events = [BuildStarted(), AutoFixReported(AutoFix("no such module", 2, 3))]
    assert sum("auto-fix, attempt 2 of 3: no such module" in line for line in _told(script(events, joined))) == 1
