"""Our hooks in the settings of Claude Code (code.claude.com/docs/en/hooks)."""

from __future__ import annotations

from typing import Any

from ..common.hook_settings import Entries, HookSettings, HookTarget, Version, moved_by

URL_SINCE: Version = (2, 1, 63)
"""From which on a hook can be a URL. SessionStart stays a matter of commands."""

MEASURED: Version = (2, 1, 332)
"""Whose events were looked at; since when it has the newer ones is not known."""

_EVENTS: dict[str, Version] = {
    "SessionStart": (0, 0, 0),
    "UserPromptSubmit": (0, 0, 0),
    "PreToolUse": (0, 0, 0),
    "PostToolUse": (0, 0, 0),
    "PostToolUseFailure": URL_SINCE,
    "PermissionRequest": URL_SINCE,
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
"""Events, and the version that surely knows them: an unknown one makes it refuse the file."""


def _events(call: HookTarget) -> tuple[str, ...]:
    known = (event for event, since in _EVENTS.items() if since <= call.version)
    return tuple(event for event in known if not (call.url and event == "SessionStart"))


def _entry(_: str, call: HookTarget) -> dict[str, Any]:
    """A header is filled from those variables only that the entry allows."""
    if not call.url:
        return {"type": "command", "command": call.command, "timeout": 5}
    entry = {"type": "http", "url": call.url, "timeout": 5}
    if not call.variable:
        return entry
    return entry | {"headers": {"Authorization": f"Bearer ${call.variable}"}, "allowedEnvVars": [call.variable]}


HOOK_SETTINGS = HookSettings(
    moved_by("CLAUDE_CONFIG_DIR", ".claude", "settings.json"),
    Entries(_events, _entry, by_version=True, url_since=URL_SINCE),
)
