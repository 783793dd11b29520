"""Words of a fixed set in JSON, ours and those of agents and original servers; what is unknown is the plainest one."""

from __future__ import annotations

from typing import cast

from ..model.state import Level, NoteKind, Outcome, Phase, TodoStatus, ToolState

_TODO_STATUS: dict[str, TodoStatus] = {
    "pending": "pending",
    "open": "pending",
    "blocked": "pending",
    "in_progress": "in_progress",
    "in-progress": "in_progress",
    "active": "in_progress",
    "completed": "completed",
    "done": "completed",
    "closed": "completed",
    "cancelled": "completed",
}
_TOOL_STATES = frozenset({"input-streaming", "input-available", "output-available", "error", "interrupted"})
_OLD_TOOL_STATES = {"output-error": "error", "executing": "input-available", "complete": "output-available"}
_OUTCOMES = frozenset({"completed", "failed", "cancelled", "interrupted"})
_KINDS = frozenset({"text", "reasoning", "notice", "prompt"})
_LEVELS = frozenset({"info", "warning", "error"})


def status_of(text: str) -> TodoStatus:
    """A todo's status in any agent's spelling; what is unknown is pending."""
    return _TODO_STATUS.get(text, "pending")


def phase_of(text: str | None) -> Phase:
    return "template" if text == "template" else "build"


def wire_phase(phase: Phase) -> str | None:
    """None for the build itself, which need not be said."""
    return "template" if phase == "template" else None


def tool_state_of(text: str) -> ToolState:
    state = text if text in _TOOL_STATES else _OLD_TOOL_STATES.get(text, "input-available")
    return cast(ToolState, state)


def outcome_of(text: str | None) -> Outcome:
    """How a build ended, in any server's spelling; what is unknown is failed."""
    if text == "canceled":
        return "cancelled"
    return cast(Outcome, text) if text in _OUTCOMES else "failed"


def note_kind(text: str | None) -> NoteKind:
    return cast(NoteKind, text) if text in _KINDS else "text"


def wire_kind(kind: NoteKind) -> str | None:
    """None for plain text, which need not be said."""
    return None if kind == "text" else kind


def level_of(text: str | None) -> Level:
    return cast(Level, text) if text in _LEVELS else "info"


def wire_level(level: Level) -> str | None:
    """None for what is only told."""
    return None if level == "info" else level
