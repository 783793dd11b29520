"""opencode's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "opencode"

TODO_TOOLS = frozenset({"todowrite", "todoread"})
ASKING_TOOLS = frozenset({"question", "plan_exit"})

TOOLS = {
    "list": Tool("search", "List"),
    "patch": Tool("edit", "Patch"),
}
"""By name in lower case."""
