from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits


@pytest.fixture
def limits() -> ServerLimits:
    """Of `server`; a test that wants others has them as its parameter."""
    return ServerLimits()


@pytest.fixture
async def server(tmp_path: Path, limits: ServerLimits) -> AsyncIterator[Running]:
    async with running(tmp_path / "data", settings=limits) as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as client:
        yield client


Post = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def post(http: httpx.AsyncClient) -> Post:
    """post(kind, build=…, project=…, session=…, event_id=…, at=…, **fields of the event) -> the answer"""

    async def send(
        kind: str,
        *,
        build: str = "b",
        project: str = "p",
        session: str = "s",
        event_id: str = "",
        at: str = "",
        **fields: object,
    ) -> dict[str, Any]:
        body = {"projectId": project, "sessionId": session, "buildId": build, "event": {"type": kind, **fields}}
        if event_id:
            body["eventId"] = event_id
        if at:
            body["at"] = at
        answer = await http.post("/api/build-events", content=json.dumps(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send
