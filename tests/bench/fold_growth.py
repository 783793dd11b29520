"""Cost of one event in the model and the wire, early and late in a build: `python tests/bench/fold_growth.py`.

Prints microseconds per tool call (start and end) around tool 50 and tool 5,000 and their ratio, measured in one run.
"""

from statistics import median
from time import perf_counter

from msgspec import Raw

from sentryvibe_tui.model.events import About, TodosReported, ToolEnded, ToolStarted
from sentryvibe_tui.model.facts import TodoItem
from sentryvibe_tui.model.reducer import apply, reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.wire.state import decode_state, encode_state
from sentryvibe_tui.wire.updates import encode_entry

ABOUT = About("p", "s", "b")
INPUT, OUTPUT = Raw(b'{"command":"npm test"}'), Raw(b'"' + b"x" * 1500 + b'"')


def call(state: BuildState, watcher: BuildState, number: int) -> tuple[BuildState, BuildState, float]:
    """One tool call through server and watcher; seconds it took."""
    begun = perf_counter()
    for event in (ToolStarted(f"t{number}", "Bash", INPUT), ToolEnded(f"t{number}", OUTPUT)):
        state, entry = reduce(state, event, number, ABOUT)
        assert entry is not None
        encode_entry(entry)
        watcher = apply(watcher, entry)
    return state, watcher, perf_counter() - begun


def main() -> None:
    state = watcher = BuildState()
    todos = TodosReported(tuple(TodoItem(f"step {n}", "in_progress" if n == 0 else "pending") for n in range(10)))
    state, entry = reduce(state, todos, 0, ABOUT)
    assert entry is not None
    watcher = apply(watcher, entry)
    took: list[float] = []
    for number in range(5_100):
        state, watcher, seconds = call(state, watcher, number)
        took.append(seconds * 1e6)
    early, late = median(took[:100]), median(took[-200:])
    print(f"tool 50: {early:.1f} us, tool 5,000: {late:.1f} us, ratio {late / early:.2f}")
    begun = perf_counter()
    text = encode_state(state)
    middle = perf_counter()
    decode_state(text)
    done = perf_counter()
    size, encoding, decoding = len(text) / 1e6, (middle - begun) * 1e3, (done - middle) * 1e3
    print(f"state of 5,100 tools: {size:.1f} MB, encode {encoding:.0f} ms, decode {decoding:.0f} ms")


if __name__ == "__main__":
    main()
