"""Our hooks in agents' settings: what is added, and what is taken out again.

Texts in, texts out. Where they stand and in what shape: agents/*/hook_settings.py (docs/agents.md#hooks).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..agents.common.hook_settings import Entries, HookSettings, HookTarget, OwnFile
from ..agents.registry import agent_kind
from ..errors import BadSettings
from .json_edit import JsonNode, added, parse, removed, stood_empty


class Hook(HookTarget, frozen=True):
    """What the agent of that name is to call."""

    agent: str

    def entry(self, event: str) -> dict[str, Any]:
        return self._entries.entry(event, self)

    @property
    def events(self) -> tuple[str, ...]:
        return self._entries.events(self)

    @property
    def _entries(self) -> Entries:
        shape = hook_settings(self.agent).shape
        if isinstance(shape, OwnFile):
            raise TypeError(f"hooks of {self.agent} have no entries")
        return shape


def hook_settings(agent: str) -> HookSettings:
    """Of an agent that has some."""
    settings = agent_kind(agent).hook_settings
    if settings is None:
        raise LookupError(f"{agent} has no settings for hooks")
    return settings()


def settings_file(agent: str, project: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file with an agent's hooks: the user's, or that of a project's directory."""
    return hook_settings(agent).file(Path(environ.get("HOME") or "~").expanduser(), project, environ)


def with_hook(text: str, hook: Hook) -> str:
    """`text` with `hook` for each of its events and no other hook of ours. Raises BadSettings."""
    shape = hook_settings(hook.agent).shape
    if isinstance(shape, OwnFile):
        _our_own(text, shape)
        return shape.content(hook.command)
    text = _without(text, hook.agent, keep=hook)
    for event in hook.events:
        text = _with_event(text, event, hook)
    return text


def without_hooks(text: str, agent: str) -> str:
    """`text` without any hook of ours, and without what held nothing else; "" when that is all. Raises BadSettings."""
    shape = hook_settings(agent).shape
    return _our_own(text, shape) and "" if isinstance(shape, OwnFile) else _without(text, agent, keep=None)


def installed(text: str, agent: str) -> dict[str, str]:
    """The URL or command that is called for each event. Raises BadSettings."""
    shape = hook_settings(agent).shape
    if isinstance(shape, OwnFile):
        return {"all events": "a plugin that leaves notes for the local server"} if _our_own(text, shape) else {}
    targets: dict[str, str] = {}
    for event, groups in _events(text).items():
        for _, hooks in _groups(groups):
            for hook in hooks.parts:
                if _is_ours(hook.value, agent):
                    targets[event] = str(hook.value.get("url") or hook.value.get("command"))
    return targets


def _our_own(text: str, file: OwnFile) -> str:
    """`text` itself. Raises BadSettings for a file that somebody else wrote."""
    if text and not text.startswith(file.mark):
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


HookPath = list[tuple[JsonNode, int]]
"""The way to a hook: each container, and which of its parts to go into."""


def _first_of_ours(text: str, agent: str, keep: Hook | None) -> HookPath | None:
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


def _pruned(text: str, place: HookPath) -> str:
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


def _events(text: str) -> dict[str, JsonNode]:
    hooks = parse(text).member("hooks") if text else None
    if hooks is None:
        return {}
    if not isinstance(hooks.value, dict):
        raise BadSettings("`hooks` is no object")
    return dict(zip(hooks.names, hooks.parts, strict=True))


def _groups(groups: JsonNode) -> list[tuple[int, JsonNode]]:
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
