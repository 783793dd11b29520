"""Cursor's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "cursor"

TODO_TOOLS = frozenset({"updateTodos", "todo", "writeTodos"})

TOOLS = {
    "delete": Tool("edit", "Delete"),
    "semsearch": Tool("search", "Search"),
    "readlints": Tool("read", "ReadLints"),
}
"""By name in lower case; those that it shares with others are theirs."""
