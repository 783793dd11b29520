"""What sort of work a tool does, and the verb it is shown by, told by its name."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from ..model.text import clean_line

Kind = Literal["shell", "read", "write", "edit", "search", "web", "agent", "mcp", "other"]

_KINDS: dict[str, tuple[Kind, str]] = {
    "bash": ("shell", "Bash"),
    "bashoutput": ("shell", "BashOutput"),
    "killshell": ("shell", "KillShell"),
    "shell": ("shell", "Shell"),
    "exec_command": ("shell", "Shell"),
    "shell_command": ("shell", "Shell"),
    "write_stdin": ("shell", "Stdin"),
    "local_shell": ("shell", "Shell"),
    "local_shell_call": ("shell", "Shell"),
    "command_execution": ("shell", "Shell"),
    "run_shell_command": ("shell", "Shell"),
    "read": ("read", "Read"),
    "read_file": ("read", "Read"),
    "read_many_files": ("read", "Read"),
    "notebookread": ("read", "Read"),
    "view_image": ("read", "View"),
    "write": ("write", "Write"),
    "write_file": ("write", "Write"),
    "edit": ("edit", "Edit"),
    "multiedit": ("edit", "Edit"),
    "notebookedit": ("edit", "Edit"),
    "str_replace": ("edit", "Edit"),
    "replace": ("edit", "Edit"),
    "patch": ("edit", "Patch"),
    "apply_patch": ("edit", "Patch"),
    "file_change": ("edit", "Patch"),
    "grep": ("search", "Grep"),
    "grep_search": ("search", "Grep"),
    "search_file_content": ("search", "Grep"),
    "glob": ("search", "Glob"),
    "ls": ("search", "List"),
    "list": ("search", "List"),
    "list_directory": ("search", "List"),
    "webfetch": ("web", "WebFetch"),
    "web_fetch": ("web", "WebFetch"),
    "websearch": ("web", "WebSearch"),
    "web_search": ("web", "WebSearch"),
    "google_web_search": ("web", "WebSearch"),
    "task": ("agent", "Task"),
    "agent": ("agent", "Agent"),
    "spawn_agent": ("agent", "Agent"),
    "invoke_agent": ("agent", "Agent"),
    "send_input": ("agent", "Send"),
    "wait": ("agent", "Wait"),
    "wait_agent": ("agent", "Wait"),
    "close_agent": ("agent", "Close"),
}


@lru_cache(512)
def kind_of(name: str) -> Kind:
    """The kind of a tool by its name; `other` for what is not known."""
    known = _KINDS.get(_own_name(name))
    return known[0] if known else "mcp" if server_of(name) else "other"


@lru_cache(512)
def verb_of(name: str) -> str:
    """`Edit`, `github · create_issue`, else the name itself; safe, never empty."""
    known = _KINDS.get(_own_name(name))
    if known:
        return known[1]
    server = server_of(name)
    tool = name.removeprefix("mcp_").lstrip("_").removeprefix(server).lstrip("_") if server else name
    return clean_line(f"{server} · {tool}" if server and tool else server or name, 60) or "tool"


def server_of(name: str) -> str:
    """The server of an MCP tool: `mcp__server__tool`, Codex' `server__tool`, Gemini's `mcp_server_tool`; else ""."""
    if name.startswith("mcp__"):
        return name.removeprefix("mcp__").partition("__")[0]
    if name.startswith("mcp_"):
        return name.removeprefix("mcp_").partition("_")[0]
    return name.partition("__")[0] if "__" in name else ""


def _own_name(name: str) -> str:
    """Codex puts a namespace before its own tools too: `collaboration__spawn_agent`."""
    name = name.lower()
    return name if name.startswith("mcp_") else name.rpartition("__")[2]
