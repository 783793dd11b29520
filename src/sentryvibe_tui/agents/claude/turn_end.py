"""How a turn of Claude Code ends (docs/agents.md#claude-code-session-files)."""

from __future__ import annotations

from msgspec.structs import replace

from ..common.turn_end import TurnEnd, TurnTracker
from ..common.values import Record, obj, objects, text, time
from .background import is_notification
from .limits import CONTINUE, OPTIONS, WORDS, limit_in
from .messages import is_local_command, is_picture, prompt_words, words

INTERRUPTED = "[Request interrupted by user"

_STOPPED = {
    "refusal": "the model refused to go on",
    "max_tokens": "the answer was longer than the model's limit",
    "model_context_window_exceeded": "the conversation is longer than the model's context",
}
"""Why a model stopped without having finished."""
_LEAVING = ("/exit", "/quit")


class ClaudeTurn(TurnTracker):
    """Reads the records of the conversation itself, not those of subagents."""

    def __init__(self) -> None:
        super().__init__()
        self._reasons = _Reasons()
        self._open: set[str] = set()
        self._has_answer = False

    def read(self, record: Record) -> None:
        kind, message = text(record, "type"), obj(record, "message")
        if kind == "assistant":
            self._assistant(record, message)
        elif kind == "user" and self.end is not None and self.end.waits and words(message) == CONTINUE:
            self.goes_on()
        elif kind == "user" and not any(record.get(key) is True for key in _META_FLAGS):
            self._user(record, message)
        elif text(record, "subtype") in _OVER and not self._is_certain and self._has_answer:
            self.over(record, self._completed(text(record, "subtype") == "turn_duration"))

    def _assistant(self, record: Record, message: Record) -> None:
        self._has_answer = True
        blocks = objects(message, "content")
        self._open |= {text(block, "id") for block in blocks if text(block, "type") == "tool_use"}
        stop = text(message, "stop_reason")
        self._reasons.stopped(record, message)
        if record.get("isApiErrorMessage") is True:
            self.over(record, _failed(record, words(message)))
        elif stop in _STOPPED:
            self.over(record, TurnEnd("failed", _STOPPED[stop]))
        elif stop in ("end_turn", "stop_sequence") and any(text(block, "type") != "thinking" for block in blocks):
            self.over(record, self._completed(True))
        elif self._reasons.are_missing and not self._open and blocks and text(blocks[-1], "type") == "text":
            self.over(record, TurnEnd("completed", certain=False))
        else:
            self.goes_on()

    @property
    def _is_certain(self) -> bool:
        return self.end is not None and self.end.certain

    def _completed(self, certain: bool) -> TurnEnd:
        """A call without its result may go on, whatever is said of the turn."""
        return TurnEnd("completed", certain=certain and not self._open)

    def _user(self, record: Record, message: Record) -> None:
        """A prompt or a result: the model is at it again. What the program itself writes there says nothing."""
        results = [block for block in objects(message, "content") if text(block, "type").endswith("tool_result")]
        self._open -= {text(block, "tool_use_id") for block in results}
        prompt = words(message)
        self._reasons.answered(bool(results))
        if prompt.startswith(INTERRUPTED):
            self._open.clear()
            self.over(record, TurnEnd("interrupted", "interrupted by the user"))
        elif results or prompt_words(prompt) or is_notification(prompt) or is_picture(message):
            self._has_answer = False
            self.goes_on()
        elif is_local_command(prompt, _LEAVING) and self.end is None:
            self.over(record, TurnEnd("interrupted", "the user left"))
        elif is_local_command(prompt, (*_LEAVING, *OPTIONS)) and self.end is not None:
            self.end = replace(self.end, waits="", until=None)


def _failed(record: Record, reason: str) -> TurnEnd:
    limit = limit_in(record, reason, time(record))
    return TurnEnd("failed", reason) if limit is None else TurnEnd("failed", reason, waits=WORDS, until=limit.until)


_META_FLAGS = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly")
_OVER = ("turn_duration", "stop_hook_summary")


class _Reasons:
    """Whether the program that wrote a session leaves out why its messages stopped: up to 2.1.37 it does so of most.

    Where the version does not say so, another message does: one without a reason, whose calls were carried out, before
    the next. Without a version, reasons that are nowhere are left out, unless the message has come in pieces.
    """

    def __init__(self) -> None:
        self.are_missing = False
        """Of the latest message: it has none, which does not say that it goes on."""
        self._are_left_out = self._are_told = False
        self._message, self._pieces = "", 0
        self._is_bare = False
        """The latest message has none so far, and was not cut."""
        self._has_results = False

    def stopped(self, record: Record, message: Record) -> None:
        if record.get("isApiErrorMessage") is True:
            return
        if not self._message or text(message, "id") != self._message:
            self._are_left_out = self._are_left_out or (self._is_bare and self._has_results)
            self._message, self._pieces, self._is_bare, self._has_results = text(message, "id"), 0, True, False
        is_told = bool(text(message, "stop_reason"))
        self._pieces += 1
        self._is_bare = self._is_bare and not is_told
        self._are_told = self._are_told or is_told
        version = _version(text(record, "version"))
        is_old = version <= _LEFT_OUT if version else not self._are_told and self._pieces == 1
        self.are_missing = not is_told and (is_old or self._are_left_out)

    def answered(self, by_results: bool) -> None:
        self._has_results = by_results
        self._is_bare = self._is_bare and by_results


_LEFT_OUT = (2, 1, 37)


def _version(text: str) -> tuple[int, ...]:
    """() for what is none."""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()
