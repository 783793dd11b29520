"""Droid's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "droid"

SHELL = "Execute"
TODO_TOOLS = frozenset({"TodoWrite"})

TOOLS = {
    "create": Tool("write", "Write"),
    "applypatch": Tool("edit", "Patch"),
    "fetchurl": Tool("web", "Fetch"),
}
"""By name in lower case; those that it shares with others are theirs."""
