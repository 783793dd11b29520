"""opencode's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "opencode"

TODO_TOOLS = frozenset({"todowrite", "todoread"})

TOOLS = {
    "list": Tool("search", "List"),
    "patch": Tool("edit", "Patch"),
}
"""By name in lower case."""
