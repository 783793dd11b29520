"""The sign of pi's sessions: what only their first line has."""

from __future__ import annotations

from ..common.values import text
from ..registry import Record


def is_session(record: Record, kind: str) -> bool:
    """The same first line in its files and in `--mode json`; entries of a file stand in a tree."""
    if kind == "session":
        return "cwd" in record and bool(text(record, "id"))
    return kind == "message" and "parentId" in record and isinstance(record.get("message"), dict)
