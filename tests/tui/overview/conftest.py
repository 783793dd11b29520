"""Builds as a server's feed tells of them, made by hand."""

import pytest

from sentryvibe_tui.model.activity import Activity
from sentryvibe_tui.model.summary import BuildSummary, OpenRequest
from sentryvibe_tui.tui.overview.triage import AgentRow

NOW = 1_763_812_860_000
MIDNIGHT = NOW - 12 * 3_600_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def build(name: str, kind: str = "working", ago: int = 10 * SECOND, **more) -> BuildSummary:
    """Build `name`, whose agent has been at what it does for `ago` milliseconds."""
    fields = {
        "project_name": name,
        "activity": Activity(kind, NOW - ago),
        "agent_id": "claude-code",
        "started_at": NOW - HOUR,
        "last_event_at": NOW - ago,
        "now": "Edit src/auth.ts",
    }
    if kind == "waiting-person":
        fields["requests"] = (OpenRequest("r1", "permission", "Bash npm install", "Bash", since=NOW - ago),)
    if kind in ("ended", "idle") and "status" not in more:
        fields |= {"status": "completed", "ended_at": NOW - ago}
    return BuildSummary(f"p-{name}", f"s-{name}", f"b-{name}", **(fields | more))


def row(name: str, kind: str = "working", ago: int = 10 * SECOND, host: str = "", **more) -> AgentRow:
    return AgentRow(f"http://{host or 'here'}", build(name, kind, ago, **more), host)


@pytest.fixture(scope="session")
def made():
    return build, row
