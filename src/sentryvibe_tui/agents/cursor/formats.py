"""The sign of Cursor CLI's stream: what only a record of it has."""

from __future__ import annotations

from ..common.values import text
from ..registry import Record


def is_stream(record: Record, kind: str) -> bool:
    """Its messages look like Claude Code's, without what those have of subagents."""
    if "session_id" not in record or record.keys() & {"parent_tool_use_id", "uuid", "tools"}:
        return False
    subtype = text(record, "subtype")
    if kind == "system":
        return subtype == "init" and {"apiKeySource", "permissionMode"} <= record.keys()
    if kind == "tool_call":
        return subtype in ("started", "completed") and "call_id" in record
    if kind == "thinking":
        return subtype in ("delta", "completed")
    if kind in ("user", "assistant"):
        return isinstance(record.get("message"), dict)
    return kind == "result" and "request_id" in record and "num_turns" not in record
