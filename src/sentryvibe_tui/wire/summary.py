"""Summaries in JSON: what a list, the builds feed and a store's rows hold. Rows of version 0.1 are read as well."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from ..model.activity import Activity
from ..model.summary import BuildSummary, open_request
from .activity import WireActivity, WireRequest, activity_of, request_of
from .base import Wire
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


class _Row(Wire, frozen=True, omit_defaults=False):
    """The members of `BuildSummary`, some of which other versions write in another way."""

    project_id: str = ""
    session_id: str = ""
    build_id: str = ""
    project_name: str = ""
    status: str = "active"
    activity: WireActivity | None = None
    requests: list[WireRequest] = []
    agent_id: str = ""
    model: str = ""
    title: str = ""
    todo: str = ""
    now: str = ""
    now_since: Time = None
    todos_done: int = 0
    todos_total: int = 0
    tools: int = 0
    errors: int = 0
    error: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cost_usd: float | None = None
    cost_estimated: bool = False
    unpriced: str = ""
    context_percent: float | None = None
    branch: str = ""
    cwd: str = ""
    host: str = ""
    pane: str = ""
    started_at: Time = None
    ended_at: Time = None
    last_event_at: Time = None
    version: int = 0
    damaged: str = ""
    open_calls: int = 0
    usual_ms: int | None = None
    p95_ms: int | None = None


_TIMES = ("now_since", "started_at", "ended_at", "last_event_at")


def _tolerant(row: _Row) -> BuildSummary:
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
