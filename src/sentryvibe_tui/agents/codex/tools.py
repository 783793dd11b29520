"""Codex's name on the wire and its tools."""

from __future__ import annotations

from collections.abc import Sequence

from ..registry import Tool

AGENT = "openai-codex"

TODO_TOOLS = frozenset({"update_plan"})

COMMANDS = frozenset({"exec_command", "shell", "shell_command", "local_shell"})
WAITS = frozenset({"wait", "wait_agent", "close_agent"})
"""Tools whose answers tell how subagents stand."""


def _calls(source: str) -> Sequence[tuple[str, object]]:
    from .script import shown_calls

    return shown_calls(source)


TOOLS = {
    "exec": Tool("other", "exec", _calls),
    "shell": Tool("shell", "Shell"),
    "exec_command": Tool("shell", "Shell"),
    "shell_command": Tool("shell", "Shell"),
    "write_stdin": Tool("shell", "Stdin"),
    "local_shell": Tool("shell", "Shell"),
    "local_shell_call": Tool("shell", "Shell"),
    "command_execution": Tool("shell", "Shell"),
    "view_image": Tool("read", "View"),
    "apply_patch": Tool("edit", "Patch"),
    "file_change": Tool("edit", "Patch"),
    "web_search": Tool("web", "WebSearch"),
    "spawn_agent": Tool("agent", "Agent"),
    "send_input": Tool("agent", "Send"),
    "wait": Tool("agent", "Wait"),
    "wait_agent": Tool("agent", "Wait"),
    "close_agent": Tool("agent", "Close"),
}
"""By name in lower case."""
