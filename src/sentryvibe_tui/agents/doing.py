"""What an agent does or did last, in the words of the screen's NOW row; a build's summary with them."""

from __future__ import annotations

from itertools import islice

from msgspec import Struct

from ..model.progress import active
from ..model.state import BuildState, Millis, Note, ToolCall
from ..model.summary import BuildKey, BuildSummary, Doing, summarized
from ..model.text import clean_line
from .kinds import verb_of
from .subject import Subject, error_line, first_line, subject

NEAR = 64
"""Items of the timeline up to which the last call and the last words are looked for."""
LIMIT = 200
"""Characters of what is said."""
COMPARED = 256
"""Latest items of the timeline among which calls like the present one are looked for."""
RETRY = "API retry"
"""How readers begin the notice that the model is asked again."""
ENOUGH = 5
"""Calls of a kind from which their times tell what is usual."""


class CallUnderWay(Struct, frozen=True):
    """The call that began last of those under way, its line, and how many others there are."""

    call: ToolCall
    subject: Subject
    others: int = 0


def call_under_way(state: BuildState) -> CallUnderWay | None:
    calls = [call for ident in state.open_tools if (call := state.tool(ident)) is not None]
    last = max(calls, key=lambda call: (call.started_at or 0, call.id), default=None)
    return None if last is None else CallUnderWay(last, subject(last, state.agent.cwd), len(calls) - 1)


def todo_words(state: BuildState) -> str:
    """The step that the agent is at; "" when it is at none."""
    todo = active(state)
    return "" if todo is None else clean_line(todo.active_form or todo.content)


def pause_words(state: BuildState) -> str:
    """What it does while no call is under way. A model that did not answer is asked again until something follows."""
    last = state.timeline[len(state.timeline) - 1] if state.timeline else None
    if isinstance(last, Note) and last.kind == "notice" and last.text.startswith(RETRY):
        return clean_line(first_line(last.text), LIMIT)
    return "thinking" if state.tool_count else "getting started"


def end_words(state: BuildState) -> str:
    """How it ended, in the agent's own words or those of the failure."""
    return first_line(state.error if state.status == "failed" else state.summary)


def doing(state: BuildState, before: BuildSummary | None = None) -> Doing:
    """`before`: the summary of an earlier state of the build; what has not changed is not looked for again."""
    error = _error(state, before)
    if state.is_active and state.activity.kind == "working":
        call = call_under_way(state)
        if call is None:
            return Doing(todo_words(state), pause_words(state), state.last_event_at, error)
        more = f" +{call.others} more" if call.others else ""
        now = clean_line(f"{call.subject.verb} {call.subject.text}", LIMIT) + more
        usual, p95 = _usual(state, call.call, now, before)
        return Doing(todo_words(state), now, call.call.started_at, error, call.others + 1, usual, p95)
    if state.is_active and state.activity.kind != "idle":
        return Doing(todo_words(state), clean_line(state.activity.what, LIMIT), state.activity.since, error)
    said = clean_line(end_words(state), LIMIT) or _last(state)
    return Doing("", said, state.ended_at or state.last_event_at, error)


def summary_of(state: BuildState, before: BuildSummary | None = None, key: BuildKey | None = None) -> BuildSummary:
    """What a list says of a build in `state`. `before`: as in `doing`; `key`: where it is kept."""
    return summarized(state, doing(state, before), key)


def _usual(
    state: BuildState, call: ToolCall, now: str, before: BuildSummary | None
) -> tuple[Millis | None, Millis | None]:
    """`usual_times`, looked for once for a call."""
    if before is not None and (before.now_since, before.now) == (call.started_at, now):
        return before.usual_ms, before.p95_ms
    return usual_times(state, call) or (None, None)


def usual_times(state: BuildState, call: ToolCall) -> tuple[Millis, Millis] | None:
    """Half and 95 of 100 of the latest calls of that verb ended within so many milliseconds; None for too few."""
    verb = verb_of(call.name)
    latest = (state.timeline[at] for at in islice(reversed(range(len(state.timeline))), COMPARED))
    took = sorted(
        item.ended_at - item.started_at
        for item in latest
        if isinstance(item, ToolCall) and verb_of(item.name) == verb
        and item.started_at is not None and item.ended_at is not None
    )  # fmt: skip
    if len(took) < ENOUGH:
        return None
    return took[(len(took) - 1) // 2], took[(len(took) * 95 + 99) // 100 - 1]


def _last(state: BuildState) -> str:
    """The words or the call that came last, by their own times: sources of one session are not equally fast."""
    near = (state.timeline[at] for at in islice(reversed(range(len(state.timeline))), NEAR))
    item = max((item for item in near if isinstance(item, ToolCall) or _is_said(item)), key=_at, default=None)
    if item is None:
        return ""
    text = first_line(item.text) if isinstance(item, Note) else str(subject(item, state.agent.cwd))
    return clean_line(text, LIMIT)


def _is_said(note: Note) -> bool:
    return note.kind == "text" and not note.parent_id and bool(note.text.strip())


def _at(item: ToolCall | Note) -> Millis:
    return item.at if isinstance(item, Note) else item.started_at or 0


def _error(state: BuildState, before: BuildSummary | None) -> str:
    if state.status == "failed" and state.error:
        return clean_line(first_line(state.error), LIMIT)
    if not state.error_count:
        return ""
    if before is not None and before.errors == state.error_count and before.status != "failed":
        return before.error
    calls = (state.timeline[at] for at in reversed(range(len(state.timeline))))
    failed = next((item for item in calls if isinstance(item, ToolCall) and item.state == "error"), None)
    return "" if failed is None else clean_line(error_line(failed), LIMIT)
