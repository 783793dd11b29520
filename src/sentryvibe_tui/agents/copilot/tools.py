"""Copilot CLI's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "copilot-cli"


TOOLS = {
    "bash": Tool("shell", "Bash"),
    "powershell": Tool("shell", "PowerShell"),
    "read_bash": Tool("shell", "BashOutput"),
    "write_bash": Tool("shell", "BashInput"),
    "stop_bash": Tool("shell", "KillShell"),
    "view": Tool("read", "Read"),
    "create": Tool("write", "Write"),
    "str_replace_editor": Tool("edit", "Edit"),
    "apply_patch": Tool("edit", "Patch"),
    "rg": Tool("search", "Grep"),
    "sql": Tool("other", "SQL"),
    "web_fetch": Tool("web", "WebFetch"),
    "web_search": Tool("web", "WebSearch"),
}
"""By name in lower case; those that it shares with others are theirs."""
