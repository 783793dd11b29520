"""Which format an input is in, told by its first lines."""

from __future__ import annotations

from collections.abc import Callable

from .claude_session import ClaudeSession
from .claude_stream import ClaudeStream
from .lines import MAX_LINE, JsonLines
from .reading import Counts, Reader, Reported
from .values import Record, obj, text

LOOK_AHEAD = 1024 * 1024
"""Bytes within which an input must show what it is."""


class UnknownFormat(ValueError):
    """The input is in no format that is known; the message says what was seen."""


def _is_claude_stream(record: Record, kind: str) -> bool:
    if kind in ("assistant", "user", "system", "stream_event", "rate_limit_event"):
        return "session_id" in record or "parent_tool_use_id" in record
    return kind == "result" and "subtype" in record and "num_turns" in record


def _is_claude_session(record: Record, kind: str) -> bool:
    if kind in ("assistant", "user", "system"):
        return "sessionId" in record and "uuid" in record
    if kind == "summary":
        return "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record
    return "sessionId" in record and kind in _SESSION_ONLY


_SESSION_ONLY = frozenset(
    {
        "permission-mode",
        "mode",
        "queue-operation",
        "attachment",
        "progress",
        "last-prompt",
        "ai-title",
        "custom-title",
        "agent-name",
        "agent-setting",
        "atis-latch",
        "pr-link",
        "bridge-session",
    }
)

_SIGNS: dict[str, Callable[[Record, str], bool]] = {
    "claude-stream": _is_claude_stream,
    "claude-session": _is_claude_session,
}

READERS: dict[str, Callable[[], Reader]] = {
    "claude-stream": ClaudeStream,
    "claude-session": ClaudeSession,
    "auto": lambda: AutoReader(""),
    "claude": lambda: AutoReader("claude"),
}
"""By the name that `--format` takes. A family's name decides between its formats by itself."""


def format_of(record: Record, family: str = "") -> str:
    """The format that one record gives away; "" when it could belong to several or to none."""
    kind = text(record, "type")
    names = (name for name in _SIGNS if name.startswith(family))
    return next((name for name in names if _SIGNS[name](record, kind)), "")


def detect(head: bytes, family: str = "") -> str:
    """The format's name in READERS. Raises UnknownFormat, which says what was seen instead."""
    seen: list[str] = []
    lines = JsonLines(Counts())
    for record in (*lines.feed(head), *lines.finish()):
        found = format_of(record, family)
        if found:
            return found
        seen.append(_shown(record))
    raise UnknownFormat(_refusal(head, seen, family))


def _shown(record: Record) -> str:
    kind = text(record, "type") or text(obj(record, "msg"), "type")
    return f"type {kind[:40]!r}" if kind else "an object with " + ", ".join(repr(key[:20]) for key in list(record)[:5])


def _refusal(head: bytes, seen: list[str], family: str) -> str:
    known = ", ".join(name for name in _SIGNS if name.startswith(family))
    if seen:
        what = "its first records are " + "; ".join(dict.fromkeys(seen[:20]))
    elif head.strip():
        what = f"its first line is no JSON: {head.strip().splitlines()[0][:80].decode('utf-8', 'replace')!r}"
    else:
        what = "it is empty"
    return f"cannot tell the format of the input: {what}. Known formats: {known}"


class AutoReader:
    """A reader that finds out the format from what it is fed, then hands over. `family`: only formats of that name."""

    def __init__(self, family: str = "") -> None:
        self.counts = Counts()
        self.format = ""
        self._family = family
        self._held = b""
        self._reader: Reader | None = None

    def feed(self, data: bytes) -> list[Reported]:
        """Raises UnknownFormat once LOOK_AHEAD bytes gave nothing away."""
        if self._reader is not None:
            return self._reader.feed(data)
        self._held += data
        if b"\n" not in data and len(self._held) <= MAX_LINE:
            return []
        whole, _, _ = self._held.rpartition(b"\n")
        try:
            return self._decided(detect(whole, self._family))
        except UnknownFormat:
            if len(whole) > LOOK_AHEAD or len(self._held) > MAX_LINE:
                raise
            return []

    def finish(self) -> list[Reported]:
        """Raises UnknownFormat when the input ended without giving its format away."""
        reports: list[Reported] = []
        if self._reader is None:
            reports = self._decided(detect(self._held, self._family))
        return reports + (self._reader.finish() if self._reader is not None else [])

    def _decided(self, name: str) -> list[Reported]:
        self.format = name
        self._reader = READERS[name]()
        self.counts = self._reader.counts
        held, self._held = self._held, b""
        return self._reader.feed(held)
