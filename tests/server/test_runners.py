"""An original runner on our server: its events by HTTP and WebSocket, and events that do not say whose they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from sentryvibe_tui.server.serve import Running

from ..patience import PATIENCE

Post = Callable[..., Awaitable[dict[str, Any]]]
HEADERS = {"Authorization": "Bearer sv_any", "sentry-trace": "a-b", "baggage": "x=y"}
TODO = {"type": "tool-input-available", "toolCallId": "w", "toolName": "TodoWrite"}


async def tell(http: httpx.AsyncClient, kind: str, **fields: object) -> None:
    answer = await http.post("/api/runner/events", json={"type": kind, "projectId": "p"} | fields, headers=HEADERS)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


async def state(http: httpx.AsyncClient, build: str = "") -> dict[str, Any]:
    answer = await http.get("/api/projects/p/messages", params={"buildId": build} if build else {})
    return answer.json()["sessions"][0]["hydratedState"]


async def until(asked: Callable[[], Awaitable[object]], wanted: object) -> None:
    for _ in range(1000):
        if await asked() == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await asked())


async def build(http: httpx.AsyncClient, *events: dict[str, Any], **envelope: object) -> list[dict[str, Any]]:
    """The events of a build as the original runner posts them, one a body."""
    about = {
        "commandId": "c-1",
        "projectId": "p",
        "sessionId": "s",
        "buildId": "b",
        "agentId": "claude-code",
    } | envelope
    answers = [await http.post("/api/build-events", json=about | {"event": event}, headers=HEADERS) for event in events]
    assert [answer.status_code for answer in answers] == [200] * len(events)
    return [answer.json() for answer in answers]


@pytest.mark.parametrize(
    ("kind", "fields", "status", "said"),
    [
        ("build-completed", {"payload": {"todos": [], "detectedFramework": None}}, "completed", {}),
        ("build-completed", {"payload": {"todos": [], "summary": "did it"}}, "completed", {"buildSummary": "did it"}),
        ("build-failed", {"error": "no room", "stack": "at …"}, "failed", {"error": "no room"}),
        ("build-cancelled", {"payload": {"buildCommandId": "c-1", "success": True}}, "cancelled", {}),
    ],
)
@pytest.mark.parametrize("whose", [{}, {"sessionId": "s"}, {"sessionId": ""}, {"commandId": "c-1"}, {"buildId": "b"}])
async def test_the_end_of_a_build_ends_it(
    http: httpx.AsyncClient, kind: str, fields: dict, status: str, said: dict, whose: dict
) -> None:
    await build(http, {"type": "start"})
    await tell(http, kind, **fields, **whose)
    known = await state(http)
    assert (known["id"], known["status"], {name: known[name] for name in said}) == ("b", status, said)


async def test_a_summary_comes_after_the_end_and_changes_nothing_else(http: httpx.AsyncClient) -> None:
    await build(http, {"type": "start"})
    await tell(http, "build-completed", payload={"todos": []})
    await tell(http, "build-summary", payload={"summary": "A shop."}, sessionId="s", commandId="c-1")
    known = await state(http)
    assert (known["status"], known["buildSummary"]) == ("completed", "A shop.")


async def test_what_it_says_of_itself_is_answered_and_counted(http: httpx.AsyncClient) -> None:
    await build(http, {"type": "start"})
    before = await state(http)
    for kind in ("ack", "log-chunk", "project-metadata", "tunnel-created", "process-exited", "port-conflict", "new"):
        await tell(http, kind, payload={}, message="healthy")
    await tell(http, "build-completed", projectId="nobody")
    await tell(http, "build-completed", projectId=None)
    assert (await http.get("/healthz")).json()["unknown"] == 9
    assert await state(http) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"projectId":"p"}', b'{"type":"x","projectId":"\\u0000"}'])
async def test_what_is_no_event_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    assert (await http.post("/api/runner/events", content=body)).status_code == 400


async def test_its_link_says_that_it_is_there(server: Running, http: httpx.AsyncClient) -> None:
    await build(http, {"type": "start"})

    async def runners() -> int:
        return (await http.get("/healthz")).json()["runners"]

    async def status() -> str:
        return (await state(http))["status"]

    url = server.url.replace("http", "ws") + "/ws/runner?runnerId=mac"
    async with asyncio.timeout(PATIENCE):
        async with connect(url, additional_headers=HEADERS, proxy=None) as link:
            await until(runners, 1)
            for odd in ("{", "[]", '{"type":"build-stream","data":"x"}', '{"type":"runner-status","payload":{}}'):
                await link.send(odd)
            end = {"type": "build-cancelled", "projectId": "p", "payload": {"buildCommandId": "c", "success": True}}
            await link.send(json.dumps({"type": "build-stream", "data": "x" * 500_000}))
            await link.send(json.dumps(end))
            await link.send(json.dumps(end))
            await until(status, "cancelled")
        await until(runners, 0)
    assert (await http.get("/healthz")).json()["unknown"] == 4


async def test_events_without_a_session_belong_to_their_build_or_the_newest(http: httpx.AsyncClient) -> None:
    await build(http, {"type": "start"}, sessionId="s1", buildId="b1")
    for session in ("", None):
        await build(http, {"type": "error", "errorText": f"lost {session}"}, sessionId=session, buildId="b1")
    notes = [note["text"] for note in (await state(http, "b1"))["notes"]]
    assert notes == ["lost ", "lost None"]
    await build(http, {"type": "start"}, sessionId="s2", buildId="b2")
    await build(http, TODO | {"input": {"todos": [{"content": "x"}]}}, sessionId="", buildId=None)
    assert [todo["content"] for todo in (await state(http, "b2"))["todos"]] == ["x"]


async def test_the_first_event_of_all_may_come_without_a_session(http: httpx.AsyncClient) -> None:
    for kind in ("start", "error"):
        await build(http, {"type": kind}, sessionId="", buildId="b")
    known = await state(http)
    assert (known["id"], known["sessionId"], known["stateVersion"]) == ("b", "b", 2)


async def test_types_that_nobody_reads_are_taken_and_counted(http: httpx.AsyncClient) -> None:
    await build(http, {"type": "start"})
    before = await state(http)
    odd = [{"type": "file-tree", "data": 7}, {"type": "template-seen"}]
    answers = await build(http, *odd)
    assert [answer["accepted"] for answer in answers] == [1, 1]
    assert (await http.get("/healthz")).json()["unknown"] == 2
    assert await state(http) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"template": {"id": "t", "name": "Shop starter", "framework": "astro", "repository": "r"}},
        {"data": {"templateId": "t", "templateName": "Shop starter", "framework": "astro"}},
        {"payload": {"name": "Shop starter", "framework": "astro"}},
        {"name": "Shop starter", "framework": "astro"},
    ],
)
async def test_the_template_of_a_project_is_said(http: httpx.AsyncClient, fields: dict) -> None:
    await build(http, {"type": "start"}, {"type": "template-selected"} | fields)
    assert (await state(http))["template"] == "Shop starter (astro)"
    await build(http, {"type": "start"}, buildId="b2")
    await tell(http, "template-selected", **fields)
    assert (await state(http, "b2"))["template"] == "Shop starter (astro)"
