"""Requests to a person: which of two sources' requests are one, and what makes one open no longer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from .activity import Request, RequestOutcome
from .events import BuildEvent, TextAdded, ToolEnded, ToolStarted
from .facts import RequestOpened, RequestResolved
from .questions import asking, call_words
from .state import BuildState, Millis, ToolCall
from .updates import Update

BY_MESSAGE = "needs-input"
"""Id of the request that a bare message opens: there is one of these at a time."""
BY_WITNESS = "witness"
"""Id of the request that a witness sees without its words; any request that says more takes its place."""
OF_SUBAGENT = "witness-"
"""Begins the id of what a witness sees a subagent wait for, without its words: what a subagent says takes its place."""

LIMIT = 100
"""Open requests of a build; the oldest of more expires."""


# --------------------------------------------------------------------------- applying


def with_request(state: BuildState, request: Request) -> BuildState:
    """`state` with `request` open, in the place of the one with its id, else by its time."""
    others = tuple(one for one in state.requests if one.id != request.id)
    return replace(state, requests=tuple(sorted((*others, request), key=lambda one: one.since)))


def without_request(state: BuildState, ident: str) -> BuildState:
    return replace(state, requests=tuple(one for one in state.requests if one.id != ident))


def with_message(state: BuildState, message: str, at: Millis) -> BuildState:
    """What a log of version 0.1 says: it waits for one thing, or (empty) for nothing."""
    return replace(state, requests=(by_message(message, at),) if message else ())


def by_message(message: str, at: Millis) -> Request:
    kind = "permission" if "permission" in message.lower() else "question"
    return Request(BY_MESSAGE, kind, message, since=at)


# --------------------------------------------------------------------------- deciding


def opening(state: BuildState, request: Request, at: Millis) -> Iterator[Update]:
    """A request takes over from what is the same one: that of its id, of its call, and what a witness only saw."""
    request = replace(_placed(state, request), since=request.since or at)
    if _is_passed(state, request) or (_is_subagent_seen(request) and any(map(_is_subagent_told, state.requests))):
        return
    same = [candidate for candidate in state.requests if _is_same(candidate, request)]
    request = replace(request, since=min((one.since for one in same), default=request.since))
    held = next((one for one in same if one.answerable and not request.answerable and one.id != request.id), None)
    if held is not None or request in same:
        return
    yield from (RequestResolved(one.id, "withdrawn") for one in same if one.id != request.id)
    if len(state.requests) - len(same) >= LIMIT:
        yield RequestResolved(state.requests[0].id, "expired")
    yield RequestOpened(request)


def _placed(state: BuildState, request: Request) -> Request:
    """Without a call's id, it is about the open call of its tool by the same agent that began last."""
    if request.tool_call_id or not request.tool:
        return request
    calls = [call for call in _foreground(state, request.parent_id) if call.name == request.tool]
    return replace(request, tool_call_id=calls[-1].id) if calls else request


def _foreground(state: BuildState, parent_id: str) -> list[ToolCall]:
    calls = [call for call in map(state.tool, state.open_tools - state.in_background) if call is not None]
    return sorted((call for call in calls if call.parent_id == parent_id), key=lambda call: call.started_at or 0)


def _is_passed(state: BuildState, request: Request) -> bool:
    """Whether it is told too late: its call has ended, the build is over since, or its agent has gone on."""
    call = state.tool(request.tool_call_id)
    if call is not None:
        is_cut = call.state == "interrupted" and state.is_active and state.turn is None
        return not call.is_open and not is_cut
    return not request.parent_id and request.since < (state.worked_at or 0) - SKEW


SKEW: Millis = 100
"""By so much the clocks and records of one agent's sources may disagree about what came first."""


def _is_same(first: Request, other: Request) -> bool:
    if BY_WITNESS in (first.id, other.id):
        return True
    if _is_subagent_seen(first) and _is_subagent_told(other):
        return True
    same_call = bool(other.tool_call_id) and first.tool_call_id == other.tool_call_id
    return first.id == other.id or same_call


def is_seen_only(ident: str) -> bool:
    """Whether the request of that id is what a witness sees, without its words."""
    return ident == BY_WITNESS or ident.startswith(OF_SUBAGENT)


