"""Signs of Copilot CLI's events: what only a record of theirs has."""

from __future__ import annotations

from ..registry import Record


def is_event(record: Record, kind: str) -> bool:
    """The same envelope in its session files and in `--output-format json`."""
    return "." in kind and "parentId" in record and "timestamp" in record and isinstance(record.get("data"), dict)
