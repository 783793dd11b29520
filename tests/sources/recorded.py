"""A recorded session told again by several sources, each late in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import NamedTuple

from hypothesis import strategies as st

from sentryvibe_tui.model.events import About, BuildEvent
from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState


class Word(NamedTuple):
    """`at`: when it happened, by its source; `ready`: before that nobody can hear it. Epoch milliseconds."""

    source: str
    at: int
    ready: int
    event: BuildEvent


class Moment(NamedTuple):
    """How the session really stood. `knows`: the sources of which any can tell."""

    at: int
    kinds: set[str]
    knows: set[str]


late = st.lists(st.integers(0, 350), min_size=1, max_size=7)
"""Milliseconds by which the words of a source come late, again and again."""


def told(words: dict[str, list[Word]], sources: Iterable[str], delays: dict[str, list[int]]) -> list[tuple[int, Word]]:
    """When each word arrives; those of one source stay in order."""
    arrived: list[tuple[int, Word]] = []
    for source in sources:
        latest = 0
        for word, delay in zip(words[source], cycle(delays[source]), strict=False):
            latest = max(latest, word.ready + delay)
            arrived.append((latest, word))
    return sorted(arrived, key=lambda one: one[0])


def states(arrived: list[tuple[int, Word]], moments: list[Moment]) -> Iterator[tuple[Moment, BuildState]]:
    state, about, index = BuildState(), About("shop", "s", "s"), 0
    for moment in moments:
        while index < len(arrived) and arrived[index][0] <= moment.at:
            word = arrived[index][1]
            state, _ = reduce(state, word.event, word.at, about)
            index += 1
        yield moment, state
