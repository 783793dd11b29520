"""Events in the spellings of the original runner and of the AI SDK, which we read and never write
(docs/protocol.md#events)."""

from __future__ import annotations

from msgspec import Raw, Struct

from ..model.events import BuildEvent, Ignored, TextAdded, ToolEnded, ToolStarted
from ..model.facts import AgentReported, BuildEnded, Noticed
from ..model.state import Agent
from .events import EventType, ToolEnd, ToolStart, WireOwner, tool_end, tool_error, tool_start
from .facts import End, Notice, words_of
from .form import Form, checked_id_or_none
from .json import ABSENT, decode


class _Message(Struct, frozen=True):
    message: str | None = None


class _Reasoning(WireOwner, frozen=True, kw_only=True):
    id: str = "reasoning"
    message: str | None = None
    delta: str | None = None
    data: _Message | None = None


class _Template(Struct, frozen=True, rename="camel"):
    name: str | None = None
    template_name: str | None = None
    framework: str | None = None


class _Selected(_Template, frozen=True):
    """The template stands beside `type`, or in one of these: original runners write it in several ways."""

    template: Raw = ABSENT
    data: Raw = ABSENT
    payload: Raw = ABSENT


def _reasoning(wire: _Reasoning) -> BuildEvent:
    text = wire.delta or wire.message or (wire.data.message if wire.data else None) or ""
    return TextAdded(checked_id_or_none(wire.id, "id"), text, "reasoning", False, wire.index, wire.parent)


def _selected(wire: _Selected) -> BuildEvent:
    inside = (bytes(part) for part in (wire.template, wire.data, wire.payload))
    inner = next((part for part in inside if part.startswith(b"{")), None)
    chosen = wire if inner is None else decode(inner, _Template)
    name, framework = chosen.name or chosen.template_name or "", chosen.framework or ""
    return AgentReported(Agent(template=f"{name} ({framework})" if name and framework else name or framework))


def _error(wire: Notice) -> BuildEvent:
    return Noticed(wire.message or words_of(wire.error) or words_of(wire.error_text) or "error", "error")


_IGNORED = (
    "finish",
    "start-step",
    "finish-step",
    "text-start",
    "text-end",
    "reasoning-start",
    "reasoning-end",
    "tool-input-delta",
    "message-metadata",
    "result",
    "command_start",
    "command_complete",
    "metadata",
)

DIALECTS = (
    Form(ToolStarted, ("tool-call",), ToolStart, tool_start),
    Form(ToolEnded, ("tool-result",), ToolEnd, tool_end),
    Form(ToolEnded, ("tool-output-error", "tool-input-error", "tool-output-denied"), ToolEnd, tool_error),
    Form(TextAdded, ("reasoning", "reasoning-delta", "data-reasoning"), _Reasoning, _reasoning),
    Form(AgentReported, ("template-selected",), _Selected, _selected),
    Form(Noticed, ("error",), Notice, _error),
    Form(BuildEnded, ("abort",), End, lambda w: BuildEnded("cancelled", "", w.message or "")),
    Form(Ignored, _IGNORED, EventType, lambda w: Ignored(w.type)),
)
