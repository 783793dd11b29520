"""pi's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "pi"

TOOLS = {
    "find": Tool("search", "Find"),
}
"""By name in lower case; those that it shares with others are theirs."""
