"""Claude Code's name on the wire and its tools."""

from __future__ import annotations

from ..registry import Tool

AGENT = "claude-code"

TODO_TOOLS = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet"})
SUBAGENT_TOOLS = frozenset({"Task", "Agent"})

TOOLS = {
    "bash": Tool("shell", "Bash"),
    "bashoutput": Tool("shell", "BashOutput"),
    "killshell": Tool("shell", "KillShell"),
    "read": Tool("read", "Read"),
    "notebookread": Tool("read", "Read"),
    "write": Tool("write", "Write"),
    "edit": Tool("edit", "Edit"),
    "multiedit": Tool("edit", "Edit"),
    "notebookedit": Tool("edit", "Edit"),
    "str_replace": Tool("edit", "Edit"),
    "grep": Tool("search", "Grep"),
    "glob": Tool("search", "Glob"),
    "ls": Tool("search", "List"),
    "webfetch": Tool("web", "WebFetch"),
    "websearch": Tool("web", "WebSearch"),
    "task": Tool("agent", "Task"),
    "agent": Tool("agent", "Agent"),
}
"""By name in lower case."""
