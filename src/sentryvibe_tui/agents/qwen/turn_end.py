"""How a turn of Qwen Code ends: an answer of the model that asks for no calls is its last one."""

from __future__ import annotations

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, obj, objects, text

_LEAVING = ("/quit", "/exit")


class QwenTurn(TurnTracker):
    """Reads the records of the session itself."""

    def read(self, record: Record) -> None:
        kind, subtype, payload = text(record, "type"), text(record, "subtype"), obj(record, "systemPayload")
        if kind in ("user", "tool_result"):
            self.goes_on()
        elif kind == "assistant":
            parts = objects(obj(record, "message"), "parts")
            if any("functionCall" in part for part in parts):
                self.goes_on()
            elif any(text(part, "text") and part.get("thought") is not True for part in parts):
                self.over(record, TurnEnd("completed"))
        elif subtype == "turn_result":
            self._settled(record, text(payload, "state"), text(obj(payload, "error"), "message"))
        elif subtype == "slash_command" and text(payload, "rawCommand").startswith(_LEAVING) and self.end is None:
            self.over(record, TurnEnd("interrupted", "the user left"))

    def _settled(self, record: Record, state: str, error: str) -> None:
        if state == "completed":
            self.over(record, TurnEnd("completed"))
        elif state == "cancelled":
            self.over(record, TurnEnd("interrupted", "cancelled by the user"))
        elif state == "error":
            self.over(record, TurnEnd("failed", error or "error"))
