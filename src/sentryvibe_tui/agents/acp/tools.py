"""Kinds of tools in the Agent Client Protocol, which stand for the tools' names: it tells none."""

from __future__ import annotations

from ..registry import Tool

AGENT = "acp"
"""For an agent that does not say its name."""

TOOLS = {
    "execute": Tool("shell", "Run"),
    "read": Tool("read", "Read"),
    "edit": Tool("edit", "Edit"),
    "delete": Tool("edit", "Delete"),
    "move": Tool("edit", "Move"),
    "search": Tool("search", "Search"),
    "fetch": Tool("web", "Fetch"),
    "think": Tool("other", "Think"),
}
