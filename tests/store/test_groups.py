"""Which appends share a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentryvibe_tui.model.events import About, TextAdded
from sentryvibe_tui.store.appending import append_of
from sentryvibe_tui.store.groups import BYTES, EVENTS, AppendGroup, next_group
from sentryvibe_tui.wire.envelope import EventEnvelope


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def group_of(loop: asyncio.AbstractEventLoop, appends: Sequence[tuple[int, int]]) -> AppendGroup:
    about = About("p", "s", "b")
    return [
        (append_of([EventEnvelope(about, TextAdded("x", "y" * size))] * count, 0), loop.create_future())
        for count, size in appends
    ]


def test_few_large_events_do_not_share_a_transaction(loop: asyncio.AbstractEventLoop) -> None:
    group, rest = next_group(group_of(loop, [(1, BYTES // 2 + 100)] * 3))
    assert (len(group), len(rest)) == (1, 2)


@given(st.lists(st.tuples(st.integers(1, 700), st.integers(0, 4000)), min_size=1, max_size=20))
def test_a_group_is_bounded_and_an_append_is_whole(appends: list[tuple[int, int]]) -> None:
    loop = asyncio.new_event_loop()
    try:
        waiting = group_of(loop, appends)
        group, rest = next_group(waiting)
        assert [*group, *rest] == waiting
        assert group
        if len(group) > 1:
            assert sum(len(append.events) for append, _ in group) <= EVENTS
            assert sum(append.size for append, _ in group) <= BYTES
    finally:
        loop.close()
