"""What a server says of itself: that it lives, that its store answers, and figures for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.server.metrics import Gauge, Histogram, Metrics
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.store.contract import Accepted

Post = Callable[..., Awaitable[dict[str, Any]]]
LINE = re.compile(r'# (HELP|TYPE) sentryvibe_\w+ .+|sentryvibe_\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+')


def figures(text: str) -> dict[str, float]:
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name.removeprefix("sentryvibe_"): float(value) for name, value in pairs}


def test_a_histogram_counts_each_value_in_every_range_that_holds_it() -> None:
    histogram = Histogram((1, 2, 4))
    for value in (0.5, 1, 3, 9):
        histogram.observe(value)
    buckets = ['h_bucket{le="1"} 2', 'h_bucket{le="2"} 2', 'h_bucket{le="4"} 3', 'h_bucket{le="+Inf"} 4']
    assert list(histogram.lines("h")) == [*buckets, "h_sum 13.5", "h_count 4"]


def test_figures_of_one_name_have_one_head() -> None:
    metrics = Metrics(clock=lambda: 3.0)
    metrics.appended(Accepted(2, 1, 7), start=2.998)
    metrics.refused(413)
    text = metrics.text([Gauge("w", "Who.", 1, 'k="a"'), Gauge("w", "Who.", 2, 'k="b"')]).decode()
    assert text.count("# TYPE sentryvibe_w gauge") == 1
    said = figures(text)
    assert (said['events_total{outcome="accepted"}'], said['events_total{outcome="duplicate"}']) == (2, 1)
    assert (said['ingest_requests_total{code="200"}'], said['ingest_requests_total{code="413"}']) == (1, 1)
    assert (said['append_seconds_bucket{le="0.001"}'], said['append_seconds_bucket{le="0.0025"}']) == (0, 1)


async def test_metrics_tell_what_was_posted_and_who_watches(
    server: Running, http: httpx.AsyncClient, post: Post
) -> None:
    await post("start", event_id="e1")
    await post("start", event_id="e1")
    assert (await http.post("/api/build-events", content="no json")).status_code == 400
    async with http.stream("GET", "/api/projects/p/events") as events:
        await anext(events.aiter_lines())
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert [line for line in answer.text.splitlines() if not LINE.fullmatch(line)] == []
    said = figures(answer.text)
    assert (said['events_total{outcome="accepted"}'], said['events_total{outcome="duplicate"}']) == (1, 1)
    assert (said['ingest_requests_total{code="200"}'], said['ingest_requests_total{code="400"}']) == (2, 1)
    assert (said["append_seconds_count"], said["commit_events_sum"], said["builds_active"]) == (2, 1, 1)
    assert said['watchers{scope="project"}'] == 1


async def test_a_server_is_ready_while_its_store_answers(
    server: Running, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await http.get("/readyz")).json() == {"ready": True}

    async def fails(project_id: str) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(server.app.context.store, "project", fails)
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"error": "the disk is gone"})
    assert (await http.get("/healthz")).status_code == 200
