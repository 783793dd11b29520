"""Signs of Claude Code's formats: what only a record of theirs has."""

from __future__ import annotations

from ..registry import Record


def is_stream(record: Record, kind: str) -> bool:
    if kind in ("assistant", "user", "system", "stream_event", "rate_limit_event"):
        return ("session_id" in record or "parent_tool_use_id" in record) and "sessionId" not in record
    return kind == "result" and "subtype" in record and "num_turns" in record


def is_session(record: Record, kind: str) -> bool:
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
