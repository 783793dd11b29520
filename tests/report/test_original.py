"""Recorded builds of the original servers, told line by line."""

import json
from pathlib import Path

import pytest

from sentryvibe_tui.client.link import Link
from sentryvibe_tui.client.original_replica import Hydration
from sentryvibe_tui.client.reconnect import Emit
from sentryvibe_tui.report.jsonl import JsonReport
from sentryvibe_tui.report.plain import PlainLines
from sentryvibe_tui.wire.frames import decode_frame

TRACES = Path(__file__).parents[1] / "data" / "traces"
START = 1_795_841_744_000


def told(name: str, report: PlainLines | JsonReport) -> list[str]:
    frames = json.loads((TRACES / f"{name}-messages-mid-build.json").read_text())["frames"]
    link = Link("shop", chance=lambda: 0.5)
    actions = [*link.start(START), *link.opened(START)]
    for number, line in enumerate(frames):
        now = START + int(line["ms"])
        actions += link.frame(decode_frame(line["raw"], now), now)
        if number == 0:
            actions += link.hydrated(Hydration(None), now)
    events = [action.event for action in actions if isinstance(action, Emit)]
    return [*(line for event in events for line in report.event(event)), *report.end(link.state)]


@pytest.mark.parametrize(("name", "most"), [("v1", 50), ("v2", 35)])
def test_each_fact_is_one_line_with_its_time(name: str, most: int) -> None:
    lines = told(name, PlainLines())
    assert len(lines) <= most
    assert len(set(lines)) == len(lines)
    assert not [line for line in lines if "merged" in line or "--:--:--" in line or "00:00:00" in line]
    assert sum(line.split(" ", 1)[1].startswith("todo 4/4 done") for line in lines) == 1
    if name == "v2":
        assert not [line for line in lines if "Write" in line and "(0.0s)" in line]  # told once, at its end


@pytest.mark.parametrize(("name", "most"), [("v1", 20_000), ("v2", 10_000)])
def test_no_state_is_told_twice_in_json(name: str, most: int) -> None:
    *lines, last = told(name, JsonReport())
    assert [json.loads(line)["type"] for line in lines].count("snapshot") == 1
    assert sum(map(len, lines)) < most
    state = json.loads(last)["state"]
    assert [todo["status"] for todo in state["todos"]] == ["completed"] * 4
