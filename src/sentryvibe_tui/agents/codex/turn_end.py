"""How a turn of Codex ends (docs/agents.md#codex-rollouts)."""

from __future__ import annotations

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, flat, obj, objects, text
from .messages import prompt_words, said_plainly

STARTS = ("task_started", "turn_started")
ENDS = ("task_complete", "turn_complete")


class CodexTurn(TurnTracker):
    """A turn that was begun by a record ends with one. In early files, which have neither, an answer looks like it."""

    def __init__(self) -> None:
        super().__init__()
        self._has_marks = False
        self._failure: TurnEnd | None = None

    def read(self, record: Record, payload: Record) -> None:
        kind = text(payload, "type")
        if kind in STARTS:
            self._has_marks, self._failure = True, None
            self.goes_on()
        elif kind in ENDS:
            self.over(record, self._ended(payload))
        elif kind == "turn_aborted":
            self.over(record, TurnEnd("interrupted", f"turn aborted: {text(payload, 'reason') or 'no reason given'}"))
        elif kind == "error":
            self._failure = _failed(payload)
            self.over(record, self._failure)
        elif kind == "message":
            self._message(record, payload)
        elif kind in _CALLS or (kind in _RESULTS and not self._is_closed):
            self.goes_on()

    def _ended(self, payload: Record) -> TurnEnd:
        """Today's end names the error itself; an error of its own may only have been a retry's, if an answer came."""
        answer = text(payload, "last_agent_message")
        if error := obj(payload, "error"):
            return _failed(error)
        return self._failure if self._failure is not None and not answer else TurnEnd("completed", summary=answer)

    @property
    def _is_closed(self) -> bool:
        """What still comes of a turn that a record ended is no new one."""
        return self._has_marks and self.end is not None

    def _message(self, record: Record, payload: Record) -> None:
        """What the program itself says to the model in a person's place is no prompt."""
        if text(payload, "role") == "assistant":
            if not self._has_marks:
                self.over(record, TurnEnd("completed", certain=False))
        elif any(
            isinstance(part := flat([block]), str) and prompt_words(part) for block in objects(payload, "content")
        ):
            self.goes_on()


def _failed(error: Record) -> TurnEnd:
    return TurnEnd("failed", said_plainly(text(error, "message")) or "error")


_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"})
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output", "reasoning"})
