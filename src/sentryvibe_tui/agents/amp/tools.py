"""Amp's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "amp"

TOOLS = {
    "create_file": Tool("write", "Write"),
    "edit_file": Tool("edit", "Edit"),
    "undo_edit": Tool("edit", "Undo"),
    "finder": Tool("search", "Search"),
    "oracle": Tool("agent", "Oracle"),
    "read_web_page": Tool("web", "WebFetch"),
    "web_search": Tool("web", "WebSearch"),
}
"""By name in lower case; those that it shares with others are theirs."""
