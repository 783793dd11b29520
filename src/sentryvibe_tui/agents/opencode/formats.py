"""Signs of opencode's formats: what only a record of theirs has."""

from __future__ import annotations

from ..common.values import obj, text
from ..registry import Record


def is_run(record: Record, kind: str) -> bool:
    return "sessionID" in record and ("part" in record or kind in ("error", "done"))


def is_serve(record: Record, kind: str) -> bool:
    inner = obj(record, "payload") or record
    return "properties" in inner and "." in text(inner, "type")


def is_parts(record: Record, kind: str) -> bool:
    return bool(kind) and "_role" in record
