"""The sign of the Agent Client Protocol: JSON-RPC with its methods."""

from __future__ import annotations

from ..common.values import obj, text
from ..registry import Record

_METHODS = ("session/", "fs/", "terminal/", "elicitation/")


def is_wire(record: Record, kind: str) -> bool:
    method = text(record, "method")
    return "jsonrpc" in record and (
        method.startswith(_METHODS)
        or (method == "initialize" and isinstance(obj(record, "params").get("protocolVersion"), int))
    )
