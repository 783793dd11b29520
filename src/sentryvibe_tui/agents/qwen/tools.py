"""Qwen Code's name on the wire and its tools: Gemini CLI's, and some of its own."""

from __future__ import annotations

from ..registry import Tool

AGENT = "qwen-code"

TODO_TOOLS = frozenset({"todo_write"})

TOOLS = {
    "edit": Tool("edit", "Edit"),
    "monitor": Tool("shell", "Monitor"),
    "skill": Tool("other", "Skill"),
    "lsp": Tool("read", "LSP"),
}
"""By name in lower case."""
