"""What counting costs an event, beside what the event itself costs in the same process and run.

    python tests/bench/metrics.py

The baseline is decoding, reducing and encoding one posted text event; counting is what a lone post and its commit and
one watcher's frame add up: `appended`, `committed`, `synced`, `delivered`, and the traffic of a link. CPU time, rounds
interleaved.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from sentryvibe_tui.model.reducer import reduce
from sentryvibe_tui.model.state import BuildState
from sentryvibe_tui.server.metrics import Metrics
from sentryvibe_tui.server.peer import Traffic
from sentryvibe_tui.store.contract import Accepted
from sentryvibe_tui.wire.envelope import decode_posted
from sentryvibe_tui.wire.updates import encode_entry

ROUNDS, TIMES = 15, 5_000
BODY = b'{"projectId":"p","sessionId":"s","eventId":"e","event":{"type":"text-delta","id":"x","delta":"%s"}}' % (
    b"w" * 200
)


class _Commit:
    entries = (1,)


def counting() -> None:
    metrics, traffic, accepted, commits = METRICS, TRAFFIC, ACCEPTED, (_Commit(),)
    for _ in range(TIMES):
        metrics.appended(accepted, 0.0)
        metrics.committed(commits)  # type: ignore[arg-type]
        metrics.synced(0.003)
        metrics.delivered(metrics.safe_at)
        traffic.frames += 1
        traffic.bytes += 300


def event() -> None:
    state = BuildState()
    for number in range(TIMES):
        (posted,) = decode_posted(BODY)
        after, entry = reduce(state, posted.event, number + 1, posted.about)
        if entry is not None:
            encode_entry(entry)
        state = after if number < 50 else state


METRICS, TRAFFIC, ACCEPTED = Metrics(), Traffic(), Accepted(1, 0, 1)


def cost(work: Callable[[], None]) -> float:
    """Microseconds of CPU for one."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / TIMES * 1e6


def main() -> None:
    pairs = [(cost(counting), cost(event)) for _ in range(ROUNDS)]
    counted, base = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"counting {counted:.2f} us an event; the event {base:.2f} us; ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
