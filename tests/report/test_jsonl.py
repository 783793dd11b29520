"""JSON lines: every update, and the same last line however a watch came to it."""

import json
from collections.abc import Callable
from typing import Any

from sentryvibe_tui.client.watching import CaughtUp, LinkChanged, LinkStatus, Skipped
from sentryvibe_tui.model.events import BuildStarted, TextAdded, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import BuildEnded
from sentryvibe_tui.report.jsonl import JsonReport
from sentryvibe_tui.wire.json import raw

EVENTS = [
    BuildStarted(),
    ToolStarted("t1", "Bash", raw({"command": "a\x1b[2J\x9b\u2028"})),
    TextAdded("n1", "日本 \u202e"),
    ToolEnded("t1", raw("ok")),
    BuildEnded("completed", "done"),
]


def _told(script: Any) -> list[str]:
    report = JsonReport()
    return [*(line for event in script.told for line in report.event(event)), *report.end(script.state)]


def test_every_update_is_a_line(script: Callable[..., Any]) -> None:
    told = [json.loads(line) for line in _told(script(EVENTS))]
    assert [line["type"] for line in told] == [
        "link",
        "build-started",
        "agent",
        "activity",
        "tool-call",
        "text",
        "tool-call",
        "build-complete",
        "activity",
        "end",
    ]
    assert [line["version"] for line in told[1:]] == [1, 1, 1, 2, 3, 4, 5, 5, 5]
    assert told[4]["data"]["input"] == {"command": "a\x1b[2J\x9b\u2028"}
    assert (told[-1]["status"], told[-1]["state"]["buildSummary"]) == ("completed", "done")


def test_the_end_does_not_depend_on_the_way(script: Callable[..., Any]) -> None:
    ends = {_told(script(EVENTS, joined=joined))[-1] for joined in range(len(EVENTS))}
    assert len(ends) == 1
    end = json.loads(ends.pop())
    assert list(end["state"]) == sorted(end["state"])


def test_a_terminal_finds_nothing_to_act_on(script: Callable[..., Any]) -> None:
    text = "\n".join(_told(script(EVENTS, joined=4)))
    assert not set(text) & set("\x1b\x9b\u2028\u202e")
    assert "日本" in text


def test_the_link_is_told(script: Callable[..., Any]) -> None:
    link = [
        LinkChanged(LinkStatus("retrying", attempt=2, retry_at=9, reason="gone")),
        LinkChanged(LinkStatus("retrying", attempt=2, retry_at=9, reason="gone", rtt_ms=0.3)),
        CaughtUp(0, 1000, 3, "replayed"),
        Skipped(2, "odd"),
    ]
    told = [json.loads(line) for line in _told(script([BuildStarted()], link=link))][-4:-1]
    assert told[0] == {
        "type": "link",
        "phase": "retrying",
        "transport": "ws",
        "attempt": 2,
        "attempts": 10,
        "retryAt": "1970-01-01T00:00:00.009Z",
        "reason": "gone",
    }
    assert told[1] == {
        "type": "caught-up",
        "lostAt": "1970-01-01T00:00:00.000Z",
        "backAt": "1970-01-01T00:00:01.000Z",
        "missed": 3,
        "how": "replayed",
    }
    assert told[2] == {"type": "skipped", "count": 2, "reason": "odd"}
