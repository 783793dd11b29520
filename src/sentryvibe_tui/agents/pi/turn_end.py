"""How a turn of pi ends: each answer of the model says why it stopped."""

from __future__ import annotations

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, text


class PiTurn(TurnTracker):
    """Reads messages. An error may be followed by another try: it looks like an end."""

    def read(self, record: Record, message: Record) -> None:
        role, stopped = text(message, "role"), text(message, "stopReason")
        if role in ("user", "toolResult"):
            self.goes_on()
        elif role != "assistant":
            return
        elif stopped == "stop":
            self.over(record, TurnEnd("completed"))
        elif stopped == "length":
            self.over(record, TurnEnd("failed", "the model was cut at its token limit"))
        elif stopped == "aborted":
            self.over(record, TurnEnd("interrupted", text(message, "errorMessage") or "interrupted by the user"))
        elif stopped == "error":
            self.over(record, TurnEnd("failed", text(message, "errorMessage") or "error", certain=False))
        else:
            self.goes_on()
