"""Summaries in JSON: what a list, the builds feed and a store's rows hold. Rows of version 0.1 are read as well."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ..model.activity import Activity
from ..model.summary import BuildSummary, open_request
from .activity import WireActivity, WireRequest, activity_of, request_of
from .json import decode, encode
from .times import Time, millis

_STATUSES = frozenset({"active", "completed", "failed", "cancelled", "interrupted"})
_decoder = msgspec.json.Decoder(BuildSummary)


def encode_summary(summary: BuildSummary) -> bytes:
    return encode(summary)


def decode_summary(encoded: bytes | Raw) -> BuildSummary:
    """Also of an older server or store, or one that knows other words. Raises BadJson."""
    try:
        row = _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        row = _tolerant(decode(bytes(encoded), _Row))
    return row if row.activity != Activity() else replace(row, activity=_of_status(row))


_TIMES = ("now_since", "started_at", "ended_at", "last_event_at")
_OTHERS: dict[str, tuple[Any, Any]] = {
    "status": (str, "active"),
    "activity": (WireActivity | None, None),
    "requests": (list[WireRequest], []),
    **dict.fromkeys(_TIMES, (Time, None)),
}
"""Type and default of the members that other versions write in another way, or not at all."""
_Row = msgspec.defstruct(
    "_Row",
    [
        (field.name, *_OTHERS.get(field.name, (field.type, "" if field.required else field.default)))
        for field in msgspec.structs.fields(BuildSummary)
    ],
    frozen=True,
    rename="camel",
)


def _tolerant(row: Any) -> BuildSummary:
    fields: dict[str, Any] = {name: getattr(row, name) for name in BuildSummary.__struct_fields__}
    fields |= {name: millis(fields[name]) for name in _TIMES}
    fields["status"] = row.status if row.status in _STATUSES else "active"
    fields["activity"] = activity_of(row.activity) if row.activity else Activity()
    fields["requests"] = tuple(open_request(request_of(one)) for one in row.requests)
    return BuildSummary(**fields)


def _of_status(row: BuildSummary) -> Activity:
    """What follows from the status, where a row says no more."""
    if row.is_active:
        return Activity("working", row.started_at)
    return Activity("ended", row.ended_at or row.last_event_at)
