"""Our hooks in Codex' `hooks.json` (developers.openai.com/codex/hooks)."""

from __future__ import annotations

from typing import Any

from ..common.hook_settings import Entries, HookSettings, HookTarget, moved_by

_EVENTS = (
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
_LIMITS = {"Interrupt": 3, "SessionEnd": 3}
"""Seconds that Codex gives these at most: it warns of more at each start."""


def _entry(event: str, call: HookTarget) -> dict[str, Any]:
    return {"type": "command", "command": call.command, "timeout": _LIMITS.get(event, 5)}


HOOK_SETTINGS = HookSettings(moved_by("CODEX_HOME", ".codex", "hooks.json"), Entries(lambda _: _EVENTS, _entry))
