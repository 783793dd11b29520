"""What sort of work a tool does, and the verb it is shown by, told by its name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

from ..model.text import clean_line
from .registry import AgentKind, Tool, ToolClass, agent_kinds, built_in

Kind = ToolClass


@cache
def _own_tools() -> dict[str, Tool]:
    """Those of the agents that come with the program, by name; of one name the first agent's."""
    return _together(built_in())


@cache
def _all_tools() -> dict[str, Tool]:
    return _together(agent_kinds())


def _together(kinds: tuple[AgentKind, ...]) -> dict[str, Tool]:
    return {name: tool for kind in reversed(kinds) for name, tool in kind.tools.items()}


def _tool(name: str) -> Tool | None:
    """Agents from elsewhere are asked only for what ours do not have: it takes time to look for them."""
    name = _own_name(name)
    return _own_tools().get(name) or (None if server_of(name) else _all_tools().get(name))


@lru_cache(512)
def kind_of(name: str) -> Kind:
    """The kind of a tool by its name; `other` for what is not known."""
    tool = _tool(name)
    return tool.kind if tool else "mcp" if server_of(name) else "other"


def script_calls(name: str, source: str) -> Sequence[tuple[str, object]] | None:
    """What the input of a tool that takes a script is shown as; None for another tool."""
    tool = _tool(name)
    return None if tool is None or tool.calls is None else tool.calls(source)


@lru_cache(512)
def verb_of(name: str) -> str:
    """`Edit`, `github · create_issue`, else the name itself; safe, never empty."""
    known = _tool(name)
    if known:
        return known.verb
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
