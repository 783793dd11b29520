"""A hook's payload as a record: bounded in what it takes to look at, and decoded beside the event loop if that is much.

A few bytes make an object or a list that takes a hundred times as many in memory, and each has to be looked at for
secrets. A field that has too many values inside gives its place to words that say so; the rest of the payload counts.
"""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Raw

from ..errors import BadJson
from ..wire.json import decode, has_more_values

MOST_VALUES = 50_000
"""Values inside of one field."""
MOST_IN_ALL = 1_000_000
"""Values inside of a payload: only to find its fields among more takes too long."""
LIGHT_VALUES = 1_000
LIGHT_BYTES = 64 * 1024

Payload = dict[str, Any]


def is_light(payload: bytes) -> bool:
    """Whether others need not wait long while it is worked on in the event loop."""
    return len(payload) <= LIGHT_BYTES and not has_more_values(payload, LIGHT_VALUES)


async def read_record(payload: bytes) -> Payload:
    """Raises BadJson."""
    return decode(payload, Payload) if is_light(payload) else await asyncio.to_thread(bounded_record, payload)


def bounded_record(payload: bytes) -> Payload:
    """Raises BadJson."""
    if has_more_values(payload, MOST_IN_ALL):
        raise BadJson(f"more than {MOST_IN_ALL} values")
    return {name: _bounded(bytes(value)) for name, value in decode(payload, dict[str, Raw]).items()}


def _bounded(value: bytes) -> Any:
    if has_more_values(value, MOST_VALUES):
        return f"<{len(value)} bytes of JSON with more than {MOST_VALUES} values>"
    return decode(value, Any)  # type: ignore[arg-type]
