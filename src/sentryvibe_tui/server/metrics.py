"""What a server counts, in the text form that Prometheus reads (docs/operations.md#metrics).

Plain numbers, added up where things happen: an observation costs less than a tenth of a microsecond. No project and
no build is a label, since there is no end of them.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from msgspec import Struct

from ..store.contract import Accepted, Commit

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
PREFIX = "sentryvibe_"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LONG = (1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)
EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_ROUND = 0.5


class Histogram:
    """How often values fell into each range; `bounds` are the upper ends, and the last range has none."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        *below, total = accumulate(self._counts)
        for bound, count in zip(self._bounds, below, strict=True):
            yield f'{name}_bucket{{le="{bound:g}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {total}'
        yield f"{name}_sum {self._sum:g}"
        yield f"{name}_count {total}"


class Gauge(Struct, frozen=True):
    """A figure read when it is asked for; one that only grows ends in `_total`. `labels`: as between the braces."""

    name: str
    help: str
    value: float
    labels: str = ""


class Metrics:
    """`clock`: seconds that only grow. What was timed began at `start` on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._accepted = self._unchanged = self._duplicates = self._entries = 0
        self._deleted = self._interrupted = 0
        self._hints = self._useless_hints = self._healed = self._bus_connects = 0
        self._answers: Counter[int] = Counter()
        self._closes: Counter[int] = Counter()
        self._recoveries: Counter[str] = Counter()
        self._unavailable: Counter[str] = Counter()
        self.safe_at = 0.0
        self._append, self._loop_lag, self._sync = Histogram(SECONDS), Histogram(SECONDS), Histogram(SECONDS)
        self._tails, self._deliver = Histogram(SECONDS), Histogram(SECONDS)
        self._links = Histogram(LONG)
        self._commit_events = Histogram(EVENTS)

    # ------------------------------------------------------------------ events

    def appended(self, accepted: Accepted, start: float) -> None:
        """Posted events were kept; their request was read at `start`."""
        self._accepted += accepted.accepted - accepted.unchanged
        self._unchanged += accepted.unchanged
        self._duplicates += accepted.duplicates
        self._answers[200] += 1
        self._append.observe(self.clock() - start)

    def refused(self, status: int) -> None:
        """Posted events were not kept."""
        self._answers[status] += 1

    def committed(self, commits: Sequence[Commit]) -> None:
        entries = 0
        for commit in commits:
            entries += len(commit.entries)
        self._entries += entries
        self._commit_events.observe(entries)

    def synced(self, seconds: float) -> None:
        """A commit took so long, and is safe now; from whatever thread, one at a time."""
        self._sync.observe(seconds)
        self.safe_at = self.clock()

    def delivered(self, start: float) -> None:
        """What is safe since `start` was handed to the links of those who watch it and can take it."""
        self._deliver.observe(self.clock() - start)

    def unavailable(self, reason: str) -> None:
        """A request or a link found the store unavailable."""
        self._unavailable[reason] += 1

    def interrupted(self) -> None:
        """A build whose agent fell silent was ended."""
        self._interrupted += 1

    def deleted(self, builds: int) -> None:
        """Of builds that ended long ago."""
        self._deleted += builds

    # ------------------------------------------------------------------ watchers

    def left(self, code: int, start: float) -> None:
        """A link ended."""
        self._closes[code] += 1
        self._links.observe(self.clock() - start)

    def recovered(self, reason: str) -> None:
        """A watcher began from a whole state."""
        self._recoveries[reason] += 1

    # ------------------------------------------------------------------ other servers

    def hinted(self, useful: int, useless: int) -> None:
        self._hints += useful + useless
        self._useless_hints += useless

    def bus_joined(self) -> None:
        self._bus_connects += 1

    def healed(self, builds: int) -> None:
        """Builds that had moved, and of which no hint came up to the look after the one that found it."""
        self._healed += builds

    def tails_read(self, start: float) -> None:
        self._tails.observe(self.clock() - start)

    # ------------------------------------------------------------------ out

    async def measure_loop(self) -> None:
        """How late the event loop wakes whom it has promised to."""
        while True:
            due = self.clock() + _ROUND
            await asyncio.sleep(_ROUND)
            self._loop_lag.observe(max(0.0, self.clock() - due))

    def text(self, gauges: Sequence[Gauge]) -> bytes:
        """Everything, with what the caller says of now."""
        return ("\n".join(self._lines(gauges)) + "\n").encode()

    def _lines(self, gauges: Sequence[Gauge]) -> Iterator[str]:
        for name, words, values in self._counters():
            yield from _counter(name, words, values)
        for name, words, histogram in self._histograms():
            yield from _histogram(name, words, histogram)
        heads: set[str] = set()
        for gauge in gauges:
            if gauge.name not in heads:
                heads.add(gauge.name)
                yield from _head(gauge.name, gauge.help, "counter" if gauge.name.endswith("_total") else "gauge")
            yield _sample(gauge.name, gauge.labels, gauge.value)

    def _counters(self) -> Iterator[tuple[str, str, dict[str, int]]]:
        outcomes = {"accepted": self._accepted, "unchanged": self._unchanged, "duplicate": self._duplicates}
        yield "events_total", "Events posted, by what became of them.", _labelled("outcome", outcomes)
        answers = _labelled("code", self._answers)
        yield "ingest_requests_total", "Requests that posted events, by their answer.", answers
        yield "entries_total", "Entries added to the logs of builds.", {"": self._entries}
        yield "builds_interrupted_total", "Builds ended since their agents fell silent.", {"": self._interrupted}
        yield "retention_deleted_builds_total", "Old builds that were deleted.", {"": self._deleted}
        unavailable = _labelled("reason", self._unavailable)
        yield "store_unavailable_total", "Requests and links that the store had nothing for.", unavailable
        yield "watchers_closed_total", "Links that ended, by their close code.", _labelled("code", self._closes)
        reasons = _labelled("reason", self._recoveries)
        yield "recoveries_total", "Whole states that watchers began from, by the reason.", reasons
        yield "hints_received_total", "Builds of which another server said that they moved.", {"": self._hints}
        yield "hints_useless_total", "Those of them that were known already.", {"": self._useless_hints}
        yield "healed_by_poll_total", "Builds that had moved without a hint.", {"": self._healed}
        yield "bus_connects_total", "Connections for hints.", {"": self._bus_connects}

    def _histograms(self) -> Iterator[tuple[str, str, Histogram]]:
        yield "append_seconds", "From a posted request to its commit.", self._append
        yield "commit_seconds", "A commit until it is on disk.", self._sync
        yield "deliver_seconds", "From a commit until its entries were handed to links.", self._deliver
        yield "commit_events", "Entries of a commit.", self._commit_events
        yield "tail_read_seconds", "Reading what other servers wrote.", self._tails
        yield "connection_seconds", "How long links of watchers lasted.", self._links
        yield "event_loop_lag_seconds", "How late the event loop was.", self._loop_lag


def _labelled(label: str, values: Mapping[int, int] | Mapping[str, int]) -> dict[str, int]:
    return {f'{label}="{value}"': count for value, count in sorted(values.items())}


def _head(name: str, words: str, kind: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} {kind}"


def _sample(name: str, labels: str, value: float) -> str:
    return f"{PREFIX}{name}{{{labels}}} {value}" if labels else f"{PREFIX}{name} {value}"


def _counter(name: str, words: str, values: dict[str, int]) -> Iterator[str]:
    yield from _head(name, words, "counter")
    for labels, value in values.items():
        yield _sample(name, labels, value)


def _histogram(name: str, words: str, histogram: Histogram) -> Iterator[str]:
    yield from _head(name, words, "histogram")
    yield from histogram.lines(f"{PREFIX}{name}")
