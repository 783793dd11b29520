"""Signs of Codex' formats: what only a record of theirs has."""

from __future__ import annotations

from ..common.values import text
from ..registry import Record


def is_hook(record: Record, kind: str) -> bool:
    return "hook_event_name" in record and "/.codex/" in text(record, "transcript_path")


def is_exec(record: Record, kind: str) -> bool:
    if "msg" in record and "id" in record:
        return True
    return (kind == "session.created" and "properties" not in record) or kind.startswith(("thread.", "turn.", "item."))


def is_rollout(record: Record, kind: str) -> bool:
    if kind in ("session_meta", "response_item", "event_msg", "turn_context", "compacted", "world_state"):
        return "payload" in record
    if kind in ("message", "reasoning"):  # without an envelope, as in early files
        return isinstance(record.get("content" if kind == "message" else "summary"), list)
    if kind in ("function_call", "function_call_output", "local_shell_call", "custom_tool_call"):
        return "call_id" in record
    return "record_type" in record or {"id", "timestamp", "instructions"} <= record.keys()
