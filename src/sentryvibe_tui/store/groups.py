"""Group commit, for every writer: which appends go into one transaction, and how each gets its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..errors import StoreUnavailable
from .appending import Append, GroupResult
from .contract import Accepted, BuildDamaged
from .listener import CommitListener, tell_listener

EVENTS = 512
BYTES = 4 * 1024 * 1024
"""Events, and bytes of what they carry, up to which appends share a transaction; one append is never split."""

Answer = asyncio.Future[Accepted]
AppendGroup = list[tuple[Append, Answer]]


def next_group(waiting: AppendGroup) -> tuple[AppendGroup, AppendGroup]:
    """What goes into the next transaction, and the rest."""
    events = size = 0
    for number, (append, _) in enumerate(waiting):
        events += len(append.events)
        size += append.size
        if number and (events > EVENTS or size > BYTES):
            return waiting[:number], waiting[number:]
    return waiting, []


def deliver(group: AppendGroup, result: GroupResult, listener: CommitListener) -> None:
    """The answers, then what was committed; whoever waited for an answer goes on after that."""
    for (_, answer), outcome in zip(group, result.results, strict=True):
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
    if result.commits:
        tell_listener(listener, result.commits)


def refuse_group(group: AppendGroup, reason: str) -> None:
    for _, answer in group:
        if not answer.done():
            answer.set_exception(StoreUnavailable(reason))


def in_one_result(results: Sequence[GroupResult]) -> GroupResult:
    """The results of appends that were committed each for itself."""
    return GroupResult(
        [result for one in results for result in one.results], [commit for one in results for commit in one.commits]
    )


def concerns_all(error: Exception) -> bool:
    """Not only the append that met it."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, BuildDamaged)
