"""Signs of Gemini CLI's formats: what only a record of theirs has."""

from __future__ import annotations

from ..common.values import text
from ..registry import Record


def is_hook(record: Record, kind: str) -> bool:
    name = text(record, "hook_event_name")
    return name.startswith(("Before", "After")) or (bool(name) and "/.gemini/" in text(record, "transcript_path"))


def is_document(head: bytes) -> bool:
    """Older versions keep a session as one document."""
    return b'"projectHash"' in head


def is_stream(record: Record, kind: str) -> bool:
    return {
        "init": "session_id" in record,
        "message": "role" in record and isinstance(record.get("content"), str),
        "tool_use": "tool_name" in record,
        "tool_result": "tool_id" in record,
        "result": "status" in record and ("stats" in record or "error" in record),
        "error": "severity" in record,
    }.get(kind, False)


def is_session(record: Record, kind: str) -> bool:
    return "projectHash" in record or ("$set" in record and not kind)
