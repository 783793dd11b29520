"""Our hooks in the settings of Claude Code, Codex and Gemini CLI, and our plugin for opencode: what is added, and what
is taken out again.

Texts in, texts out. Shapes and versions: code.claude.com/docs/en/hooks, developers.openai.com/codex/hooks,
geminicli.com/docs/hooks (docs/agents.md#hooks).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from ..agents.opencode.plugin import MARK, plugin, plugin_file
from .json_edit import BadSettings, Node, added, parse, removed, stood_empty

Version = tuple[int, int, int]

HTTP_SINCE: Version = (2, 1, 63)
"""Claude Code from which on a hook can be a URL. SessionStart stays a matter of commands."""

NEWEST: Version = (9999, 0, 0)
"""For a version that is not known."""

MEASURED: Version = (2, 1, 332)
"""Claude Code whose events were looked at; since when it has the newer ones is not known."""

_CLAUDE: dict[str, Version] = {
    "SessionStart": (0, 0, 0),
    "UserPromptSubmit": (0, 0, 0),
    "PreToolUse": (0, 0, 0),
    "PostToolUse": (0, 0, 0),
    "PostToolUseFailure": HTTP_SINCE,
    "PermissionRequest": HTTP_SINCE,
    "Notification": (0, 0, 0),
    "PreCompact": (0, 0, 0),
    "Stop": (0, 0, 0),
    "StopFailure": (2, 1, 78),
    "SessionEnd": (0, 0, 0),
    "PermissionDenied": MEASURED,
    "SubagentStart": MEASURED,
    "SubagentStop": MEASURED,
    "Elicitation": MEASURED,
    "ElicitationResult": MEASURED,
    "PostCompact": MEASURED,
}
"""Events, and the version of Claude Code that surely knows them: an unknown one makes it refuse the file."""

_CODEX = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "Interrupt",
    "SessionEnd",
)
_CODEX_LIMITS = {"Interrupt": 3, "SessionEnd": 3}
"""Seconds that Codex gives these at most: it warns of more at each start."""
_GEMINI = (
    "SessionStart",
    "BeforeAgent",
    "BeforeTool",
    "AfterTool",
    "AfterAgent",
    "Notification",
    "PreCompress",
    "SessionEnd",
)


class Hook(Struct, frozen=True):
    """What an agent is to call: a URL, or a command (of opencode: the spool's folder).

    The agent's `version` decides which events there are.
    """

    agent: str
    url: str = ""
    command: str = ""
    version: Version = NEWEST

    def entry(self, event: str) -> dict[str, object]:
        if self.url:
            return {"type": "http", "url": self.url, "timeout": 5}
        if self.agent == "gemini":
            return {"name": "sentryvibe-tui", "type": "command", "command": self.command, "timeout": 5000}
        limit = _CODEX_LIMITS.get(event, 5) if self.agent == "codex" else 5
        return {"type": "command", "command": self.command, "timeout": limit}

    @property
    def events(self) -> tuple[str, ...]:
        if self.agent == "codex":
            return _CODEX
        if self.agent == "gemini":
            return _GEMINI
        known = (event for event, since in _CLAUDE.items() if since <= self.version)
        return tuple(event for event in known if not (self.url and event == "SessionStart"))


def settings_file(agent: str, project: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file with an agent's hooks: the user's, or that of a project's directory."""
    home = Path(environ.get("HOME") or "~").expanduser()
    if agent == "opencode":
        return plugin_file(home, project, environ)
    moved = {"claude": "CLAUDE_CONFIG_DIR", "codex": "CODEX_HOME"}.get(agent, "")
    home = Path(environ.get("GEMINI_CLI_HOME") or home) if agent == "gemini" else home
    folder = project / f".{agent}" if project else Path(environ.get(moved) or home / f".{agent}")
    return folder / ("hooks.json" if agent == "codex" else "settings.json")


def with_hook(text: str, hook: Hook) -> str:
    """`text` with `hook` for each of its events and no other hook of ours. Raises BadSettings."""
    if hook.agent == "opencode":
        _our_plugin(text)
        return plugin(hook.command)
    text = _without(text, hook.agent, keep=hook)
    for event in hook.events:
        text = _with_event(text, event, hook)
    return text


def without_hooks(text: str, agent: str) -> str:
    """`text` without any hook of ours, and without what held nothing else; "" when that is all. Raises BadSettings."""
    return _our_plugin(text) and "" if agent == "opencode" else _without(text, agent, keep=None)


def installed(text: str, agent: str) -> dict[str, str]:
    """The URL or command that is called for each event. Raises BadSettings."""
    if agent == "opencode":
        return {"all events": "a plugin that leaves notes for the local server"} if _our_plugin(text) else {}
    found: dict[str, str] = {}
    for event, groups in _events(text).items():
        for _, hooks in _groups(groups):
            for hook in hooks.parts:
                if _is_ours(hook.value, agent):
                    found[event] = str(hook.value.get("url") or hook.value.get("command"))
    return found


def _our_plugin(text: str) -> str:
    """`text` itself. Raises BadSettings for a file that somebody else wrote."""
    if text and not text.startswith(MARK):
        raise BadSettings("it is not ours")
    return text


def _with_event(text: str, event: str, hook: Hook) -> str:
    new = {event: [{"hooks": [hook.entry(event)]}]}
    if not text:
        return json.dumps({"hooks": new}, indent=2, ensure_ascii=False) + "\n"
    root = parse(text)
    hooks = root.member("hooks")
    if hooks is None:
        return added(text, root, new, "hooks")
    groups = hooks.member(event)
    if groups is None:
        return added(text, hooks, new[event], event)
    if not isinstance(groups.value, list):
        raise BadSettings(f"`hooks.{event}` is no array")
    if any(entry.value == hook.entry(event) for _, entries in _groups(groups) for entry in entries.parts):
        return text
    return added(text, groups, new[event][0])


def _without(text: str, agent: str, keep: Hook | None) -> str:
    while (found := _first_of_ours(text, agent, keep)) is not None:
        text = _pruned(text, found)
    return text


Place = list[tuple[Node, int]]
"""The way to a hook: each container, and which of its parts to go into."""


def _first_of_ours(text: str, agent: str, keep: Hook | None) -> Place | None:
    if not text:
        return None
    root = parse(text)
    hooks = root.member("hooks")
    if hooks is None:
        return None
    for event, groups in _events(text).items():
        for number, entries in _groups(groups):
            for index, entry in enumerate(entries.parts):
                kept = keep is not None and event in keep.events and entry.value == keep.entry(event)
                if _is_ours(entry.value, agent) and not kept:
                    group = groups.parts[number]
                    return [
                        (root, root.place("hooks")),
                        (hooks, hooks.place(event)),
                        (groups, number),
                        (group, group.place("hooks")),
                        (entries, index),
                    ]
    return None


def _pruned(text: str, place: Place) -> str:
    """Takes out a hook, its group when that holds no other, and what came with them."""
    node, index = place.pop()
    if len(node.parts) == 1:
        place.pop()
        node, index = place.pop()
        while len(node.parts) == 1 and not stood_empty(text, node):
            if not place:
                return ""
            node, index = place.pop()
    return removed(text, node, index)


def _events(text: str) -> dict[str, Node]:
    hooks = parse(text).member("hooks") if text else None
    if hooks is None:
        return {}
    if not isinstance(hooks.value, dict):
        raise BadSettings("`hooks` is no object")
    return dict(zip(hooks.names, hooks.parts, strict=True))


def _groups(groups: Node) -> list[tuple[int, Node]]:
    """The hooks of each group, with the group's number."""
    found = ((number, group.member("hooks")) for number, group in enumerate(groups.parts))
    return [(number, hooks) for number, hooks in found if hooks is not None and isinstance(hooks.value, list)]


def _is_ours(value: object, agent: str) -> bool:
    if not isinstance(value, dict):
        return False
    entry = cast("dict[str, Any]", value)
    url, command = str(entry.get("url") or ""), str(entry.get("command") or "")
    return url.endswith(f"/api/hooks/{agent}") or re.search(_OUR_COMMAND.format(agent), command) is not None


_OUR_COMMAND = r"sentryvibe[-_]tui(?:'?\s+hook|(?:/hooks)?/spool\.py'?)\s+{}(?: 2>/dev/null)?(?: \|\| (?:exit 1|:))?$"
