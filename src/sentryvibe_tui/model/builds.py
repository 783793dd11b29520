"""How the beginning and the end of a build or a turn change its state. `turns` decides when they are."""

from __future__ import annotations

from msgspec.structs import replace

from .activity import OVER, Activity, Turn
from .calls import with_calls_again, without_calls
from .facts import BuildEnded, TurnEnded
from .requests import is_in_background
from .state import Agent, BuildState, Millis
from .updates import BuildBegan


def apply_began(state: BuildState, update: BuildBegan, at: Millis) -> BuildState:
    if state.id == update.build_id:
        state = with_calls_again(state) if state.activity.source == "silence" else state
        activity = Activity("working", at) if state.activity.kind in OVER else state.activity
        return replace(state, status="active", ended_at=None, error="", activity=activity)
    return BuildState(
        id=update.build_id,
        project_id=update.project_id,
        session_id=update.session_id,
        started_at=at,
        agent=Agent(project_name=state.agent.project_name),
    )


def apply_ended(state: BuildState, update: BuildEnded, at: Millis) -> BuildState:
    state = without_calls(state, state.open_tools, at)
    return replace(
        state,
        status=update.outcome,
        ended_at=at,
        summary=update.summary or state.summary,
        error=update.error or state.error,
        requests=(),
        turn=None,
    )


def apply_turn_ended(state: BuildState, update: TurnEnded, at: Millis) -> BuildState:
    state = without_calls(state, state.open_tools - state.in_background, at)
    requests = tuple(one for one in state.requests if is_in_background(state, one))
    return replace(state, requests=requests, turn=Turn(update.outcome, update.summary, update.error))
