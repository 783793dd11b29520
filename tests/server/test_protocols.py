"""A uvicorn whose private classes have moved still serves: slower, and to watchers by server-sent events."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.websockets import websockets_sansio_impl

from sentryvibe_tui.server.protocols import protocols
from sentryvibe_tui.server.serve import running

MOVED = [
    (httptools_impl, "HttpToolsProtocol"),
    (httptools_impl.HttpToolsProtocol, "on_message_begin"),
    (websockets_sansio_impl, "WebSocketsSansIOProtocol"),
    (websockets_sansio_impl.WebSocketsSansIOProtocol, "keepalive_timeout"),
]


def test_our_own_are_used() -> None:
    assert [getattr(kind, "__name__", kind) for kind in protocols()] == ["FastIngestProtocol", "DirectWebSocket"]


@pytest.mark.parametrize(("place", "name"), MOVED)
async def test_stock_classes_take_the_place_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: Any, name: str
) -> None:
    monkeypatch.delattr(place, name)
    caplog.set_level(logging.WARNING, "sentryvibe_tui.server")
    assert protocols() == ("auto", "auto")
    assert name in caplog.text


async def test_a_server_of_stock_classes_takes_events_and_tells_watchers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(websockets_sansio_impl.WebSocketsSansIOProtocol, "keepalive_timeout")
    event = {
        "projectId": "p", "sessionId": "s", "buildId": "b", "eventId": "1", "at": "2026-01-01T00:00:00Z",
        "event": {"type": "start"},
    }  # fmt: skip
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url, verify=False) as http:
        assert (await http.post("/api/build-events", json=event)).status_code == 200
        async with http.stream("GET", "/api/projects/p/events?protocol=2") as told:
            async for line in told.aiter_lines():
                if "state-recovery" in line:
                    break
        upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
        assert (await http.get("/ws?projectId=p", headers={**upgrade, **key})).status_code in (403, 501)
