"""How a turn of Copilot CLI ends: the model's own turn ends after an answer that asks for no calls
(docs/agents.md#github-copilot-cli)."""

from __future__ import annotations

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, as_list, obj, text


class CopilotTurn(TurnTracker):
    """Reads events of the agent itself; those of its subagents say nothing about its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._asks = False
        self._error = ""

    def read(self, record: Record) -> None:
        if text(record, "agentId"):
            return
        kind, data = text(record, "type"), obj(record, "data")
        if kind in ("user.message", "assistant.turn_start"):
            self._asks, self._error = False, ""
            self.goes_on()
        elif kind == "assistant.message":
            self._asks = bool(as_list(data.get("toolRequests")))
        elif kind == "session.error":
            self._error = text(data, "message") or "error"
            self.over(record, TurnEnd("failed", self._error))
        elif kind == "abort":
            self.over(record, TurnEnd("interrupted", "interrupted by the user"))
        elif (kind == "assistant.turn_end" and not self._asks) or kind in ("assistant.idle", "session.idle"):
            self._completed(record)
        elif kind == "session.shutdown" and self.end is None:
            self.over(record, _left(data))

    def _completed(self, record: Record) -> None:
        if self.end is None and not self._error:
            self.over(record, TurnEnd("completed"))


def _left(data: Record) -> TurnEnd:
    """The program ended within a turn."""
    reason = text(data, "errorReason")
    failed = text(data, "shutdownType") == "error"
    return TurnEnd("failed", reason or "the program failed") if failed else TurnEnd("interrupted", "the user left")
