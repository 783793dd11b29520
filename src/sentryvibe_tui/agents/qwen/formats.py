"""Signs of Qwen Code's formats: what only a record of theirs has."""

from __future__ import annotations

from ..common.values import obj, text
from ..registry import Record


def is_stream(record: Record, kind: str) -> bool:
    """Claude Code's shape; the beginning tells whose it is."""
    if kind != "system" or "session_id" not in record:
        return False
    return "qwen_code_version" in record or (text(record, "subtype") == "session_start" and "uuid" in record)


def is_session(record: Record, kind: str) -> bool:
    if not {"sessionId", "uuid", "parentUuid"} <= record.keys():
        return False
    if kind == "system":
        return "systemPayload" in record and "content" not in record
    return kind in ("user", "assistant", "tool_result") and isinstance(obj(record, "message").get("parts"), list)
