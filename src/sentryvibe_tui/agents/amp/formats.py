"""The sign of Amp's stream: Claude Code's shape, with its own ids of threads."""

from __future__ import annotations

from ..common.values import text
from ..registry import Record

_KINDS = frozenset({"system", "user", "assistant", "result"})


def is_stream(record: Record, kind: str) -> bool:
    return kind in _KINDS and text(record, "session_id").startswith("T-")
