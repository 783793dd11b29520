"""What a server says of itself: that it lives, that its store answers, and figures for Prometheus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sentryvibe_tui.client.rest import list_watchers
from sentryvibe_tui.errors import StoreUnavailable
from sentryvibe_tui.server.measured import gauges
from sentryvibe_tui.server.metrics import Gauge, Histogram, Metrics
from sentryvibe_tui.server.serve import Running
from sentryvibe_tui.store.contract import Accepted
from sentryvibe_tui.wire.address import parse_address

from ..patience import PATIENCE

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
        lines = events.aiter_lines()
        while "heartbeat" not in await anext(lines):
            pass
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert [line for line in answer.text.splitlines() if not LINE.fullmatch(line)] == []
    said = figures(answer.text)
    assert (said['events_total{outcome="accepted"}'], said['events_total{outcome="duplicate"}']) == (1, 1)
    assert (said['ingest_requests_total{code="200"}'], said['ingest_requests_total{code="400"}']) == (2, 1)
    assert (said["append_seconds_count"], said["commit_events_sum"], said["builds_active"]) == (2, 1, 1)
    assert said['watchers{scope="project",transport="sse"}'] == 1
    assert said['recoveries_total{reason="join"}'] == 1
    assert said["commit_seconds_count"] == 2
    assert said['commits_total{path="at_once"}'] + said['commits_total{path="thread"}'] == 2
    assert said["foreign_entries_folded_total"] == 0
    assert said["database_bytes"] > 0
    assert said["wal_bytes"] > 0
    assert said['frames_sent_total{scope="project"}'] > 0
    async with asyncio.timeout(PATIENCE):
        while figures((await http.get("/metrics")).text).get('watchers_closed_total{code="1006"}') != 1:
            pass


async def test_events_that_change_nothing_are_counted_as_such(http: httpx.AsyncClient, post: Post) -> None:
    await post("start")
    await post("needs-input", message="")
    said = figures((await http.get("/metrics")).text)
    assert (said['events_total{outcome="accepted"}'], said['events_total{outcome="unchanged"}']) == (1, 1)


async def test_a_link_that_the_server_ended_is_counted_by_its_code(server: Running, http: httpx.AsyncClient) -> None:
    async with connect(f"{server.url.replace('http', 'ws')}/ws?projectId=p&protocol=2", proxy=None) as link:
        await link.recv()
        server.app.context.hub.close(1012, "enough")
        with suppress(ConnectionClosed):
            while True:
                await link.recv()
    async with asyncio.timeout(PATIENCE):
        while figures((await http.get("/metrics")).text).get('watchers_closed_total{code="1012"}') != 1:
            pass


async def test_who_watches_is_listed_with_what_they_lack(server: Running, http: httpx.AsyncClient, post: Post) -> None:
    await post("start")
    way = server.url.replace("http", "ws")
    async with (
        connect(f"{way}/ws?projectId=p&protocol=2", proxy=None) as link,
        connect(f"{way}/ws?scope=builds&protocol=2", proxy=None) as feed,
    ):
        for one in (link, feed):
            while "heartbeat" not in str(await one.recv()):
                pass
        told = await list_watchers(parse_address(server.url))
    first, second = told.rows
    assert (first.name, first.transport, first.protocol, first.project_id, first.build_id) == (
        "anyone",
        "ws",
        2,
        "p",
        "b",
    )
    assert (first.behind, first.waiting, first.recoveries, first.frames) == (0, 0, 1, 3)
    assert first.bytes > 100
    assert first.address.startswith("127.0.0.1:")
    assert (second.project_id, second.recoveries, second.frames) == ("", 1, 3)
    assert 0 <= second.since - first.since < 60_000


async def test_a_server_is_ready_while_its_store_answers(
    server: Running, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await http.get("/readyz")).json() == {"ready": True}

    async def fails(project_id: str) -> None:
        raise StoreUnavailable("the disk is gone", "the disk: gone")

    monkeypatch.setattr(server.app.context.store, "project", fails)
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"error": "the disk is gone"})
    assert figures((await http.get("/metrics")).text)['store_unavailable_total{reason="the disk"}'] == 1
    assert (await http.get("/healthz")).status_code == 200


async def test_how_long_an_entry_takes_from_its_commit_to_the_links_is_told_where_somebody_watches(
    server: Running, http: httpx.AsyncClient, post: Post
) -> None:
    await post("start")
    assert figures((await http.get("/metrics")).text)["deliver_seconds_count"] == 0
    async with connect(f"{server.url.replace('http', 'ws')}/ws?projectId=p&protocol=2", proxy=None) as link:
        while "heartbeat" not in str(await link.recv()):
            pass
        await post("text-delta", id="x", delta="word")
        while "batch-update" not in str(await link.recv()):
            pass
    said = figures((await http.get("/metrics")).text)
    assert said["deliver_seconds_count"] == 1
    assert 0 < said["deliver_seconds_sum"] < PATIENCE


async def test_a_store_that_does_not_answer_leaves_the_other_figures(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = server.app.context
    monkeypatch.setattr(context.store, "figures", asyncio.Event().wait)
    async with asyncio.timeout(PATIENCE):
        names = {gauge.name for gauge in await gauges(context, 0, within=0.01)}
    assert "watchers" in names
    assert "database_bytes" not in names
