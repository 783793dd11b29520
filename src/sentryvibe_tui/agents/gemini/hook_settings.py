"""Our hooks in the settings of Gemini CLI (geminicli.com/docs/hooks)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..common.hook_settings import Entries, HookSettings, HookTarget

_EVENTS = (
    "SessionStart",
    "BeforeAgent",
    "BeforeTool",
    "AfterTool",
    "AfterAgent",
    "Notification",
    "PreCompress",
    "SessionEnd",
)


def _file(home: Path, project: Path | None, environ: Mapping[str, str]) -> Path:
    """GEMINI_CLI_HOME stands for the home folder."""
    return (project or Path(environ.get("GEMINI_CLI_HOME") or home)) / ".gemini" / "settings.json"


def _entry(_: str, call: HookTarget) -> dict[str, Any]:
    """Its limit is in milliseconds."""
    return {"name": "sentryvibe-tui", "type": "command", "command": call.command, "timeout": 5000}


HOOK_SETTINGS = HookSettings(_file, Entries(lambda _: _EVENTS, _entry))
