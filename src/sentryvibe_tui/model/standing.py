"""The activity that follows from the rest of a state: what logs and states say that tell of no activity."""

from __future__ import annotations

from msgspec.structs import replace

from .activity import OVER, Activity
from .questions import call_words
from .state import BuildState, Millis


def settled(state: BuildState, at: Millis) -> BuildState:
    """`state` with an activity that does not contradict its status, requests and background calls.

    `at`, epoch milliseconds, is since when, where the state itself does not say.
    """
    activity = _activity(state, at)
    return state if activity is state.activity else replace(state, activity=activity)


def meant_at(state: BuildState) -> Millis:
    """The build of a project that is meant is the latest by this, of those that have not ended, else of all.

    When the agent was last active, or ended; an end that was only guessed is as old as the agent's last sign.
    """
    if state.is_active:
        return state.last_event_at or state.started_at or 0
    guessed = state.activity.source == "silence"
    return (state.worked_at if guessed else state.ended_at) or state.last_event_at or 0


def _activity(state: BuildState, at: Millis) -> Activity:
    now = state.activity
    if not state.is_active:
        return now if now.kind in OVER else Activity("ended", at if state.ended_at is None else state.ended_at)
    if state.requests:
        return _waiting(state, now)
    if state.turn is not None and now.kind != "waiting-machine":
        return Activity("waiting-machine", at, *_background(state))
    if now.kind in ("waiting-person", "ended") or (now.since is None and state.id):
        return Activity("working", at)
    return now


def _waiting(state: BuildState, now: Activity) -> Activity:
    oldest = state.requests[0]
    same = now.kind == "waiting-person" and now.since == oldest.since and now.what == oldest.title
    return now if same else Activity("waiting-person", oldest.since, oldest.title)


def _background(state: BuildState) -> tuple[str, Millis | None]:
    """What runs on after the turn, first begun first, and when the last of it ends if all say so."""
    calls = [call for call in map(state.tool, state.in_background) if call is not None]
    calls.sort(key=lambda call: (call.started_at or 0, call.id))
    if not calls:
        return "", None
    first = calls[0].task or call_words(calls[0])
    ends = [call.until for call in calls if call.until is not None]
    return first if len(calls) == 1 else f"{first} +{len(calls) - 1}", max(ends) if len(ends) == len(calls) else None
