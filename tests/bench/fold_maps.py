"""Cost of the fold with our containers beside that with maps of `immutables` (which has no wheels for Python 3.14) and
`rpds-py`: `pip install immutables rpds-py`, then `python tests/bench/fold_maps.py`.

Prints microseconds per tool call (start and end, reduced and applied) of a build of 5,000 calls, and the ratios; rounds
of all take turns in one run, and the best round of each counts.
"""

from time import perf_counter
from typing import Any

import immutables
import rpds
from msgspec import Raw
from msgspec.structs import replace

from sentryvibe_tui.model import reducer
from sentryvibe_tui.model.events import About, ToolEnded, ToolStarted
from sentryvibe_tui.model.state import BuildState, Item

ABOUT = About("p", "s", "b")
INPUT, OUTPUT = Raw(b'{"command":"npm test"}'), Raw(b'"' + b"x" * 1500 + b'"')
CALLS = 5_000
ROUNDS = 7

with_item = reducer.with_item


def with_item_in(empty: Any, change: str) -> Any:
    """The reducer's own function with another package's map and its name for a change."""

    def with_item(state: Any, key: str, item: Item) -> BuildState:
        if not len(state.timeline):
            state = replace(state, timeline=empty, positions=empty)
        position = state.positions.get(key)
        if position is not None:
            return replace(state, timeline=getattr(state.timeline, change)(position, item))
        position = len(state.timeline)
        timeline, positions = getattr(state.timeline, change), getattr(state.positions, change)
        return replace(state, timeline=timeline(position, item), positions=positions(key, position))

    return with_item


def fold(with_item: Any) -> float:
    """Microseconds per call."""
    reducer.with_item = with_item
    state = watcher = BuildState()
    begun = perf_counter()
    for number in range(CALLS):
        for event in (ToolStarted(f"t{number}", "Bash", INPUT), ToolEnded(f"t{number}", OUTPUT)):
            state, entry = reducer.reduce(state, event, number, ABOUT)
            assert entry is not None
            watcher = reducer.apply(watcher, entry)
    return (perf_counter() - begun) / CALLS * 1e6


def main() -> None:
    ways = {
        "immutables": with_item_in(immutables.Map(), "set"),
        "rpds": with_item_in(rpds.HashTrieMap(), "insert"),
        "ours": with_item,
    }
    rounds = [{name: fold(way) for name, way in ways.items()} for _ in range(ROUNDS)]
    best = {name: min(times[name] for times in rounds) for name in ways}
    for name, micros in best.items():
        print(f"{name:<10} {micros:6.1f} us a call, {micros / best['immutables']:.2f} of immutables")


if __name__ == "__main__":
    main()
