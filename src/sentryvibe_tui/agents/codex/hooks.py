"""Codex's hooks."""

from __future__ import annotations

from pathlib import PurePath

from ..common.hook_dialect import HookDialect
from ..common.values import Record, as_object, text
from .messages import parsed
from .tools import AGENT

MEMORIES = "memories"
"""The folder in Codex' own one in which it writes its memories, by an agent of which there is no rollout."""


def _is_aside(record: Record) -> bool:
    return not record.get("transcript_path") and PurePath(text(record, "cwd")).name == MEMORIES


def _spawned(name: str, response: object) -> str:
    """The answer names the subagent: `{"agent_id":"…","nickname":"Euler"}`."""
    if not name.endswith("spawn_agent"):
        return ""
    return text(as_object(parsed(response) if isinstance(response, str) else response), "agent_id")


HOOKS = HookDialect(AGENT, _is_aside, _spawned, tells_outcome=False)
"""A command's end has its output, and no exit code."""
