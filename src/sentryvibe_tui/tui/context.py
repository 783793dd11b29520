"""How everything on the screen is drawn: which glyphs, which clock, which keys."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from ..agents.subject import Subject
from ..model.state import Millis, ToolCall
from ..report.words import UNICODE, Glyphs, Tone, clock, duration, running_time
from .actions import ACTIONS, Action
from .lines import Line, Span, pad

INSTANT = 100
"""Milliseconds below which a call's time says nothing and is left out."""


class RenderContext(Struct, frozen=True):
    """`now` gives epoch milliseconds."""

    now: Callable[[], Millis]
    glyphs: Glyphs = UNICODE
    actions: tuple[Action, ...] = ACTIONS

    def time(self, at: Millis | None) -> Span:
        return clock(at), "faint"

    def call_time(self, tool: ToolCall) -> Span:
        """How long a call took, or takes so far."""
        if tool.started_at is None:
            return "", ""
        if tool.is_open:
            return running_time(self.now() - tool.started_at), "busy"
        took = (tool.ended_at or tool.started_at) - tool.started_at
        return duration(took) if took >= INSTANT else "", "dim"


def right(span: Span, room: int) -> Span:
    text, role = span
    return text.rjust(room), role


def role(tone: Tone) -> str:
    """The role of a tone: they have the same names."""
    return tone


def call(tool: ToolCall, subject: Subject) -> Line:
    """Verb and text of a call."""
    verb = "strong" if tool.is_open else "bad" if tool.state == "error" else "verb"
    return [(pad(subject.verb, VERB) + " ", verb), (subject.text, "" if tool.is_open else "subject")]


VERB = 5
"""Cells that verbs are padded to, so that what they are about lines up."""


def changes(tool: ToolCall, subject: Subject) -> Line:
    """A subject's detail: added lines good, removed ones bad."""
    parts = subject.detail.split(" ")
    if not all(part[:1] in "+-" and part[1:].isdigit() for part in parts):
        return [(subject.detail, "bad" if tool.state == "error" else "dim")]
    spans: Line = []
    for part in parts:
        spans += [(" ", "")] if spans else []
        spans.append((part, "good" if part[0] == "+" else "bad"))
    return spans