def _is_subagent_seen(request: Request) -> bool:
    return request.id.startswith(OF_SUBAGENT)


def _is_subagent_told(request: Request) -> bool:
    return bool(request.parent_id) and not is_seen_only(request.id)


def needed(state: BuildState, message: str, at: Millis) -> Iterable[Update]:
    """A bare message: while something better is asked it says nothing new; an empty one closes what such opened."""
    if not message:
        return [RequestResolved(one.id) for one in state.requests if one.id in (BY_MESSAGE, BY_WITNESS)]
    if any(one.title == message or one.id not in (BY_MESSAGE, BY_WITNESS) for one in state.requests):
        return ()
    return opening(state, by_message(message, at), at)


def witness_wait(state: BuildState, what: str, at: Millis) -> Iterable[Update]:
    """A witness sees the agent wait: for the answer to its last open call, as far as anybody can tell."""
    if state.requests:
        return ()
    calls = _foreground(state, "")
    kind = "question" if any(word in what for word in ("input", "question", "dialog")) else "permission"
    if not calls:
        return opening(state, Request(BY_WITNESS, kind, what or "an answer"), at)
    last = calls[-1]
    title = f"{what or kind}: {call_words(last)}"
    asks = Request(BY_WITNESS, kind, title, last.name, last.id, last.input, input_bytes=last.input_bytes)
    return opening(state, asks, at)


def closed(state: BuildState, event: RequestResolved) -> Iterator[Update]:
    if any(one.id == event.id for one in state.requests):
        yield event


def withdrawn(state: BuildState, with_background: bool) -> Iterator[Update]:
    """What nobody waits for any more once the turn (or all of the session) is over."""
    for one in state.requests:
        if with_background or not is_in_background(state, one):
            yield RequestResolved(one.id, "withdrawn")


def is_in_background(state: BuildState, request: Request) -> bool:
    return bool({request.tool_call_id, request.parent_id} & state.in_background)


def closing(state: BuildState, until: Millis, outcome: RequestOutcome = "answered") -> Iterator[Update]:
    """The agent itself is seen at other things: its requests from before `until` are no longer open."""
    for one in state.requests:
        if one.since <= until and not one.parent_id:
            yield RequestResolved(one.id, outcome)


def following(before: BuildState, after: BuildState, event: BuildEvent, at: Millis) -> Iterator[Update]:
    """What a call or words open and close among the requests."""
    if not isinstance(event, ToolStarted | ToolEnded | TextAdded):
        return
    if after.requests:
        for one in after.requests:
            if _is_over(after, one, event, at):
                yield RequestResolved(one.id)
    if isinstance(event, ToolStarted) and event.id in after.open_tools:
        call, known = after.tool(event.id), before.tool(event.id)
        is_new = call is not None and (known is None or known.input != call.input or not known.is_open)
        if call is not None and is_new:
            yield from _worded(after, call, at)
            if request := asking(call):
                yield from opening(after, replace(request, since=at), at)


def _worded(state: BuildState, call: ToolCall, at: Millis) -> Iterator[Update]:
    """A call that is told late, of before a witness saw the agent wait: what it waits for is this call's."""
    witness = next((one for one in state.requests if one.id == BY_WITNESS), None)
    if witness is None or at > witness.since or call.parent_id or call.background or asking(call):
        return
    title = f"{witness.title.partition(': ')[0]}: {call_words(call)}"
    yield RequestOpened(
        replace(
            witness,
            title=title,
            tool=call.name,
            tool_call_id=call.id,
            input=call.input,
            input_bytes=call.input_bytes,
        )
    )


def _is_over(state: BuildState, request: Request, event: ToolStarted | ToolEnded | TextAdded, at: Millis) -> bool:
    """By the end of its call, by its agent's words, or (without a call) by anything its agent does after it."""
    call = state.tool(request.tool_call_id)
    if call is not None and not call.is_open:
        return True
    if at < request.since:
        return False
    if isinstance(event, TextAdded):
        return request.parent_id == event.parent_id and event.kind != "notice"
    if call is not None:
        return False
    doer = state.tool(event.id)
    if doer is not None and doer.background:
        return False
    return event.id != request.tool_call_id and request.parent_id == (
        doer.parent_id if doer is not None else event.parent_id
    )
