"""Signs of Claude Code's formats: what only a record of theirs has."""

from __future__ import annotations

from ..common.values import obj, text
from ..registry import Record


def is_stream(record: Record, kind: str) -> bool:
    """Others took the shape over: their sessions have other ids, or their beginning lacks what Claude Code's has."""
    if "sessionId" in record or text(record, "session_id").startswith(_OF_AMP):
        return False
    if kind == "system":
        return _is_beginning(record) if text(record, "subtype") in ("init", "session_start") else "uuid" in record
    if kind in ("assistant", "user", "stream_event"):
        return "parent_tool_use_id" in record
    if kind == "rate_limit_event":
        return "rate_limit_info" in record
    return kind == "result" and "subtype" in record and "num_turns" in record


def _is_beginning(record: Record) -> bool:
    """Early versions do not tell theirs."""
    if "claude_code_version" in record:
        return True
    has_version = any(key.endswith("_version") for key in record)
    return not has_version and "tools" in record and bool(record.keys() & {"mcp_servers", "permissionMode"})


_OF_AMP = "T-"


def is_session(record: Record, kind: str) -> bool:
    if "systemPayload" in record or "parts" in obj(record, "message"):  # Qwen Code's
        return False
    if kind in ("assistant", "user", "system"):
        return "sessionId" in record and ("uuid" in record or "message" in record)
    if kind == "summary":
        return "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record
    return "sessionId" in record and kind in _SESSION_ONLY


_SESSION_ONLY = frozenset(
    {
        "permission-mode",
        "mode",
        "queue-operation",
        "attachment",
        "progress",
        "last-prompt",
        "ai-title",
        "custom-title",
        "agent-name",
        "agent-setting",
        "atis-latch",
        "pr-link",
        "bridge-session",
    }
)


def is_hook(record: Record, kind: str) -> bool:
    """Codex' payloads, and those of others who took the shape over, look the same."""
    return "hook_event_name" in record
