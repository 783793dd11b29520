"""When a turn and a build are over, what brings an ended one back, and whose word counts when sources disagree.

A word of the past undoes nothing: the end that a file tells late, after newer activity, and the activity that it tells
late, after the end, change no state of affairs. Silence ends nothing that a live witness vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from .activity import LIVE, Activity, Outcome, Source, Turn
from .events import (
    ActivityReported,
    BuildEvent,
    BuildStarted,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
)
from .facts import BackgroundMoved, BuildEnded, InputNeeded, RequestOpened, RequestResolved, TurnEnded
from .requests import SKEW, closing, withdrawn, witness_wait
from .state import BuildState, Millis, Note
from .updates import ActivityChanged, BuildBegan, TextChanged, TodosChanged, ToolChanged, Update

_WORK = (ToolChanged, TextChanged, TodosChanged, RequestOpened)


# --------------------------------------------------------------------------- going on


def goes_on(state: BuildState, event: BuildEvent, at: Millis) -> bool:
    """Whether `event` is activity of the agent itself, so that a turn that was over is not."""
    if _is_guess(state) and isinstance(event, BuildStarted):
        return True
    if at < (state.activity.since or 0) and not _is_guess(state):
        return False
    match event:
        case ToolStarted():
            return not _of_background(state, event.id, event.parent_id)
        case ToolEnded():
            known = state.tool(event.id)
            return (known is None or _is_guess(state)) and not _of_background(state, event.id, event.parent_id)
        case TextAdded():
            is_more = _is_guess(state) or state.note(event.id) is None
            return (
                event.kind != "notice"
                and bool(event.text)
                and is_more
                and not _of_background(state, "", event.parent_id)
            )
        case TodosReported():
            return True
        case RequestOpened(request):
            return not _of_background(state, request.tool_call_id, request.parent_id)
        case InputNeeded(message):
            return bool(message)
        case ActivityReported():
            return event.kind in ("working", "waiting-person")
        case _:
            return False


def _is_guess(state: BuildState) -> bool:
    """Whether nobody told the end: the build is taken for interrupted."""
    return state.status == "interrupted" and state.activity.source in ("", "silence")


def _of_background(state: BuildState, call: str, parent: str) -> bool:
    """Whether a call runs (or ran) in the background, or is one of a subagent that does, at any depth."""
    ids: set[str] = set()
    item = state.tool(call)
    if item is None:
        item = state.tool(parent)
    while item is not None and item.id not in ids:
        if item.background:
            return True
        ids.add(item.id)
        item = state.tool(item.parent_id or ("" if len(ids) > 1 else parent))
    return False


def last_work(state: BuildState, updates: Iterable[Update], at: Millis) -> Millis | None:
    """When the agent itself last showed activity, `updates` at `at` taken in."""
    is_work = any(
        isinstance(update, _WORK)
        and not (isinstance(update, ToolChanged) and _of_background(state, update.id, update.parent_id))
        and not (isinstance(update, TextChanged) and _of_background(state, "", update.parent_id))
        for update in updates
    )
    return max(at, state.worked_at or at) if is_work else state.worked_at


def moved(state: BuildState, event: BackgroundMoved, at: Millis) -> Iterator[Update]:
    """A call that is not known to be, or to have been, in the background goes on there."""
    call = state.tool(event.id)
    if call is not None and call.background:
        news = (event.what or call.task, event.until or call.until)
        is_earlier = at < (call.moved_at or 0)
        if not call.is_open or (news == (call.task, call.until) and not is_earlier):
            return
    if not state.is_active:
        if state.activity.kind == "ended" and at < (state.activity.since or 0):
            return
        yield from _reopened(state)
    yield from (RequestResolved(one.id) for one in state.requests if one.tool_call_id == event.id)  # it runs
    yield event


def _reopened(state: BuildState) -> Iterator[Update]:
    """The turn stays over; the build is not."""
    yield BuildBegan(state.id, state.session_id, state.project_id)
    if state.status != "active":
        yield TurnEnded(state.status, state.summary, state.error)


# --------------------------------------------------------------------------- ending


def turn_ended(state: BuildState, event: TurnEnded, at: Millis) -> Iterator[Update]:
    if _is_past(state, event.source, at):
        return
    if not state.is_active:
        if _overrides(state, event.outcome, event.source):
            yield _end(event)
        if state.activity.source == "silence" != event.source:
            yield ActivityChanged(Activity("idle", at, source=event.source))
        return
    yield from withdrawn(state, with_background=False)
    later = state.activity.kind == "waiting-machine" and state.activity.source in LIVE
    if state.in_background or (later and at < (state.activity.since or 0)):
        if state.turn != Turn(event.outcome, event.summary, event.error):
            yield replace(event, source="")
        return
    yield _end(event)
    yield ActivityChanged(Activity("idle", at, source=event.source))


def build_ended(state: BuildState, event: BuildEnded, at: Millis) -> Iterator[Update]:
    if _is_past(state, event.source, at):
        return
    if event.source == "silence" and state.is_active and _may_be_silent(state.activity):
        return
    ended = ActivityChanged(Activity("ended", at, source=event.source))
    if state.is_active:
        yield from withdrawn(state, with_background=True)
        yield _end(event)
        yield ended
        return
    if _overrides(state, event.outcome, event.source):
        yield _end(event)
    is_guess = state.activity.source == "silence" != event.source
    if is_guess or (state.activity.kind == "idle" and at >= (state.activity.since or 0)):
        yield ended


def _end(event: BuildEnded | TurnEnded) -> BuildEnded:
    """The build is over with its turn, too. Who says so stands in the activity that follows."""
    return BuildEnded(event.outcome, event.summary, event.error)


def _may_be_silent(now: Activity) -> bool:
    """Who waits is silent, and of whom a witness tells may be."""
    return now.source in LIVE or now.kind != "working"


def _is_past(state: BuildState, source: Source, at: Millis) -> bool:
    """Whether the agent has gone on since. Only sources that tell a time of what they tell can come late."""
    return source in _TIMED and at < (state.worked_at or 0) - SKEW


_TIMED: frozenset[Source] = frozenset({"file", "hook", "registry", "socket"})


def _overrides(state: BuildState, outcome: Outcome, source: Source) -> bool:
    """Whether a second word about how it ended counts. A guess never does; `completed` needs a better source."""
    if outcome in ("interrupted", state.status):
        return False
    return outcome != "completed" or state.status == "interrupted" or _rank(source) > _rank(state.activity.source)


def _rank(source: Source) -> int:
    return 2 if source in LIVE else 0 if source == "silence" else 1


def completing(before: BuildState, after: BuildState, at: Millis) -> Iterator[Update]:
    """The end of a build whose last background call has ended after its last turn."""
    turn = after.turn
    if turn is not None and before.in_background and not after.in_background and after.is_active:
        yield BuildEnded(turn.outcome, turn.summary, turn.error)
        yield ActivityChanged(Activity("idle", at))


# --------------------------------------------------------------------------- witnesses


def reported(state: BuildState, event: ActivityReported, at: Millis) -> Iterator[Update]:
    """What a witness says, unless something newer is known."""
    now = state.activity
    names_time = event.kind == "waiting-machine" and now.kind == "idle" and (event.until or 0) > (now.since or 0)
    vouches = event.kind == now.kind == "idle"
    if at < (now.since or 0) - (SKEW if names_time or vouches else 0) and now.source != "silence":
        return
    activity = Activity(event.kind, at, event.what, event.until, event.source)
    match event.kind:
        case "idle" | "ended":
            yield from _rest(state, activity, at)
        case "waiting-person":
            if state.is_active or goes_on(state, event, at):
                yield from witness_wait(state, event.what, at)
        case "waiting-machine" if not state.is_active:
            yield from _reopened(state)
            yield ActivityChanged(activity)
        case _:
            yield from closing(state, at)
            if any(one.since > at or one.parent_id for one in state.requests):
                return
            same = (now.kind, now.what, now.until) == (activity.kind, activity.what, activity.until)
            if not same or _rank(activity.source) > _rank(now.source):
                yield ActivityChanged(
                    replace(activity, since=now.since) if now.kind == activity.kind and state.is_active else activity
                )


def _rest(state: BuildState, activity: Activity, at: Millis) -> Iterator[Update]:
    """A witness sees that nothing goes on. How it ended is what an end says; until then what can be seen."""
    if not state.is_active:
        now = state.activity
        if now.kind != activity.kind:
            yield ActivityChanged(activity)
        elif _rank(activity.source) > _rank(now.source):
            yield ActivityChanged(replace(now, source=activity.source))
        return
    is_seen = activity.source in ("registry", "socket")
    runs_on = state.turn is not None and (bool(state.in_background) or (is_seen and _waits_until(state) > at))
    if _is_past(state, activity.source, at) or (activity.kind == "idle" and runs_on):
        return
    if activity.kind == "ended":
        yield from build_ended(state, BuildEnded("interrupted", source=activity.source), at)
    elif state.worked_at is None and not state.in_background:
        yield ActivityChanged(activity)
    elif state.turn is not None and not state.in_background:
        yield BuildEnded(state.turn.outcome, state.turn.summary, state.turn.error)
        yield ActivityChanged(activity)
    else:
        cut = bool(state.open_tools - state.in_background) or bool(state.requests) or _is_unanswered(state)
        yield from turn_ended(state, TurnEnded("interrupted" if cut else "completed", source=activity.source), at)


def _waits_until(state: BuildState) -> Millis:
    """When the agent goes on by itself, as it said itself: a witness sees nothing of that."""
    now = state.activity
    return now.until or 0 if now.kind == "waiting-machine" and now.source not in ("registry", "socket") else 0


def _is_unanswered(state: BuildState) -> bool:
    last = state.timeline[len(state.timeline) - 1] if state.timeline else None
    return isinstance(last, Note) and last.kind == "prompt"
