"""How a turn of Gemini CLI ends
(docs/agents.md#gemini-cli). No record says that it is over: an answer without calls looks so."""

from __future__ import annotations

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, text

_CANCELLED = "Request cancelled."


class GeminiTurn(TurnTracker):
    """Reads messages, each again whenever it grew. `said`: the words in it."""

    def read(self, message: Record, content: str) -> None:
        kind = text(message, "type")
        if kind == "user":
            self.goes_on()
        elif kind == "error":
            self.over(message, TurnEnd("failed", content))
        elif kind in ("info", "warning") and content.startswith(_CANCELLED):
            self.over(message, TurnEnd("interrupted", "cancelled by the user"))
        elif kind in ("gemini", "model", "assistant"):
            if content and not message.get("toolCalls"):
                self.over(message, TurnEnd("completed", certain=False))
            else:
                self.goes_on()
