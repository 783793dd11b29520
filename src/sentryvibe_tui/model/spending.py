"""How the usage of a session's files adds up to that of its build."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .events import UsageReported
from .state import BuildState, Millis
from .updates import UsageChanged
from .usage import FOREVER, Share, Usage, has_fallen, merged_usage, share_in, sum_with, with_share


def usage_changes(state: BuildState, event: UsageReported, at: Millis) -> Iterable[UsageChanged]:
    """What a report changes: the share of its part, and the sum, unless a total of the agent holds it already."""
    before = _share(state, event.part)
    share = merged_usage(before, event.usage)
    is_older = at < state.covered_until < FOREVER if event.whole else has_fallen(share, before)
    if is_older:  # or of a source that sees less
        return ()
    covered = FOREVER if event.whole else _covered(state, event, at, share != before)
    if event.part and at < covered:
        total = state.usage
    elif event.whole or not (event.part or state.shares):
        total = merged_usage(state.usage, event.usage)
    else:
        total = sum_with(state.usage, share, before)
    if total == state.usage and share == before and covered == state.covered_until:
        return ()
    if not event.part and not state.shares:
        return (UsageChanged(total, covered_until=None if covered == state.covered_until else covered),)
    return (UsageChanged(total, Share(event.part, share), None if covered == state.covered_until else covered),)


def _covered(state: BuildState, event: UsageReported, at: Millis, news: bool) -> Millis:
    """A total ends what ran: until the session's own file goes on, all there is of subagents is in it."""
    goes_on = state.covered_until == FOREVER and news and not event.part
    return at if goes_on else state.covered_until


def _share(state: BuildState, part: str) -> Usage:
    known = share_in(state.shares, part)
    if known is not None:
        return known
    return state.usage if not part and not state.shares else Usage()


def with_usage(state: BuildState, update: UsageChanged) -> BuildState:
    """The state after a change of its usage. The first subagent's share sets apart what was there before."""
    shares = state.shares
    if update.share is not None:
        if not shares and update.share.part and state.usage != Usage():
            shares = (Share("", state.usage),)
        shares = with_share(shares, update.share)
    covered = state.covered_until if update.covered_until is None else update.covered_until
    return replace(state, usage=merged_usage(state.usage, update.usage), shares=shares, covered_until=covered)


def without_context(state: BuildState) -> BuildState:
    """How full the context of another model is, nobody has said."""
    if state.usage.context_percent is None:
        return state
    shares = tuple(replace(share, usage=replace(share.usage, context_percent=None)) for share in state.shares)
    return replace(state, usage=replace(state.usage, context_percent=None), shares=shares)
