"""Whether a session's last turn has ended, and how: told by the last records of its file (AGENT_FORMATS 3, 6, 7).

Session files have no end of the session; a turn that ended, and nothing after it, is all there is to know.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from ..agents.codex.messages import said_plainly
from ..model.state import Outcome
from ..wire.json import BadJson, decode

TAIL = 256 * 1024
"""Bytes at a file's end within which its last turn must show that it ended."""

Record = dict[str, Any]


class TurnEnd(Struct, frozen=True):
    """How a turn ended; `error` in the agent's words."""

    outcome: Outcome
    error: str = ""


def read_turn_end(path: Path, agent: str) -> TurnEnd | None:
    """How the last turn in a session file ended; None while it goes on, or when the file does not tell."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
    except OSError:
        return None
    if agent == "gemini" and path.suffix == ".json":
        return _whole_gemini(path) if size <= _WHOLE else None
    return turn_end(tail, agent)


_WHOLE = 16 * 1024 * 1024


def turn_end(tail: bytes, agent: str) -> TurnEnd | None:
    """The same of the last bytes of a file. Reads backwards to the first record that decides."""
    decide, is_over = _DECIDE[agent], False
    for line in reversed(tail.split(b"\n")):
        if not line.strip():
            continue
        try:
            record = decode(line, dict[str, Any])
        except BadJson:
            break
        found = decide(record)
        if found is not _OPEN:
            return found or (TurnEnd("completed") if is_over and record.get("type") != "user" else None)
        is_over = is_over or _is_over(record)
    return TurnEnd("completed") if is_over else None


def _is_over(record: Record) -> bool:
    """Records that say that a turn is over, not how: what stands before them does."""
    return record.get("subtype") in _CLAUDE_OVER or _object(record.get("payload")).get("type") in _CODEX_OVER


_CLAUDE_OVER = ("turn_duration", "stop_hook_summary")
_CODEX_OVER = ("task_complete", "turn_complete")

_OPEN = TurnEnd("interrupted", "undecided")
"""A record that says neither way."""


def _claude(record: Record) -> TurnEnd | None:
    kind, message = record.get("type"), _object(record.get("message"))
    if record.get("isSidechain") is True:
        return _OPEN
    if kind == "user":
        interrupted = _words(message).startswith("[Request interrupted by user")
        return TurnEnd("interrupted", "interrupted by the user") if interrupted else _aside(record)
    if kind != "assistant":
        return _OPEN
    if record.get("isApiErrorMessage") is True:
        return TurnEnd("failed", _words(message))
    return TurnEnd("completed") if message.get("stop_reason") in ("end_turn", "stop_sequence") else None


def _aside(record: Record) -> TurnEnd | None:
    """What the machinery writes as a user's message decides nothing."""
    return _OPEN if record.get("isMeta") is True else None


def _codex(record: Record) -> TurnEnd | None:
    payload = _object(record.get("payload")) or record
    kind = payload.get("type")
    if kind in _CODEX_OVER:
        return TurnEnd("completed") if payload.get("last_agent_message") else _OPEN
    if kind == "error":
        return TurnEnd("failed", said_plainly(str(payload.get("message") or "error")))
    if kind == "turn_aborted":
        return TurnEnd("interrupted", f"turn aborted: {payload.get('reason') or 'no reason given'}")
    if kind == "message":
        return TurnEnd("completed") if payload.get("role") == "assistant" else None
    return None if isinstance(kind, str) and kind in _CODEX_AT_WORK else _OPEN


_CODEX_AT_WORK = frozenset(
    {
        "task_started",
        "turn_started",
        "user_message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "local_shell_call",
        "web_search_call",
        "tool_search_call",
        "tool_search_output",
        "reasoning",
    }
)


def _gemini(record: Record) -> TurnEnd | None:
    kind = record.get("type")
    if kind == "user":
        return None
    if kind == "error":
        return TurnEnd("failed", str(record.get("content") or ""))
    if kind != "gemini":
        return _OPEN
    return TurnEnd("completed") if record.get("content") and not record.get("toolCalls") else None


def _whole_gemini(path: Path) -> TurnEnd | None:
    """Older versions keep one JSON document."""
    try:
        messages: object = decode(path.read_bytes(), dict[str, Any]).get("messages")
    except (OSError, BadJson):
        return None
    for record in reversed(cast("list[object]", messages) if isinstance(messages, list) else []):
        found = _gemini(_object(record))
        if found is not _OPEN:
            return found
    return None


_DECIDE: dict[str, Callable[[Record], TurnEnd | None]] = {"claude": _claude, "codex": _codex, "gemini": _gemini}


def _object(value: object) -> Record:
    return cast("Record", value) if isinstance(value, dict) else {}


def _words(message: Record) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    blocks = cast("list[object]", content) if isinstance(content, list) else []
    return "\n".join(str(_object(block).get("text") or "") for block in blocks).strip()
