"""Recorded transcripts, read and folded, against what was counted in them by other means."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sentryvibe_tui.agents.detect import detect, new_reader
from sentryvibe_tui.model.state import BuildState

SAMPLES = Path(__file__).parent.parent / "data" / "transcripts"
ELSEWHERE = os.environ.get("TRANSCRIPTS_DIR", "")
TODO_TOOLS = {
    "TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet",
    "update_plan", "write_todos", "todowrite", "todoread",
}  # fmt: skip
ENDS = {
    "success": {"completed"},
    "no result event": {"interrupted"},
    "turn.completed": {"completed"},
    "no end event": {"interrupted"},
    "task_complete": {"completed"},
    "last step-finish reason: stop": {"completed"},
}


def _files(root: Path) -> list[Any]:
    truth = json.loads((root / "truth.json").read_text())
    return [pytest.param(root, name, known, id=name) for name, known in truth.items()]


def _all() -> list[Any]:
    if ELSEWHERE:
        return _files(Path(ELSEWHERE))
    return [pytest.param(None, "", {}, marks=pytest.mark.skip(reason="TRANSCRIPTS_DIR names no folder"))]


@pytest.mark.parametrize(("root", "name", "truth"), [*_files(SAMPLES), *_all()])
def test_counts_are_exact(root: Path, name: str, truth: dict[str, Any], fold: Any) -> None:
    data = (root / name).read_bytes()
    reader = new_reader(detect(data))
    state: BuildState = fold([*reader.feed(data), *reader.finish()])
    tools = list(state.tools())
    orphans = truth.get("orphan_results", 0)
    named = Counter(tool.name for tool in tools)
    assert named.pop("unknown", 0) == orphans
    assert named == {tool: count for tool, count in truth["tools"].items() if tool not in TODO_TOOLS}
    assert sum(tool.state == "interrupted" for tool in tools) == truth["unfinished"]
    assert not state.open_tools
    assert state.error_count == truth["errors"]
    todos = [(todo.content, todo.status) for todo in state.todos]
    assert todos == [(todo["content"], todo["status"]) for todo in truth.get("todos", [])]
    assert sum(note.kind == "text" for note in state.notes()) == truth["text_blocks"]
    assert state.agent.model in (truth["models"] or [""])
    cost = truth.get("total_cost_usd", truth.get("cost"))
    if cost is None:
        assert state.usage.cost_estimated or state.usage.cost_usd is None
    else:
        assert state.usage.cost_usd == pytest.approx(cost)
        assert not state.usage.cost_estimated
    assert state.status in ENDS.get(truth["final_status"], {"interrupted", "failed", "completed"})
