"""Gemini CLI's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "gemini-cli"

TODO_TOOLS = frozenset({"write_todos", "tracker_create_task", "tracker_update_task", "tracker_list_tasks"})

TOOLS = {
    "run_shell_command": Tool("shell", "Shell"),
    "read_file": Tool("read", "Read"),
    "read_many_files": Tool("read", "Read"),
    "write_file": Tool("write", "Write"),
    "replace": Tool("edit", "Edit"),
    "grep_search": Tool("search", "Grep"),
    "search_file_content": Tool("search", "Grep"),
    "glob": Tool("search", "Glob"),
    "list_directory": Tool("search", "List"),
    "web_fetch": Tool("web", "WebFetch"),
    "google_web_search": Tool("web", "WebSearch"),
    "invoke_agent": Tool("agent", "Agent"),
}
"""By name in lower case."""
