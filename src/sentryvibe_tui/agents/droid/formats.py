"""The sign of Droid's stream: what only a record of it has."""

from __future__ import annotations

from ..common.values import as_list
from ..registry import Record
from .tools import SHELL

_FOREIGN = frozenset({"mcp_servers", "permissionMode", "permission_mode", "apiKeySource", "uuid"})
"""What others tell at the beginning."""


def is_stream(record: Record, kind: str) -> bool:
    if "session_id" not in record:
        return False
    if kind == "system":
        return SHELL in as_list(record.get("tools")) and not record.keys() & _FOREIGN
    if kind in ("tool_call", "tool_result"):
        return "toolId" in record and "messageId" in record
    if kind == "message":
        return "role" in record and isinstance(record.get("text"), str)
    return kind == "completion" and "finalText" in record
