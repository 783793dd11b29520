"""Whoever wants in without leave, by the ways that are known: a page in the user's browser, a name that was pointed
here, links that are over, odd paths, and bodies that never end. The server is one that was started without a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sentryvibe_tui.principals import TOKENS, NamedTokens
from sentryvibe_tui.server.access import secured
from sentryvibe_tui.server.serve import Running, running
from sentryvibe_tui.server.settings import ServerLimits

EVENT = {"projectId": "p", "sessionId": "s", "event": {"type": "start"}}
JSON = {"Content-Type": "application/json"}
PAGE = {"Origin": "https://evil.example"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    data = tmp_path / "data"
    async with running(data, settings=secured(ServerLimits(), "127.0.0.1", data)) as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client that the server would take for its user's own."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, verify=False) as http:
        yield http


async def nothing_was_done(http: httpx.AsyncClient) -> bool:
    return (await http.get("/api/projects")).json() == {"projects": []}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"]
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_page_in_the_users_browser_does_nothing(http: httpx.AsyncClient, origin: str, kind: str) -> None:
    headers = {"Origin": origin} | ({"Content-Type": kind} if kind else {})
    for path in ("/api/build-events", "/api/build-events?x", "/api/hooks/claude", "/api/runner/events"):
        assert (await http.post(path, content=json.dumps(EVENT), headers=headers)).status_code == 403
    assert (await http.delete("/api/builds?projectId=p&sessionId=s", headers=headers)).status_code == 403
    preflight = await http.options("/api/build-events", headers=headers | {"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers
    assert await nothing_was_done(http)


def fetched(site: str, mode: str = "no-cors", dest: str = "image") -> dict[str, str]:
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "use", [("no-cors", "script"), ("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")]
)
async def test_a_page_of_another_site_gets_nothing_that_needs_no_origin(
    http: httpx.AsyncClient, site: str, use: tuple[str, str]
) -> None:
    """`<script src>`, `<img>` and frames: time and size of an answer would tell a page what runs here."""
    for path in ("/api/projects", "/api/builds/events", "/api/sessions/s/tools/t", "/healthz", "/metrics", "/ws"):
        refused = await http.get(path, headers=fetched(site, *use))
        assert (refused.status_code, "another site" in refused.text) == (403, True), path
    assert (await http.post("/api/build-events", json=EVENT, headers=fetched(site, *use))).status_code == 403
    assert (await http.post("/api/build-events", json=EVENT, headers=fetched(site, "navigate", "document"))).is_error
    assert await nothing_was_done(http)


@pytest.mark.parametrize(
    "headers",
    [fetched("none", "navigate", "document"), fetched("cross-site", "navigate", "document"), fetched("same-origin")],
    ids=["typed", "a link that is followed", "a page of ours"],
)
async def test_who_opens_an_address_in_a_browser_sees_it(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await http.get("/api/projects", headers=headers)).status_code == 200


async def test_a_page_that_may_use_the_server_is_of_another_site(tmp_path: Path) -> None:
    limits = ServerLimits(origins=("https://dash.example",))
    async with running(tmp_path, settings=limits) as server, httpx.AsyncClient(base_url=server.url) as http:
        headers = {"Origin": "https://dash.example"} | fetched("cross-site", "cors", "empty")
        assert (await http.get("/api/projects", headers=headers)).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "TEXT/PLAIN; charset=utf-8", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(
    "path", ["/api/build-events", "/api/build-events?x", "/api/hooks/claude", "/api/runner/events"]
)
async def test_what_a_page_may_send_without_asking_is_not_taken(http: httpx.AsyncClient, kind: str, path: str) -> None:
    """Some old browsers send it without an Origin."""
    answer = await http.post(path, content=json.dumps(EVENT), headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert await nothing_was_done(http)


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:4777", "localhost.evil.example", "127.0.0.1.evil.example"]
)
async def test_a_name_that_was_pointed_here_reads_nothing(http: httpx.AsyncClient, server: Running, name: str) -> None:
    """DNS rebinding: to the browser it is one origin."""
    headers = {"Host": name, "Origin": f"http://{name}"}
    for path in ("/api/projects", "/api/builds/events", "/healthz", "/metrics"):
        for sent in (headers, {"Host": name}):
            assert (await http.get(path, headers=sent)).status_code == 403
    assert (await http.post("/api/build-events", json=EVENT, headers=headers)).status_code == 403
    with pytest.raises(InvalidStatus, match="403"):
        await connect(server.url.replace("http", "ws") + "/ws?projectId=p", additional_headers=PAGE, proxy=None)


@pytest.mark.parametrize("state", ["expired", "revoked", "of another server", "half of it", "made up"])
async def test_a_link_that_is_over_opens_nothing(http: httpx.AsyncClient, tmp_path: Path, state: str) -> None:
    tokens = NamedTokens(tmp_path / "data" / TOKENS)
    token = tokens.add("guest", "admin", now=0, expires_at=1 if state == "expired" else 0)
    if state == "revoked":
        tokens.revoke("guest")
    elif state == "of another server":
        token = NamedTokens(tmp_path / "else" / TOKENS).add("guest", "admin", now=0)
    elif state == "half of it":
        token = token[: len(token) // 2]
    elif state == "made up":
        token = token.partition(".")[0] + "." + "A" * 43
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/api/projects", "/api/projects/p/events", "/ws?projectId=p", "/healthz"):
        assert (await http.get(path, headers=headers)).status_code == 401
    assert (await http.post("/api/build-events", json=EVENT, headers=headers)).status_code == 401
    assert await nothing_was_done(http)


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects/q",
        "/api/projects/%71",
        "/api/projects/p/../q",
        "/api/projects/p/%2e%2e/q",
        "/api/projects/p%2F..%2Fq",
        "/api/projects/q/messages",
        "/api/projects/q%2Fmessages",
        "//api/projects/q/messages",
        "/api//projects/q/messages",
        "/API/projects/q/messages",
        "/api/projects/p/messages/../../q/messages",
        "/api/builds?projectId=q",
        "/api/builds?projectId=p&projectId=q",
        "/api/builds?project%49d=q",
        "/api/sessions/s/tools/t?projectId=q",
        "/api/sessions/s/tools/t?buildId=q",
    ],
)
async def test_no_path_leads_from_one_project_to_another(http: httpx.AsyncClient, tmp_path: Path, path: str) -> None:
    ended = {"type": "tool-output-available", "toolCallId": "t", "toolName": "Bash", "output": "secret"}
    await http.post("/api/build-events", json={"projectId": "q", "sessionId": "s", "buildId": "q", "event": ended})
    token = NamedTokens(tmp_path / "data" / TOKENS).add("guest", "watch", now=0, project="p")
    request = http.build_request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = await http.send(request)
    assert "secret" not in answer.text
    assert '"q"' not in answer.text


async def test_a_body_that_never_ends_holds_nobody_up(server: Running, http: httpx.AsyncClient) -> None:
    host, _, port = server.url.partition("//")[2].partition(":")
    links = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
    for _, writer in links:
        writer.write(b"POST /api/build-events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
    async with asyncio.timeout(20):
        assert (await http.post("/api/build-events", json=EVENT)).status_code == 200
    for _, writer in links:
        writer.close()


async def test_a_stranger_uploads_nothing(server: Running, tmp_path: Path) -> None:
    """It is refused by its head, before its body is read."""
    host, _, port = server.url.partition("//")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/build-events HTTP/1.1\r\nHost: localhost\r\n")
    writer.write(b"Authorization: Bearer svt_x.y\r\nContent-Length: 900\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 401 " in await reader.readline()
    writer.close()
